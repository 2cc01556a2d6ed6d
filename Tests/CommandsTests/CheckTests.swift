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
      lines.prefix(9) == [
        "ok  settings  settings.json", "ok  provider  openrouter (settings file)",
        "              127.0.0.1 answers", "ok  base URL  \(server.url) (settings file)",
        "ok  model     m/one (settings file)", "              m/one is known",
        "ok  key       24 characters ($OPENROUTER_API_KEY)", "              accepted",
        "ok  spool     ./spool can be owned and written",
      ])
    // No two rows have one name.
    let names = lines.compactMap { $0.hasPrefix(" ") ? nil : $0.dropFirst(4).prefix(8) }
    #expect(Set(names).count == names.count)
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
    #expect(outcome.output.contains("\nfailure  key       24 characters ($OPENROUTER_API_KEY)\n"))
    #expect(outcome.output.contains("\nok       base URL  \(server.url) ($CLAUDE_MEM_OPENROUTER_BASE_URL)\n"))
    #expect(!outcome.output.contains(Self.key))
    // obspool's own variable goes first.
    obspool.environment["CLAUDE_MEM_OPENROUTER_API_KEY"] = "short"
    #expect(
      try obspool("check").output.contains(
        "\nfailure  key       5 characters ($CLAUDE_MEM_OPENROUTER_API_KEY)\n"))
  }

  /// With the defaults in its place, a provider could be asked that the file rules out.
  @Test(arguments: ["{", "[]", "{\"CLAUDE_MEM_PROVIDER\": \"offline\"} x"])
  func `Settings that do not parse`(text: String) throws {
    var obspool = try Obspool(spool: true)
    obspool.environment["CLAUDE_MEM_PROVIDER"] = "offline"
    #expect(try obspool("check").code == 0)
    try obspool.shell("mkdir home/.claude-mem")
    try obspool.write(text, to: "home/.claude-mem/settings.json")
    let outcome = try obspool("check")
    #expect(outcome.code == 78)
    #expect(
      outcome.output.hasPrefix("failure  settings  \(obspool.directory)/home/.claude-mem/settings.json\n"))
  }

  @Test func `Settings that are named and not there`() throws {
    var obspool = try Obspool(spool: true)
    obspool.environment["CLAUDE_MEM_PROVIDER"] = "offline"
    let outcome = try obspool("check", "--settings", "nowhere.json")
    #expect(outcome.code == 78)
    #expect(outcome.output.hasPrefix("failure  settings  nowhere.json, which is not there\n"))
    obspool.environment["OBSPOOL_SETTINGS"] = "elsewhere.json"
    #expect(try obspool("check").code == 78)
    obspool.environment["OBSPOOL_SETTINGS"] = ""
    #expect(try obspool("check").code == 0)
  }

  @Test func `A budget that nothing is charged to`() throws {
    let server = try LoopbackServer { _ in .json("{}") }
    var obspool = try Obspool(spool: true)
    obspool.environment["CLAUDE_MEM_PROVIDER"] = "gemini"
    obspool.environment["GEMINI_API_KEY"] = "k"
    obspool.environment["CLAUDE_MEM_GEMINI_BASE_URL"] = server.url
    obspool.environment["CLAUDE_MEM_GEMINI_MODEL"] = "m"
    obspool.environment["OBSPOOL_DAILY_BUDGET_USD"] = "2"
    let outcome = try obspool("check")
    #expect(outcome.code == 0)
    #expect(
      outcome.output.contains(
        "\nwarning  budget    OBSPOOL_DAILY_BUDGET_USD is $2.00, but OBSPOOL_PRICES has no price of m: "))
    obspool.environment["OBSPOOL_PRICES"] = #"{"m": {"input": 1, "output": 2}}"#
    #expect(try !obspool("check").output.contains("budget"))
  }

  @Test func `Nothing set, and no spool`() throws {
    let obspool = try Obspool()
    let outcome = try obspool("check")
    #expect(outcome.code == 78)
    #expect(outcome.output.contains("settings.json, which is not there\n"))
    #expect(outcome.output.contains("\nwarning  spool     "))
    #expect(outcome.output.contains("\nfailure  provider  claude (default)\n"))
    #expect(
      outcome.output.contains(
        "\n                   Claude API key not configured: set CLAUDE_MEM_CLAUDE_API_KEY"))
    #expect(try obspool.names(in: "home") == [])
  }
}
