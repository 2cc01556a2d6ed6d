// What is fed to the program: tool uses of some four kilobytes, and answers as models write them.
import JSONText

/// Inputs and answers; the same in each run.
enum Workload {
  /// The name of an input, which begins with its session's.
  static func name(session: Int, _ number: Int) -> String { "\(sessionName(session))-\(padded(number, 7))" }

  static func sessionName(_ session: Int) -> String { "s\(padded(session, 5))" }

  private static func padded(_ number: Int, _ digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  /// A hook payload of Claude Code.
  ///
  /// - Parameter lines: Of the tool's output, some 45 bytes each.
  static func payload(session: Int, _ number: Int, lines: Int = 60) -> [UInt8] {
    var output = ""
    for line in 0..<lines {
      output += "\(line + 1)\tlet value\(line) = try fetch(\"part \(number)\", \(line * 37 % 101))\n"
    }
    var writer = JSONWriter(reserving: 4096)
    writer.object {
      $0.member("session_id", sessionName(session))
      $0.member("transcript_path", "/home/ada/.claude/projects/linkcheck/\(sessionName(session)).jsonl")
      $0.member("cwd", "/home/ada/src/linkcheck")
      $0.member("hook_event_name", "PostToolUse")
      $0.member("tool_name", "Edit")
      $0.key("tool_input")
      $0.object {
        $0.member("file_path", "/home/ada/src/linkcheck/Sources/Fetch\(number).swift")
        $0.member("old_string", "for link in links {\n  try fetch(link)\n}")
        $0.member("new_string", "for link in links where \"\(number)\" != link.host {\n  try fetch(link)\n}")
      }
      $0.key("tool_response")
      $0.object {
        $0.member("filePath", "/home/ada/src/linkcheck/Sources/Fetch\(number).swift")
        $0.member("content", output)
      }
    }
    return writer.bytes
  }

  /// What the provider answers to everything: a chat completion as OpenRouter gives it, with an observation for each
  /// input of a call.
  static func completion(inputs: Int) -> [UInt8] {
    let blocks = (1...inputs).map { number in
      inputs == 1
        ? answers[0] : answers[0].replacing("<observation>", with: "<observation input=\"\(number)\">")
    }
    var writer = JSONWriter()
    writer.object {
      $0.member("id", "gen-1763985600-aaaaaaaaaaaaaaaaaaaa")
      $0.member("provider", "Loopback")
      $0.member("model", "bench/one")
      $0.member("object", "chat.completion")
      $0.key("choices")
      $0.array {
        $0.object {
          $0.member("index", 0)
          $0.key("message")
          $0.object {
            $0.member("role", "assistant")
            $0.member("content", blocks.joined(separator: "\n"))
          }
          $0.member("finish_reason", "stop")
        }
      }
      $0.key("usage")
      $0.object {
        $0.member("prompt_tokens", 1200)
        $0.member("completion_tokens", 240 * inputs)
        $0.member("cost", 0.0001)
      }
    }
    return writer.bytes
  }

  /// Well-formed answers, so that an XML reader takes them too.
  static let answers = [
    """
    <observation>
    <type>bugfix</type>
    <title>Link checker no longer hangs on hosts that never answer</title>
    <subtitle>Each fetch now has a deadline of ten seconds, so one dead host cannot hold the whole run.</subtitle>
    <facts>
    <fact>fetch() in Sources/Fetch.swift takes a deadline parameter, 10 s by default</fact>
    <fact>A host that misses its deadline is reported as "timed out", exit code 3</fact>
    <fact>links from robots.txt &amp; sitemap.xml share the same pool of 8 connections</fact>
    </facts>
    <narrative>The loop over links called fetch() without a limit, and a host that accepted the connection and \
    then sent nothing kept it waiting for ever. A deadline was added to the call and to the tests, which use a \
    server that accepts and stays silent. The run over the project's own 412 links now takes 14 s.</narrative>
    <concepts>
    <concept>problem-solution</concept>
    <concept>gotcha</concept>
    </concepts>
    <files_read>
    <file>Sources/Pool.swift</file>
    </files_read>
    <files_modified>
    <file>Sources/Fetch.swift</file>
    <file>Tests/FetchTests.swift</file>
    </files_modified>
    </observation>
    """,
    """
    <observation>
    <type>discovery</type>
    <title>The parser keeps fragments: page.html#top and page.html are fetched twice</title>
    <facts>
    <fact>Link.init(text:) compares by the whole text; 31 of 412 links differ only behind the #</fact>
    </facts>
    <narrative>While looking for the cause of the slow run it showed that anchors are part of a link's identity. \
    Nothing was changed yet, since the report is to name missing anchors some day.</narrative>
    <concepts><concept>how-it-works</concept></concepts>
    </observation>
    <observation>
    <type>decision</type>
    <title>Anchors stay part of a link; the fetch is what is shared</title>
    <subtitle>A cache of pages by address without fragment comes before the check of anchors.</subtitle>
    <facts><fact>Cache keeps at most 64 pages &lt; 1 MiB each</fact></facts>
    </observation>
    """,
    """
    <summary>
    <request>Find out why the link checker hangs, and make it stop</request>
    <investigated>Fetch.swift, Pool.swift, the traces of two runs against the staging site</investigated>
    <learned>One host accepted connections and never answered; there was no deadline anywhere</learned>
    <completed>Deadline in fetch(), a test with a silent server, an entry in CHANGELOG.md</completed>
    <next_steps>Fetch pages once for all their anchors</next_steps>
    <notes>The staging site closes idle connections after 5 s</notes>
    </summary>
    """,
  ]

  /// The same as models write them: with fences, prose, thinking, and what is not escaped.
  static let looseAnswers = answers.flatMap { answer in
    [
      "Here is what I noted:\n\n```xml\n\(answer)\n```\n\nLet me know if you need more detail.",
      "<think>The agent edited a file. I should record <observation> blocks.</think>\n" + answer,
      answer.replacing("&amp;", with: "&").replacing("&lt;", with: "<"),
    ]
  }

  /// Texts that are made to cost a reader time; each grows with the number it is given, in bytes.
  static let hostileAnswers: [(name: String, text: @Sendable (Int) -> String)] = [
    ("many <", { String(repeating: "<", count: $0) }),
    ("many </", { String(repeating: "</", count: $0 / 2) }),
    ("many &", { String(repeating: "&", count: $0) }),
    ("open blocks", { String(repeating: "<observation>", count: $0 / 13) }),
    ("open titles", { "<observation>" + String(repeating: "<title>", count: $0 / 7) }),
    ("closed blocks", { String(repeating: "<observation><title>a</title></observation>", count: $0 / 44) }),
    ("open comments", { String(repeating: "<!--", count: $0 / 4) }),
    ("open thinking", { String(repeating: "<think>", count: $0 / 7) }),
    ("open attributes", { String(repeating: "<observation input=\"", count: $0 / 20) }),
    ("open facts", { "<observation><facts>" + String(repeating: "<fact>a", count: $0 / 7) }),
    ("fences", { String(repeating: "```xml\n", count: $0 / 7) }),
    ("character data", { String(repeating: "<![CDATA[", count: $0 / 9) }),
  ]
}
