import Foundation
import JSONText
import Observation
import TestSupport
import Testing

@testable import Commands

/// `obspool demo`, which is what people run first.
@Suite(.timeLimit(.minutes(5))) struct DemoTests {
  @Test func `Without a key it records what the tool uses themselves say`() throws {
    let obspool = try Obspool()
    let outcome = try obspool("demo")
    #expect(outcome.code == 0)
    let spool = try #require(try obspool.names(in: ".").first { $0.hasPrefix("obspool-demo-") })
    let path = "\(obspool.directory)/\(spool)"
    #expect(
      outcome.output.hasPrefix(
        """
        8 hook payloads of a session with Claude Code → \(path)
        asking nobody (offline): set OPENROUTER_API_KEY to ask a model

        \(path)
        ├── done
        │   ├── 0001-session-start.json
        """))
    #expect(outcome.output.contains("\n\(path)/observations/\(DemoSession.session)/0005-edit.xml\n\n<?xml "))
    #expect(outcome.output.contains("<file>/home/ada/src/linkcheck/src/linkcheck/fetch.py</file>"))
    #expect(outcome.output.hasSuffix("obspool show 0005-edit --spool \(path)\n"))
    #expect(!outcome.errors.contains("warning:"))
    #expect(!outcome.errors.contains("error:"))
    for (name, json) in DemoSession.payloads {
      #expect(try obspool.read("\(spool)/done/\(name).json") == json)
    }
    #expect(try obspool.names(in: "\(spool)/observations/\(DemoSession.session)").count == 16)
    #expect(try obspool.names(in: "home") == [])
    try obspool.validateRecords(in: spool)
  }

  /// The prompt holds a password in a private part.
  @Test func `What is private is in done, and in no record`() throws {
    let obspool = try Obspool()
    #expect(try obspool("demo", "--spool", "d").code == 0)
    #expect(try obspool.shell("grep -rl correct-horse d").output == "d/done/0002-prompt.json\n")
    try obspool.validateRecords(in: "d")
  }

  @Test func `With a key in the environment it asks that provider`() throws {
    let server = try LoopbackServer { request in
      .chat(
        (1...8).map { "<observation input=\"\($0)\"><title>Number \($0)</title></observation>" }.joined()
          + "<summary><completed>All</completed></summary>", model: "test/served")
    }
    var obspool = try Obspool()
    obspool.environment["OPENROUTER_API_KEY"] = "k"
    obspool.environment["CLAUDE_MEM_OPENROUTER_BASE_URL"] = server.url
    let outcome = try obspool("demo", "--spool", "d")
    #expect(outcome.code == 0)
    #expect(outcome.output.contains("\nasking openrouter, xiaomi/mimo-v2-flash:free\n"))
    #expect(outcome.output.contains("<served_model>test/served</served_model>"))
    #expect(!server.requests.isEmpty)
    #expect(server.requests.allSatisfy { !$0.text.contains("correct-horse") })
    try obspool.validateRecords(in: "d")
  }

  @Test func `A provider that fails leaves the session waiting, and says so`() throws {
    let server = try LoopbackServer { _ in .error(401) }
    var obspool = try Obspool()
    obspool.environment["OPENROUTER_API_KEY"] = "k"
    obspool.environment["CLAUDE_MEM_OPENROUTER_BASE_URL"] = server.url
    let outcome = try obspool("demo", "--spool", "d")
    #expect(outcome.code == 75)
    #expect(outcome.errors.hasSuffix(" wait or are in flight; `obspool status --spool d` tells why\n"))
  }

  @Test func `A directory that holds something is left alone`() throws {
    let obspool = try Obspool()
    #expect(try obspool.shell("mkdir d; touch d/mine").code == 0)
    let outcome = try obspool("demo", "--spool", "d")
    #expect(outcome.code == 64)
    #expect(outcome.errors.hasPrefix("error: d is not empty\nhint: "))
    #expect(try obspool.names(in: "d") == ["mine"])
  }

  @Test func `Every payload is an event, and the session has all kinds`() throws {
    let events = try DemoSession.payloads.map { try Event(decoding: Array($0.json.utf8)) }
    #expect(events.allSatisfy { $0.session == DemoSession.session && $0.project == "linkcheck" })
    #expect(events.map(\.kind) == [.note, .prompt, .toolUse, .toolUse, .toolUse, .toolUse, .toolUse, .stop])
    #expect(DemoSession.payloads.map(\.name) == DemoSession.payloads.map(\.name).sorted())
  }
}
