import Foundation
import JSONText
import Observation
import Testing

@testable import Commands
@testable import Pipeline

/// `obspool status`, `list` and `show`: what they say of a spool that holds this and that.
@Suite struct ReadingTests {
  private static func record(
    _ name: String, session: String = "s1", project: String = "linkcheck", at time: String, turn: Int = 1,
    findings: [Finding] = [], summary: Summary? = nil
  ) throws -> Record {
    let date = try #require(Date(rfc3339: time))
    return Record(
      name: name, inputSHA256: String(repeating: "0", count: 64), session: session, project: project,
      turn: turn,
      kind: summary == nil ? .toolUse : .stop, occurredAt: date, processedAt: date.addingTimeInterval(2),
      outcome: summary == nil ? .observed : .summarized, findings: findings, summary: summary,
      provider: "openrouter", model: "m/one:free", servedModel: "m/one", requestID: "gen-1",
      usage: Record.Usage(
        inputTokens: 2500, outputTokens: 120, cachedTokens: 2000, costUSD: 0.0042, estimated: false),
      exchange: .said(user: JSONString("<observed n=\"1\">ls</observed>"), assistant: JSONString("<skip/>\n"))
    )
  }

  /// Three records in two sessions; the title of one would clear the screen.
  private static func filled() throws -> Obspool {
    let obspool = try Obspool(spool: true)
    try obspool.record(
      record(
        "0002-edit", at: "2026-11-24T12:00:00Z",
        findings: [
          Finding(
            type: "bugfix", title: "Requests wait at most 20 s", subtitle: "fetch.py had no timeout",
            facts: ["requests has no timeout of its own"], narrative: "It hung.", concepts: ["gotcha"],
            filesRead: [], filesModified: ["src/fetch.py"]),
          Finding(type: "discovery", title: "robots.py has a timeout"),
        ]))
    try obspool.record(
      record(
        "0009-stop", at: "2026-11-24T12:30:00Z", turn: 2,
        summary: Summary(request: "Why does it hang?", completed: "A timeout and a test")))
    try obspool.record(
      record(
        "0001-other", session: "s2", project: "atlas", at: "2026-11-23T09:00:00Z",
        findings: [Finding(type: "decision", title: "\u{1B}[2JClear\u{202E}")]))
    return obspool
  }

  // MARK: list

  @Test func `What was learned is listed by time, newest last`() throws {
    let outcome = try Self.filled()("list")
    #expect(outcome.errors == "")
    #expect(
      outcome.output == """
        2026-11-23 09:00  decision   \\u{1B}[2JClear\\u{202E}      0001-other
        2026-11-24 12:00  bugfix     Requests wait at most 20 s  0002-edit
        2026-11-24 12:00  discovery  robots.py has a timeout     0002-edit
        2026-11-24 12:30  summary    A timeout and a test        0009-stop

        """)
  }

  @Test(arguments: [
    (["--project", "atlas"], 1), (["--project", "none"], 0), (["--session=s1"], 3),
    (["--type", "bugfix"], 1),
    (["--type", "summary"], 1), (["--since", "2026-11-24T12:30:00Z"], 1), (["--since", "2026-11-24"], 3),
    (["--project", "linkcheck", "--type", "discovery"], 1),
  ])
  func `Filters narrow it, and all of them count`(options: [String], count: Int) throws {
    let obspool = try Self.filled()
    let outcome = try obspool.start(["list"] + options).wait()
    #expect(outcome.code == 0)
    #expect(outcome.output.split(separator: "\n").count == count)
  }

  @Test func `As JSON it is one object a line`() throws {
    let outcome = try Self.filled()("list", "--json", "--session", "s1", "--type", "bugfix")
    let line = """
      {"name":"0002-edit","session_id":"s1","project":"linkcheck","occurred_at":"2026-11-24T12:00:00.000Z",\
      "type":"bugfix","title":"Requests wait at most 20 s","subtitle":"fetch.py had no timeout",\
      "facts":["requests has no timeout of its own"],"narrative":"It hung.","concepts":["gotcha"],\
      "files_read":[],"files_modified":["src/fetch.py"]}

      """
    #expect(outcome == .init(code: 0, output: line, errors: ""))
  }

  @Test func `A point in time that is none`() throws {
    #expect(
      try Self.filled()("list", "--since", "noon")
        == .init(
          code: 64, output: "",
          errors: """
            error: --since does not take noon
            hint: give a span before now (90s, 30m, 12h, 7d, 2w), a day (2026-11-24) or a time (2026-11-24T12:00:00Z)

            """))
  }

  @Test func `A file that is no record is named, and the rest is listed`() throws {
    let obspool = try Self.filled()
    try obspool.write("{", to: "spool/observations/s1/torn.json")
    let outcome = try obspool("list")
    #expect(outcome.output.split(separator: "\n").count == 4)
    #expect(outcome.errors.hasPrefix("warning: ./spool/observations/s1 holds a file that is no record: "))
  }

  // MARK: show

  @Test func `An input that is done tells what was asked and learned`() throws {
    let obspool = try Self.filled()
    try obspool.write(
      #"{"session_id": "s1", "hook_event_name": "PostToolUse", "tool_name": "Edit", "cwd": "/src/linkcheck"}"#,
      to: "spool/done/0002-edit.json")
    let outcome = try obspool("show", "spool/done/0002-edit.json")
    #expect(
      outcome
        == .init(
          code: 0,
          output: """
            0002-edit
              where     ./spool/done/0002-edit.json
              record    ./spool/observations/s1/0002-edit.xml
                        ./spool/observations/s1/0002-edit.json
              input     PostToolUse, Edit, project linkcheck, session s1
              outcome   observed, 2026-11-24 12:00:02, turn 1
              asked     openrouter, m/one:free, served by m/one, request gen-1
              usage     2,500 tokens in (2,000 cached), 120 out, $0.0042

            Asked
              | <observed n="1">ls</observed>

            Answered
              | <skip/>

            bugfix: Requests wait at most 20 s
              fetch.py had no timeout
              - requests has no timeout of its own
              It hung.
              Concepts: gotcha
              Modified: src/fetch.py

            discovery: robots.py has a timeout

            """, errors: ""))
  }

  @Test func `An input that failed tells why`() throws {
    let obspool = try Obspool(spool: true)
    try obspool.write("[1]", to: "spool/failed/a.json")
    try obspool.write(
      """
      {"name": "a", "attempts": 5, "crashes": 1, "class": "answer", "status": 200, "message": "no observation in it",
       "first_failed_at": "2026-11-24T12:00:00Z", "last_failed_at": "2026-11-24T12:10:00.5Z",
       "next_attempt_at": null, "answer": "I am ready to \\u001b[31mhelp\\nyou"}
      """, to: "spool/errors/a.json")
    let outcome = try obspool("show", "a")
    #expect(outcome.code == 0)
    let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[1] == "  where     ./spool/failed/a.json")
    #expect(lines[2].hasPrefix("  input     "))
    #expect(
      lines.dropFirst(3).joined(separator: "\n") == """
          why       answer 200: no observation in it
          attempts  5 charged attempts, 1 crash; first failed 2026-11-24 12:00:00, last 2026-11-24 12:10:00

        The answer that could not be used
          | I am ready to \\u{1B}[31mhelp
          | you

        """)
  }

  @Test func `An input that waits tells until when`() throws {
    let obspool = try Obspool(spool: true)
    try obspool.write(#"{"kind": "prompt", "prompt": "x"}"#, to: "spool/pending/a.json")
    let now = "a\n  where     ./spool/pending/a.json; due now\n"
    #expect(try obspool("show", "a").output.hasPrefix(now))
    try obspool.shell("touch -d '+10 minutes' spool/pending/a.json")
    let output = try obspool("show", "a").output
    #expect(output.hasPrefix("a\n  where     ./spool/pending/a.json; due in "))
    // Further ahead than the longest backoff is nobody's schedule.
    try obspool.shell("touch -d '+20 minutes' spool/pending/a.json")
    #expect(try obspool("show", "a").output.hasPrefix(now))
  }

  private static func pause(_ provider: String, until: String = "2099-01-01T00:00:00.000Z") -> String {
    """
    {"provider": "\(provider)", "class": "auth", "status": 401, "message": "No auth credentials found",
     "since": "2026-11-24T12:00:00.000Z", "until": "\(until)", "failures": 1, "fingerprint": "f"}
    """
  }

  @Test func `An input that a pause holds tells which, and why`() throws {
    var obspool = try Obspool(spool: true)
    obspool.environment["CLAUDE_MEM_PROVIDER"] = "openrouter"
    try obspool.write(#"{"tool_name": "Bash"}"#, to: "spool/pending/a.json")
    try obspool.write(#"{"tool_name": "Bash"}"#, to: "spool/done/b.json")
    for name in ["gemini", "openrouter"] {
      try obspool.write(Self.pause(name, until: "2026-11-24T12:15:00Z"), to: "spool/paused/\(name).json")
    }
    let outcome = try obspool("show", "a")
    #expect(
      outcome.output.hasPrefix(
        """
        a
          where     ./spool/pending/a.json; due now
          paused    openrouter: auth 401, since 2026-11-24 12:00:00, next call
        """))
    #expect(outcome.output.contains("\n            No auth credentials found\n  input     "))
    #expect(!outcome.output.contains("gemini"))
    #expect(try !obspool("show", "b").output.contains("paused"))
  }

  /// Two of a call that showed two, and one whose call showed three, of which one got no answer.
  @Test func `An input that was asked together with others tells which part is its own`() throws {
    let obspool = try Obspool(spool: true)
    let frames = (1...2).map { "<observed n=\"\($0)\">\n<tool_name>T\($0)</tool_name>\n</observed>\n" }
    var first = try Self.record("1", at: "2026-11-24T12:00:00Z")
    first.batch = ["1", "2"]
    first.usage = nil
    first.exchange = .within("2")
    var second = try Self.record("2", at: "2026-11-24T12:00:00Z")
    second.batch = ["1", "2"]
    second.exchange = .said(
      user: JSONString(frames.joined() + "Answer"), assistant: JSONString("<skip input=\"1\"/>"))
    try obspool.record(first)
    try obspool.record(second)
    let outcome = try obspool("show", "1", "2")
    #expect(outcome.errors == "")
    #expect(
      outcome.output.contains(
        """
          together  with 2
          usage     2,500 tokens in (2,000 cached), 120 out, $0.0042; all 2 inputs together, in the record of 2

        Asked, in the record of 2; this input is number 1 of 2, marked >
          > <observed n="1">
          > <tool_name>T1</tool_name>
          > </observed>
          | <observed n="2">
          | <tool_name>T2</tool_name>
          | </observed>
          | Answer

        Answered
        """))
    #expect(
      outcome.output.contains(
        """
          together  with 1
          usage     2,500 tokens in (2,000 cached), 120 out, $0.0042; all 2 inputs together

        Asked; this input is number 2 of 2, marked >
          | <observed n="1">
        """))
    second.batch = nil
    second.name = "3"
    try obspool.record(second)
    #expect(try obspool("show", "3").output.contains("\nAsked\n  | <observed n=\"1\">\n"))
  }

  @Test func `An input that is not there`() throws {
    #expect(
      try Self.filled()("show", "nobody")
        == .init(
          code: 66, output: "",
          errors: "error: no input is called nobody in ./spool\nhint: `obspool list` names what is recorded\n"
        ))
    #expect(try Self.filled()("show").code == 64)
  }

  // MARK: status

  @Test func `An empty spool`() throws {
    let outcome = try Obspool(spool: true)("status")
    #expect(
      outcome
        == .init(
          code: 0,
          output: """
            spool      ./spool
            processor  not running
            pending    0
            inflight   0
            done       0
            failed     0
            today      no calls

            """, errors: ""))
  }

  @Test func `Counts, times, pauses and costs as JSON`() throws {
    var obspool = try Obspool(spool: true)
    obspool.environment["CLAUDE_MEM_PROVIDER"] = "openrouter"
    for path in [
      "pending/a.json", "pending/b.json", "pending/c.json", "pending/.hidden.json", "pending/readme.txt",
      "done/c.json", "failed/d.json",
    ] {
      try obspool.write("{}", to: "spool/\(path)")
    }
    try obspool.shell(
      "cd spool/pending && ln -s a.json link.json && mkfifo fifo.json && mkdir directory.json && "
        + "echo > twice.json && ln twice.json ../tmp/twice")
    let day = Date().rfc3339.prefix(10)
    try obspool.shell(
      """
      cd spool/pending; touch -d 2026-01-02T03:04:05Z a.json; touch -d 2099-01-01T00:00:00Z b.json
      touch -d @$(( $(date +%s) + 600 )) c.json
      """)
    let next = try #require(
      try FileManager.default.attributesOfItem(atPath: obspool.directory + "/spool/pending/c.json")[
        .modificationDate] as? Date)
    for name in ["gemini", "openrouter"] {
      try obspool.write(Self.pause(name), to: "spool/paused/\(name).json")
    }
    let call =
      #"{"at":"\#(day)T00:00:01.000Z","provider":"openrouter","model":"m","inputs":2,"input_tokens":2500,"#
      + #""output_tokens":120,"cached_tokens":2000,"cost_usd":0.0042}"#
    try obspool.write("\(call)\n\(call)\n{\"at\":", to: "spool/usage/\(day).jsonl")
    let outcome = try obspool("status", "--json")
    #expect(outcome.errors == "")
    #expect(
      outcome.output == """
        {
          "spool": "./spool",
          "owner_pid": null,
          "pending": {
            "count": 3,
            "due": 2,
            "oldest_at": "2026-01-02T03:04:05.000Z",
            "next_due_at": "\(next.rfc3339)",
            "not_inputs": 5
          },
          "inflight": 0,
          "done": 1,
          "failed": 1,
          "paused": [
            {
              "provider": "gemini",
              "class": "auth",
              "status": 401,
              "message": "No auth credentials found",
              "since": "2026-11-24T12:00:00.000Z",
              "until": "2099-01-01T00:00:00.000Z",
              "in_use": false
            },
            {
              "provider": "openrouter",
              "class": "auth",
              "status": 401,
              "message": "No auth credentials found",
              "since": "2026-11-24T12:00:00.000Z",
              "until": "2099-01-01T00:00:00.000Z",
              "in_use": true
            }
          ],
          "today": {
            "calls": 2,
            "inputs": 4,
            "input_tokens": 5000,
            "cached_tokens": 4000,
            "output_tokens": 240,
            "cost_usd": 0.0084,
            "unpriced_calls": 0,
            "estimated": false
          }
        }

        """)
    let text = try obspool("status").output
    #expect(text.contains("\npending    3  2 due now, next in "))
    #expect(
      text.contains(
        "\n           5 files that are no inputs: only visible regular files called NAME.json are taken\ninflight "
      ))
    let lines = text.split(separator: "\n")
    let pauses = try #require(lines.firstIndex { $0.hasPrefix("paused ") })
    #expect(lines[pauses].hasPrefix("paused     gemini: auth 401, since 2026-11-24 12:00:00, next call in "))
    #expect(lines[pauses].hasSuffix("; not in use: the settings name openrouter"))
    #expect(lines[pauses + 1] == "           No auth credentials found")
    #expect(
      lines[pauses + 2].hasPrefix("paused     openrouter: auth 401, since 2026-11-24 12:00:00, next call in ")
    )
    #expect(!lines[pauses + 2].contains("not in use"))
    #expect(lines[pauses + 3] == "           No auth credentials found")
    #expect(text.contains("\ntoday      2 calls, 5,000 tokens in (80 % cached), 240 out, $0.0084\n"))
    #expect(text.contains("\nfailed     1  `obspool show NAME` tells why\n"))
  }

  @Test func `A pause with a long message does not make one long line`() throws {
    let obspool = try Obspool(spool: true)
    let message = String(repeating: "word ", count: 80)
    try obspool.write(
      Self.pause("claude").replacingOccurrences(of: "No auth credentials found", with: message),
      to: "spool/paused/claude.json")
    let lines = try obspool("status").output.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 100 })
    #expect(lines.joined(separator: " ").components(separatedBy: "word").count == 81)
  }

  /// The kernel's list of locks names a file by device and number; the numbers of two file systems may be the same.
  @Test func `The owner is who locks this very file`() {
    let locks = """
      1: POSIX  ADVISORY  WRITE 7 08:01:4711 0 EOF
      2: FLOCK  ADVISORY  WRITE 8 08:02:4711 0 EOF
      3: FLOCK  ADVISORY  WRITE 9 08:01:4711 0 EOF
      3: -> FLOCK  ADVISORY  WRITE 10 08:01:4711 0 EOF
      4: FLOCK  ADVISORY  WRITE 11 08:01:14711 0 EOF
      """
    func owner(_ major: UInt64, _ minor: UInt64, written: Int?, isHidden: Bool = false) -> Int? {
      StatusReport.owner(
        in: locks, device: StatusReport.number(ofDevice: major, minor), inode: 4711, written: written,
        isHidden: isHidden)
    }
    #expect(owner(8, 1, written: nil) == 9)
    #expect(owner(8, 2, written: 9) == 8)
    // Btrfs and overlayfs tell stat another device.
    #expect(owner(0, 42, written: 9) == 9)
    #expect(owner(0, 42, written: 12) == nil)
    #expect(owner(0, 42, written: nil) == nil)
    // Who may not read the file has the number of the file alone, where the device says nothing.
    #expect(owner(0, 42, written: nil, isHidden: true) == 8)
    #expect(owner(8, 1, written: nil, isHidden: true) == 9)
    // As `stat` tells it of /dev/null, 1:3, and of a device with a large number.
    #expect(StatusReport.number(ofDevice: 1, 3) == 0x103)
    #expect(StatusReport.number(ofDevice: 259, 0x12345) == 0x1231_0345)
  }

  /// Who only looks makes nothing.
  @Test(arguments: [["status"], ["list"], ["show", "a"], ["retry"]])
  func `A spool that is not there is not made`(words: [String]) throws {
    let obspool = try Obspool()
    let home = obspool.directory + "/home"
    #expect(
      try obspool.start(words).wait()
        == .init(
          code: 66, output: "",
          errors: """
            error: there is no spool at \(home)/.local/share/obspool/spool
            hint: name it with --spool DIR or $OBSPOOL_DIR; `obspool add` makes one

            """))
    #expect(try FileManager.default.contentsOfDirectory(atPath: home) == [])
  }
}
