import Foundation
import TestSupport
import Testing

@testable import Commands

/// `obspool check`.
@Suite struct CheckTests {
  private static let key = "sk-or-v1-this-is-the-key"

  @Test func `A provider that answers, a key that it takes and a model that it knows`() throws {
    let server = try LoopbackServer { _ in .json(#"{"data": [{"id": "m/one"}]}"#) }
    var obspool = try Obspool(spool: true)
    obspool.environment["OPENROUTER_API_KEY"] = Self.key
    try obspool.write(
      """
      {"CLAUDE_MEM_PROVIDER": "openrouter", "CLAUDE_MEM_OPENROUTER_MODEL": "m/one",
       "CLAUDE_MEM_OPENROUTER_BASE_URL": "\(server.url)"}
      """, to: "settings.json")
    let outcome = try obspool("check", "--settings", "settings.json")
    #expect(outcome.code == 0)
    #expect(outcome.errors == "")
    let lines = outcome.output.split(separator: "\n")
    #expect(
      lines.prefix(5) == [
        "ok  settings  settings.json", "ok  provider  openrouter (settings file)",
        "ok  model     m/one (settings file) at \(server.url)", "ok  key       24 characters (environment)",
        "ok  spool     ./spool can be owned and written",
      ])
    #expect(lines.last == "ok  model     m/one is known")
    #expect(!outcome.output.contains(Self.key))
    #expect(server.requests.map(\.path) == ["/models"])
  }

  @Test func `A key that is not taken`() throws {
    let server = try LoopbackServer { _ in .error(401, "No auth for \(Self.key)") }
    var obspool = try Obspool(spool: true)
    obspool.environment["OPENROUTER_API_KEY"] = Self.key
    obspool.environment["CLAUDE_MEM_OPENROUTER_BASE_URL"] = server.url
    let outcome = try obspool("check")
    #expect(outcome.code == 78)
    #expect(outcome.output.contains("\nfailure  key "))
    #expect(!outcome.output.contains(Self.key))
  }

  @Test func `Nothing set, and no spool`() throws {
    let obspool = try Obspool()
    let outcome = try obspool("check")
    #expect(outcome.code == 78)
    #expect(outcome.output.contains("settings.json, which is not there\n"))
    #expect(outcome.output.contains("\nwarning  spool     "))
    #expect(outcome.output.contains("\nfailure  provider  there is no key for claude"))
    #expect(try obspool.names(in: "home") == [])
  }
}
