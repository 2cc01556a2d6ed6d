import Foundation
import JSONText
import Observation
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

  @Test func `The drop in sh`() throws {
    let obspool = try Obspool(spool: true)
    try obspool.write(#"{"kind": "note"}"#, to: "payload.json")
    let script = try Self.block("sh", with: "mv .0001.json").replacingOccurrences(
      of: "< payload", with: "< ../../payload")
    #expect(try obspool.shell(script) == .init(code: 0, output: "", errors: ""))
    #expect(try obspool.read("spool/pending/0001.json") == #"{"kind": "note"}"#)
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
