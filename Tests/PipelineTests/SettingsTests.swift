import Testing

@testable import Pipeline

/// What the settings mean, wherever they come from.
@Suite struct SettingsTests {
  static func settings(_ values: [String: String]) -> Settings {
    Settings { name in values[name].map { ($0, .file) } }
  }

  // MARK: Defaults

  @Test func defaultsAreThoseOfTheSeedAndTheDesign() {
    let settings = Self.settings([:])
    #expect(settings.provider == "claude" && settings.providerOrigin == .standard)
    #expect(settings.openrouter.model == "xiaomi/mimo-v2-flash:free")
    #expect(settings.openrouter.baseURL == "https://openrouter.ai/api/v1")
    #expect(settings.openrouter.maxContextMessages == 20 && settings.openrouter.maxTokens == 100_000)
    #expect(settings.openrouter.key == nil && settings.gemini.key == nil && settings.claude.key == nil)
    #expect(settings.siteURL == nil && settings.appName == "claude-mem")
    #expect(settings.concurrency == 8 && settings.batch == 6)
    #expect(settings.retryBase == 5 && settings.retryMax == 900 && settings.maxAttempts == 5)
    #expect(settings.timeout == 120 && settings.dailyBudgetUSD == nil)
    #expect(settings.prices.isEmpty && settings.fallbackModels.isEmpty && !settings.allowHTTP)
    #expect(settings.paceGemini)
    #expect(
      settings.skipTools == ["ListMcpResourcesTool", "SlashCommand", "Skill", "TodoWrite", "AskUserQuestion"])
    #expect(settings.complaints.isEmpty)
  }

  // MARK: Which provider

  @Test(arguments: [
    (["CLAUDE_MEM_PROVIDER": "gemini", "OPENROUTER_API_KEY": "k"], "gemini"),
    (["CLAUDE_MEM_PROVIDER": "OpenRouter"], "openrouter"),
    (["CLAUDE_MEM_PROVIDER": "offline", "OPENROUTER_API_KEY": "k"], "offline"),
    (["CLAUDE_MEM_PROVIDER": "nobody"], "nobody"),
    (["OPENROUTER_API_KEY": "k"], "openrouter"),
    (["CLAUDE_MEM_GEMINI_API_KEY": "k"], "gemini"),
    (["ANTHROPIC_API_KEY": "k"], "claude"),
    (["OPENROUTER_API_KEY": "k", "GEMINI_API_KEY": "k"], "claude"),
    (["OPENROUTER_API_KEY": "k", "GEMINI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"], "claude"),
    ([:], "claude"),
  ])
  func isTheOneNamedElseTheOnlyOneWithAKeyElseClaude(values: [String: String], provider: String) {
    #expect(Self.settings(values).provider == provider)
  }

  @Test func offlineIsNeverChosenByItself() {
    #expect(Self.settings([:]).provider != "offline")
    #expect(Self.settings(["CLAUDE_MEM_PROVIDER": "offline"]).values(for: "offline") == nil)
  }

  @Test func eachProviderHasItsOwnValues() {
    let settings = Self.settings([
      "CLAUDE_MEM_OPENROUTER_MODEL": "a", "CLAUDE_MEM_GEMINI_MODEL": "b", "CLAUDE_MEM_MODEL": "c",
      "CLAUDE_MEM_OPENROUTER_BASE_URL": "http://localhost:1/v1//", "CLAUDE_MEM_GEMINI_MAX_TOKENS": "5000",
      "CLAUDE_MEM_OPENROUTER_MAX_TOKENS": "7000",
    ])
    #expect(["openrouter", "gemini", "claude"].map { settings.values(for: $0)?.model } == ["a", "b", "c"])
    #expect(settings.openrouter.baseURL == "http://localhost:1/v1")
    #expect(settings.gemini.maxTokens == 5000 && settings.openrouter.maxTokens == 7000)
    // Where a provider has no limit of its own, the seed's holds.
    #expect(settings.claude.maxTokens == 7000)
    #expect(settings.values(for: "nobody") == nil)
  }

  // MARK: Kinds of values

  @Test func numbersMayBeWrittenInAnyWay() {
    for text in ["3", "3.0", "3e0"] {
      let settings = Self.settings(["OBSPOOL_CONCURRENCY": text, "OBSPOOL_TIMEOUT_SECONDS": text])
      #expect(settings.concurrency == 3 && settings.timeout == 3 && settings.complaints.isEmpty)
    }
  }

  @Test(arguments: ["0", "-1", "1.5", "many", "1e30", "nan", "infinity", "", "[3]", "true"])
  func aNumberThatIsNoneIsComplainedAboutAndNotUsed(text: String) throws {
    let settings = Self.settings(["OBSPOOL_BATCH": text])
    #expect(settings.batch == 6)
    let complaint = try #require(settings.complaints.first)
    #expect(settings.complaints.count == 1)
    #expect(
      complaint.contains("OBSPOOL_BATCH") && complaint.contains("'\(text)'")
        && complaint.contains("6 is used"))
  }

  @Test func theLongestWaitIsNoShorterThanTheFirst() {
    let settings = Self.settings(["OBSPOOL_RETRY_BASE_SECONDS": "60", "OBSPOOL_RETRY_MAX_SECONDS": "10"])
    #expect(settings.retryBase == 60 && settings.retryMax == 60)
  }

  @Test(arguments: [("true", true), ("1", true), ("YES", true), ("on", true), ("false", false), ("0", false)])
  func switchesAreReadAsPeopleWriteThem(text: String, isOn: Bool) {
    let settings = Self.settings([
      "OBSPOOL_ALLOW_HTTP": text, "CLAUDE_MEM_GEMINI_RATE_LIMITING_ENABLED": text,
    ])
    #expect(settings.allowHTTP == isOn && settings.paceGemini == isOn && settings.complaints.isEmpty)
  }

  @Test func aSwitchThatIsNoneIsComplainedAbout() {
    let settings = Self.settings(["OBSPOOL_ALLOW_HTTP": "perhaps"])
    #expect(!settings.allowHTTP && settings.complaints.count == 1)
  }

  @Test(arguments: ["Bash, Skill ,,", #"["Bash","Skill"]"#, "Bash,Skill"])
  func listsAreNamesWithCommasOrJSON(text: String) {
    #expect(Self.settings(["CLAUDE_MEM_SKIP_TOOLS": text]).skipTools == ["Bash", "Skill"])
  }

  @Test func theBudgetIsANumberOfDollars() {
    #expect(Self.settings(["OBSPOOL_DAILY_BUDGET_USD": "1.50"]).dailyBudgetUSD == 1.5)
    #expect(Self.settings(["OBSPOOL_DAILY_BUDGET_USD": "0"]).dailyBudgetUSD == 0)
  }

  /// A budget that cannot be read must not become no budget.
  @Test func aBudgetThatIsNoneSpendsNothing() {
    let settings = Self.settings(["OBSPOOL_DAILY_BUDGET_USD": "a little"])
    #expect(settings.dailyBudgetUSD == 0 && settings.complaints.count == 1)
  }

  // MARK: Prices

  @Test func pricesAreByModelAndMillionTokens() {
    let settings = Self.settings([
      "OBSPOOL_PRICES": #"{"a": {"input": 3, "output": "15"}, "b": {"input": 1, "output": 2, "cached": 0.1}}"#
    ])
    #expect(settings.complaints.isEmpty)
    #expect(settings.price(model: "a", servedModel: nil, input: 1_000_000, output: 100_000, cached: 0) == 4.5)
    #expect(settings.price(model: "a", servedModel: nil, input: 1_000_000, output: 0, cached: 500_000) == 3)
    #expect(
      settings.price(model: "b", servedModel: nil, input: 1_000_000, output: 0, cached: 1_000_000) == 0.1)
    // The model that answered counts where its price is known.
    #expect(settings.price(model: "a", servedModel: "b", input: 1_000_000, output: 0, cached: 0) == 1)
    #expect(settings.price(model: "a", servedModel: "unknown", input: 1_000_000, output: 0, cached: 0) == 3)
    #expect(settings.price(model: "unknown", servedModel: nil, input: 1, output: 1, cached: 0) == nil)
    // More cached than sent is somebody's mistake, and no discount.
    #expect(
      settings.price(model: "b", servedModel: nil, input: 1_000_000, output: 0, cached: 9_000_000) == 0.1)
  }

  @Test func aWrongPriceLeavesTheOthers() {
    let settings = Self.settings([
      "OBSPOOL_PRICES":
        #"{"a": {"input": 3}, "b": {"input": -1, "output": 2}, "c": 5, "d": {"input": 1, "output": 2}}"#
    ])
    #expect(Set(settings.prices.keys) == ["d"] && settings.complaints.count == 3)
    #expect(Self.settings(["OBSPOOL_PRICES": "cheap"]).complaints.count == 1)
  }
}
