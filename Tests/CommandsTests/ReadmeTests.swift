import Foundation
import JSONText
import Observation
import Provider
import Testing

@testable import Commands

/// What the README tells people to type does what it says.
@Suite struct ReadmeTests {
  private static let text = (try? String(contentsOfFile: root + "README.md", encoding: .utf8)) ?? ""

  private static let root = #filePath.components(separatedBy: "Tests/CommandsTests/")[0]

  /// The code blocks in a language that hold a word.
  private static func block(_ language: String, with word: String) throws -> String {
    let blocks = text.components(separatedBy: "```\(language)\n").dropFirst()
      .compactMap { $0.components(separatedBy: "\n```").first }
    return try #require(blocks.first { $0.contains(word) })
  }

  /// Typed in a clone, where the build has put the program into `.build/release`.
  @Test func `The transcript`() throws {
    let obspool = try Obspool(spool: true)
    #expect(try obspool.shell("mkdir -p .build/release && ln -s \(Obspool.path) .build/release/").code == 0)
    let lines = try Self.block("", with: "$ obspool drain").components(separatedBy: "\n")
    let script = lines.filter { $0.hasPrefix("$ ") }.map { $0.dropFirst(2) }.joined(separator: "\n")
    let shell = try Running(
      "/bin/sh", ["-ec", script], input: [], environment: obspool.environment, directory: obspool.directory)
    let outcome = try shell.wait()
    #expect(outcome.code == 0)
    #expect(outcome.errors == "")
    // The line about the progress is for a terminal.
    let shown = lines.filter { !$0.hasPrefix("$ ") && !$0.contains("/s, $") }.joined(separator: "\n")
    func timeless(_ text: String) -> String {
      text.replacing(/[0-9]{8}T[0-9]{6}\.[0-9]{9}Z-[0-9]+/, with: "NAME")
        .replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}/, with: "TIME")
    }
    #expect(timeless(outcome.output) == timeless(shown))
    #expect(timeless(shown).contains("TIME  change"))
    try obspool.validateRecords()
  }

  @Test func `The drop in sh`() throws {
    let obspool = try Obspool(spool: true)
    let script = try Self.block("sh", with: "mv spool/pending/.0001.json")
    #expect(try obspool.shell(script) == .init(code: 0, output: "", errors: ""))
    let event = try Event(decoding: Array(try obspool.read("spool/pending/0001.json").utf8))
    #expect(event.kind == .prompt)
  }

  /// With the spool of the machine moved into a directory of the test's.
  @Test func `The drop into the spool of the machine`() throws {
    let obspool = try Obspool()
    #expect(try obspool.shell("mkdir -p machine/pending").code == 0)
    let script = try Self.block("sh", with: "cd /var/spool/obspool/pending")
      .replacingOccurrences(of: "/var/spool/obspool", with: obspool.directory + "/machine")
    #expect(try obspool.shell(script).code == 0)
    #expect(try obspool.names(in: "machine/pending").count == 2)
  }

  /// Every setting that the program reads stands in the README.
  @Test func `The settings`() throws {
    let sources = ["Pipeline/Settings.swift", "Pipeline/SettingsSource.swift", "Provider/Providers.swift"]
    let code = try sources.map { try String(contentsOfFile: Self.root + "Sources/" + $0, encoding: .utf8) }
      .joined()
    let names = Set(
      code.matches(of: /"((?:CLAUDE_MEM|OBSPOOL)_[A-Z_]*[A-Z]|[a-z]+-api-key)"/).map { String($0.1) })
    #expect(names.count > 15)
    for name in names.subtracting(["OBSPOOL_DIR", "OBSPOOL_SETTINGS"]) {
      #expect(Self.text.contains("`\(name)`"), "\(name)")
    }
    for kind in Providers.remote {
      for name in ["API_KEY", "BASE_URL", "MAX_CONTEXT_MESSAGES", "MAX_TOKENS"] {
        #expect(Self.text.contains("`\(kind.setting(name))`"), "\(name)")
      }
      #expect(Self.text.contains("| `\(kind.modelSetting)` | `\(kind.defaultModel)` |"))
      #expect(Self.text.contains("| `\(kind.setting("BASE_URL"))` | `\(kind.defaultBaseURL)` |"))
      #expect(Self.text.contains("`$\(kind.keyVariable)`"))
    }
  }

  @Test func `The drop in Python`() throws {
    let obspool = try Obspool(spool: true)
    try obspool.write(Self.block("python", with: "def drop"), to: "drop.py")
    #expect(try obspool.shell("python3 drop.py") == .init(code: 0, output: "", errors: ""))
    let name = try #require(try obspool.names(in: "spool/pending").first)
    let event = try Event(decoding: Array(try obspool.read("spool/pending/\(name)").utf8))
    #expect(event.kind == .toolUse)
    #expect(event.session == "s1")
  }

  @Test func `The hook without obspool, which lands where obspool looks`() throws {
    let obspool = try Obspool()
    try obspool.write(#"{"hook_event_name": "Stop"}"#, to: "payload.json")
    let script = try Self.block("sh", with: "date +%s%N")
    #expect(try obspool.shell("(\(script)) < payload.json") == .init(code: 0, output: "", errors: ""))
    #expect(try obspool("status").output.contains("\npending    1  1 due now"))
  }

  @Test func `The hooks of Claude Code`() throws {
    let settings = try JSON(parsing: try Self.block("json", with: "\"hooks\""))
    let events = try #require(settings["hooks"]?.object)
    #expect(events.map(\.key) == ["UserPromptSubmit", "PostToolUse", "Stop"])
    let obspool = try Obspool()
    for event in events {
      let command = try #require(event.value.array?.first?["hooks"]?.array?.first?["command"]?.string)
      let script = "echo '{\"hook_event_name\": \"\(event.key)\"}' | \(command)"
      #expect(try obspool.shell(script) == .init(code: 0, output: "", errors: ""))
    }
    #expect(try obspool.names(in: "home/.local/share/obspool/spool/pending").count == 3)
  }

  @Test func `The input in its own form`() throws {
    let event = try Event(decoding: Array(try Self.block("json", with: "\"prompt\"").utf8))
    #expect(event.kind == .prompt)
    #expect(event.project == "linkcheck")
  }

  @Test func `The exit codes`() {
    for code in ExitCode.allCases {
      #expect(Self.text.contains("\n| \(code.rawValue) | \(code.meaning) |\n"))
    }
  }

  @Test func `Every command is named`() {
    for command in Command.all { #expect(Self.text.contains("obspool \(command.name)")) }
  }
}
