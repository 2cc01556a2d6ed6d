// What the user has set: every setting, its name, its default and its bounds.

import FoundationEssentials
import JSONText
import Provider

/// Where a value was found. The first of these that has one wins.
public enum SettingOrigin: String, Sendable {
  case file = "settings file"
  case credential = "systemd credential"
  case environment
  case standard = "default"
}

/// The settings in force at one moment. Each reading of the sources makes another object.
public final class Settings: Sendable {
  /// The values of one provider.
  public struct ForProvider: Sendable, Equatable {
    public var key: String?
    public var keyOrigin: SettingOrigin
    public var model: String
    public var modelOrigin: SettingOrigin
    public var baseURL: String
    public var baseURLOrigin: SettingOrigin
    /// `MAX_CONTEXT_MESSAGES`: messages sent at most, the newest included.
    public var maxContextMessages: Int
    /// `MAX_TOKENS`: tokens sent at most, by estimate.
    public var maxTokens: Int
  }

  /// `CLAUDE_MEM_PROVIDER`, or the one provider that has a key, or `claude`.
  public let provider: String
  public let providerOrigin: SettingOrigin
  public let openrouter: ForProvider
  public let gemini: ForProvider
  public let claude: ForProvider
  public let siteURL: String?
  public let appName: String
  public let fallbackModels: [String]
  public let skipTools: Set<String>
  /// `CLAUDE_MEM_GEMINI_RATE_LIMITING_ENABLED`.
  public let paceGemini: Bool

  /// Calls at once.
  public let concurrency: Int
  /// Inputs of one session in one call.
  public let batch: Int
  public let retryBase: Double
  public let retryMax: Double
  public let maxAttempts: Int
  /// Seconds that one call may take.
  public let timeout: Double
  public let dailyBudgetUSD: Double?
  /// USD a million tokens by model name: input and output.
  public let prices: [String: Price]
  public let allowHTTP: Bool

  public struct Price: Sendable, Equatable {
    public var input: Double
    public var output: Double
    /// For input that the provider's prompt cache served; nil: as other input.
    public var cached: Double?
  }

  /// What was wrong with the settings, each once, as sentences.
  public let complaints: [String]
  /// Why nothing may be asked with these settings, where that is so.
  public let unusable: String?

  /// The values of a provider; nil for `offline` and for a name that no provider has.
  public func values(for provider: String) -> ForProvider? {
    switch provider {
    case "openrouter": openrouter
    case "gemini": gemini
    case "claude": claude
    default: nil
    }
  }

  /// The tools whose uses are not worth a call, as the seed's users know them.
  static let defaultSkipTools = "ListMcpResourcesTool,SlashCommand,Skill,TodoWrite,AskUserQuestion"

  /// Reads the settings from their sources.
  ///
  /// - Parameters:
  ///   - find: Gives the text of a setting and where it was found, or nil where it is set nowhere.
  ///   - complaints: What is wrong with the sources themselves.
  ///   - unusable: Why nothing may be asked with these settings, where that is so.
  init(
    reading find: @escaping (String) -> (text: String, origin: SettingOrigin)?, complaints: [String] = [],
    unusable: String? = nil
  ) {
    var reader = Reader(find: find)
    openrouter = reader.provider(.openrouter)
    gemini = reader.provider(.gemini)
    claude = reader.provider(.claude)

    if let chosen = find("CLAUDE_MEM_PROVIDER") {
      provider = chosen.text.lowercased()
      providerOrigin = chosen.origin
    } else {
      let withKey = [("openrouter", openrouter), ("gemini", gemini), ("claude", claude)]
        .filter { $0.1.key != nil }
      provider = withKey.count == 1 ? withKey[0].0 : "claude"
      providerOrigin = .standard
    }

    siteURL = find("CLAUDE_MEM_OPENROUTER_SITE_URL")?.text
    appName = find("CLAUDE_MEM_OPENROUTER_APP_NAME")?.text ?? "claude-mem"
    fallbackModels = reader.list("CLAUDE_MEM_OPENROUTER_FALLBACK_MODELS", "")
    skipTools = Set(reader.list("CLAUDE_MEM_SKIP_TOOLS", Settings.defaultSkipTools))
    paceGemini = reader.flag("CLAUDE_MEM_GEMINI_RATE_LIMITING_ENABLED", true)
    concurrency = reader.whole("OBSPOOL_CONCURRENCY", 8, 1...1024)
    batch = reader.whole("OBSPOOL_BATCH", 6, 1...100)
    let base = reader.number("OBSPOOL_RETRY_BASE_SECONDS", 5, 0.01...86_400)
    retryBase = base
    retryMax = max(base, reader.number("OBSPOOL_RETRY_MAX_SECONDS", 900, 0.01...86_400))
    maxAttempts = reader.whole("OBSPOOL_MAX_ATTEMPTS", 5, 1...1000)
    timeout = reader.number("OBSPOOL_TIMEOUT_SECONDS", 120, 0.1...3600)
    dailyBudgetUSD =
      find("OBSPOOL_DAILY_BUDGET_USD") == nil
      ? nil : reader.number("OBSPOOL_DAILY_BUDGET_USD", 0, 0...1_000_000)
    prices = reader.prices("OBSPOOL_PRICES")
    allowHTTP = reader.flag("OBSPOOL_ALLOW_HTTP", false)
    self.complaints = complaints + reader.complaints
    self.unusable = unusable
  }
}

/// Reads typed values and remembers what was wrong with them.
private struct Reader {
  let find: (String) -> (text: String, origin: SettingOrigin)?
  var complaints: [String] = []

  mutating func provider(_ kind: ProviderKind) -> Settings.ForProvider {
    let key = find(kind.setting("API_KEY")) ?? find(kind.keyVariable)
    let model = find(kind.modelSetting) ?? (kind.defaultModel, .standard)
    var base = find(kind.setting("BASE_URL")) ?? (kind.defaultBaseURL, .standard)
    while base.text.hasSuffix("/") { base.text.removeLast() }
    return Settings.ForProvider(
      key: key?.text, keyOrigin: key?.origin ?? .standard, model: model.text, modelOrigin: model.origin,
      baseURL: base.text, baseURLOrigin: base.origin,
      maxContextMessages: limit("MAX_CONTEXT_MESSAGES", of: kind, 20, 1...10_000),
      maxTokens: limit("MAX_TOKENS", of: kind, 100_000, 1000...100_000_000))
  }

  /// A limit of the conversation. Where a provider has none of its own, OpenRouter's counts.
  private mutating func limit(
    _ name: String, of kind: ProviderKind, _ value: Int, _ range: ClosedRange<Int>
  ) -> Int {
    let own = kind.setting(name)
    return whole(find(own) == nil ? ProviderKind.openrouter.setting(name) : own, value, range)
  }

  mutating func number(_ name: String, _ value: Double, _ range: ClosedRange<Double>) -> Double {
    guard let found = find(name) else { return value }
    guard let number = Double(found.text), range.contains(number) else {
      complain(name, found.text, "a number from \(range.lowerBound) to \(range.upperBound)", "\(value)")
      return value
    }
    return number
  }

  mutating func whole(_ name: String, _ value: Int, _ range: ClosedRange<Int>) -> Int {
    guard let found = find(name) else { return value }
    guard let number = Double(found.text).flatMap({ Int(exactly: $0) }), range.contains(number) else {
      complain(name, found.text, "a whole number from \(range.lowerBound) to \(range.upperBound)", "\(value)")
      return value
    }
    return number
  }

  mutating func flag(_ name: String, _ value: Bool) -> Bool {
    guard let found = find(name) else { return value }
    switch found.text.lowercased() {
    case "true", "1", "yes", "on": return true
    case "false", "0", "no", "off": return false
    default:
      complain(name, found.text, "true or false", "\(value)")
      return value
    }
  }

  /// Names separated by commas, or a JSON array of them.
  func list(_ name: String, _ value: String) -> [String] {
    let text = find(name)?.text ?? value
    let names = (try? JSON(parsing: text))?.array?.compactMap(\.string)
    return (names ?? text.split(separator: ",").map(String.init))
      .map { $0.trimmingWhitespace() }
      .filter { !$0.isEmpty }
  }

  /// `{"MODEL": {"input": USD, "output": USD, "cached": USD}}`, a million tokens each.
  mutating func prices(_ name: String) -> [String: Settings.Price] {
    guard let found = find(name) else { return [:] }
    guard let models = (try? JSON(parsing: found.text))?.object else {
      complain(name, found.text, "an object of prices by model", "none")
      return [:]
    }
    var prices: [String: Settings.Price] = [:]
    for model in models {
      guard let input = model.value["input"]?.double, let output = model.value["output"]?.double,
        input >= 0, output >= 0
      else {
        complain(
          "\(name) of \(model.key)", model.value.text, "{\"input\": USD, \"output\": USD} a million tokens",
          "none")
        continue
      }
      prices[model.key] = Settings.Price(input: input, output: output, cached: model.value["cached"]?.double)
    }
    return prices
  }

  private mutating func complain(_ name: String, _ text: String, _ wanted: String, _ instead: String) {
    complaints.append("\(name) is '\(text)', which is not \(wanted); \(instead) is used")
  }
}
