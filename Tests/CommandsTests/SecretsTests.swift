// Keys stay where the user put them: the program is run through many stories with keys from everywhere, and then
// every byte that it wrote or printed is searched for them.

import Foundation
import JSONText
import TestSupport
import Testing

@Suite struct SecretsTests {
  private static let keys = [
    "CLAUDE_MEM_OPENROUTER_API_KEY": "sk-or-v1-Qm7Zt2Wx9Kp4Vb6Ny8Rd3Hc5",
    "CLAUDE_MEM_GEMINI_API_KEY": "AIzaGf4Lm8Ts2Px6Jv9Bn3Wq7Yk5Dr",
    "CLAUDE_MEM_CLAUDE_API_KEY": "sk-ant-api03-Uh6Xe3Fj9Mz5Ca2Oi8Sw4",
  ]

  /// Where a run's keys come from.
  enum Origin: CaseIterable { case file, environment, credentials }

  /// What a server may do with the key that it was sent; `KEY` is replaced by it.
  private static let answers: [@Sendable (String) -> HTTPResponse] = [
    { .error(401, "No auth for \($0)") },
    { .error(429, "slow down, \($0)") },
    { .error(400, #"{"error":{"message":"bad \#($0)","metadata":{"raw":"\#($0)"}}}"#) },
    { .error(500, "<html>\($0)</html>") },
    { .reply(status: 302, headers: [("Location", "https://elsewhere.invalid/?k=\($0)")], body: []) },
    { .json(#"{"error":{"message":"\#($0)\#u{301}","code":402}}"#) },
    { .json("not JSON \($0)") },
    { .json(Self.reply("prose that says \($0)", model: $0, id: $0)) },
    {
      .json(
        Self.reply(
          "<observation>\n<title>\($0)</title><narrative>\($0)\u{301}</narrative></observation>", model: $0,
          id: $0))
    },
  ]

  /// One body that is an answer in each of the three APIs.
  private static func reply(_ text: String, model: String, id: String) -> String {
    let text = JSON.string(text).text
    let (model, id) = (JSON.string(model).text, JSON.string(id).text)
    return """
      {"id":\(id),"responseId":\(id),"model":\(model),"modelVersion":\(model),
       "choices":[{"message":{"content":\(text)},"finish_reason":"stop"}],
       "candidates":[{"content":{"parts":[{"text":\(text)}]},"finishReason":"STOP"}],
       "content":[{"type":"text","text":\(text)}],"stop_reason":"end_turn"}
      """
  }

  @Test(arguments: Origin.allCases, ["openrouter", "gemini", "claude"])
  func `no key shows in anything that is written or printed`(_ origin: Origin, _ provider: String) throws {
    let keys = Self.keys
    let server = try LoopbackServer { request in
      // What came in as a key goes out in every way.
      let sent =
        ["authorization", "x-goog-api-key", "x-api-key"].compactMap { request.header($0) }.first ?? ""
      let key = sent.replacingOccurrences(of: "Bearer ", with: "")
      return Self.answers[min(request.number, Self.answers.count - 1)](key)
    }
    var obspool = try Obspool(spool: true)
    var settings = [
      "CLAUDE_MEM_PROVIDER": provider, "CLAUDE_MEM_OPENROUTER_BASE_URL": server.url,
      "CLAUDE_MEM_GEMINI_BASE_URL": server.url, "CLAUDE_MEM_CLAUDE_BASE_URL": server.url,
      "OBSPOOL_RETRY_BASE_SECONDS": "1", "OBSPOOL_RETRY_MAX_SECONDS": "1",
    ]
    switch origin {
    case .file: settings.merge(keys) { $1 }
    case .environment: obspool.environment.merge(keys) { $1 }
    case .credentials:
      let directory = obspool.directory + "/credentials"
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
      for (name, file) in [
        "CLAUDE_MEM_OPENROUTER_API_KEY": "openrouter-api-key", "CLAUDE_MEM_GEMINI_API_KEY": "gemini-api-key",
        "CLAUDE_MEM_CLAUDE_API_KEY": "claude-api-key",
      ] {
        try obspool.write(keys[name] ?? "", to: "credentials/\(file)")
      }
      obspool.environment["CREDENTIALS_DIRECTORY"] = directory
    }
    try FileManager.default.createDirectory(
      atPath: obspool.directory + "/home/.claude-mem", withIntermediateDirectories: false)
    let text = JSON.object(settings.map { JSON.Member($0.key, .string($0.value)) }).text
    // A file that others may read is warned about, without what is in it.
    try obspool.write(text, to: "home/.claude-mem/settings.json")

    // Tools that have seen the keys: in plain text, in a settings file, at the place where a long text is cut.
    let all = keys.values.sorted().joined(separator: " ")
    let filler = String(repeating: "x", count: 15_960)
    let inputs: [[String: JSON]] = [
      [
        "tool_name": .string("Bash"), "tool_input": .string("cat settings.json"),
        "tool_response": .string(text),
      ],
      [
        "tool_name": .string("Edit"), "tool_input": .object([JSON.Member("file_path", .string("/k/\(all)"))]),
        "tool_response": .string(all + "\u{301}"),
      ],
      ["tool_name": .string("Read"), "tool_response": .string(filler + all + all + filler + filler)],
      ["prompt": .string("use \(all)")],
      ["kind": .string("stop"), "last_assistant_message": .string(all)],
    ]
    var printed = ""
    func run(_ arguments: String...) throws {
      let outcome = try obspool.start(arguments).wait()
      printed += "$ obspool \(arguments)\n" + outcome.output + outcome.errors
    }
    for (number, input) in inputs.enumerated() {
      let members = input.map { JSON.Member($0.key, $0.value) }
      let json = JSON.object(
        members + [JSON.Member("session_id", .string("s1")), JSON.Member("cwd", .string("/w/\(all)"))])
      try obspool.write(json.text, to: "spool/pending/\(number).json")
    }
    for _ in 0..<Self.answers.count + 4 where try !obspool.names(in: "spool/pending").isEmpty {
      try run("drain")
      try run("status")
      try run("retry", "--all")
    }
    try run("check")
    try run("status", "--json")
    try run("list")
    try run("usage")
    try run("show", "s1")
    for number in inputs.indices { try run("show", "\(number)") }
    #expect(server.requests.count >= Self.answers.count)
    #expect(try obspool.names(in: "spool/done").count == inputs.count, "\(printed)")

    // What the user wrote stays as it is; everything else was written by the program.
    #expect(pieces(of: keys, in: printed) == [])
    let files = try #require(
      FileManager.default.enumerator(atPath: obspool.directory)?.allObjects as? [String])
    var searched = 0
    for file in files
    where !["spool/done/", "credentials/", "home/.claude-mem/"].contains(where: file.hasPrefix) {
      #expect(pieces(of: keys, in: file) == [])
      guard let text = try? obspool.read(file) else { continue }
      searched += 1
      #expect(pieces(of: keys, in: text) == [], "\(file)")
    }
    #expect(searched > 2 * inputs.count)
    // The key itself is in a request's headers alone.
    #expect(!server.requests.contains { !pieces(of: keys, in: $0.text).isEmpty })
  }

  /// The keys of which a piece of twelve characters stands in a text: a key that was cut is still most of a key.
  private func pieces(of keys: [String: String], in text: String) -> [String] {
    let text = Array(text.utf8)
    return keys.values.filter { key in
      let key = Array(key.utf8.dropFirst(8))
      return (0...key.count - 12).contains { start in
        text.firstRange(of: key[start..<start + 12]) != nil
      }
    }
  }

  @Test func `the command claude gets no key in its arguments or its environment`() throws {
    let obspool = try {
      var obspool = try Obspool(spool: true)
      // A key of another provider, and one for this one that its own setting does not name.
      obspool.environment.merge(Self.keys.filter { $0.key != "CLAUDE_MEM_CLAUDE_API_KEY" }) { $1 }
      obspool.environment["OPENROUTER_API_KEY"] = Self.keys["CLAUDE_MEM_OPENROUTER_API_KEY"]
      obspool.environment["CLAUDE_MEM_PROVIDER"] = "claude"
      obspool.environment["PATH"] = obspool.directory + ":/usr/bin:/bin"
      return obspool
    }()
    try obspool.write(
      """
      #!/bin/sh
      { tr '\\0' '\\n' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$$/environ; cat; } >>"\(obspool.directory)/seen"
      echo '{"type":"result","subtype":"success","result":"<skip/>"}'
      """, to: "claude.text")
    // Written by another process: with a descriptor of ours that a child of another test has, it could not be run.
    try obspool.shell("install -m 755 claude.text claude")
    try obspool.write(
      JSON.object([
        JSON.Member("tool_name", .string("Bash")),
        JSON.Member("tool_response", .string(Self.keys.values.joined(separator: " "))),
      ]).text, to: "spool/pending/1.json")
    let outcome = try obspool("drain")
    let seen = try obspool.read("seen")
    #expect(outcome.code == 0, "\(outcome)")
    #expect(seen.contains("--output-format\n"))
    #expect(seen.contains("HOME="))
    #expect(seen.contains("=== 1 What you are to do"))
    let known = Self.keys.filter { $0.key != "CLAUDE_MEM_CLAUDE_API_KEY" }
    #expect(pieces(of: known, in: seen) == [])
  }

  @Test(.enabled(if: Obspool.makesCores, "no core is written here, whoever dies"))
  func `no core is written, in which the key would stand`() async throws {
    let server = try LoopbackServer { _ in .hang(then: .close) }
    let obspool = try Obspool(spool: true)
    try obspool.write(#"{"tool_name":"T"}"#, to: "spool/pending/1.json")
    try obspool.write(
      """
      ulimit -c unlimited
      OPENROUTER_API_KEY=\(Self.keys["CLAUDE_MEM_OPENROUTER_API_KEY"] ?? "") CLAUDE_MEM_PROVIDER=openrouter \
      CLAUDE_MEM_OPENROUTER_BASE_URL=\(server.url) OBSPOOL_TIMEOUT_SECONDS=3600 exec "\(Obspool.path)" drain
      """, to: "script")
    let running = try Running(
      "/bin/sh", ["script"], input: [], environment: obspool.environment, directory: obspool.directory)
    await server.waitForRequests(1)
    running.send(SIGSYS)
    #expect(try running.waitForCore() == false)
  }
}

extension Obspool {
  /// Whether a process that dies of a signal leaves a core on this machine.
  fileprivate static let makesCores: Bool = {
    guard let obspool = try? Obspool() else { return false }
    try? obspool.write("ulimit -c unlimited\nkill -SYS $$", to: "script")
    let running = try? Running(
      "/bin/sh", ["script"], input: [], environment: obspool.environment, directory: obspool.directory)
    return (try? running?.waitForCore()) ?? false
  }()
}

extension Running {
  /// Waits for its end, which a signal brings, and tells whether the kernel has written a core.
  fileprivate func waitForCore() throws -> Bool {
    var status: Int32 = 0
    while waitpid(process, &status, 0) == -1 { try #require(errno == EINTR) }
    #expect(status & 0x7F == SIGSYS)
    return status & 0x80 != 0
  }
}
