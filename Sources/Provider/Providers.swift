// The providers there are, and how one is made from its settings.

import FoundationEssentials

/// Tells the time.
public typealias Now = @Sendable () -> Date

/// One provider that settings can name: what it is called, and what counts where the settings say nothing.
public struct ProviderKind: Sendable {
  typealias Maker =
    @Sendable (ProviderConfiguration, HTTPClient, @escaping Now) throws(ProviderError) -> any Provider

  public let name: String
  /// Its name as its maker writes it.
  public let title: String
  /// The variable that its other clients take the key from, and so does obspool.
  public let keyVariable: String
  /// The setting that names the model.
  public let modelSetting: String
  /// Asked for where the settings name no model.
  public let defaultModel: String
  /// Where requests go unless the settings say otherwise; empty for a provider without a server.
  public let defaultBaseURL: String
  let make: Maker

  /// The settings of its own: `CLAUDE_MEM_OPENROUTER_API_KEY` for `API_KEY`.
  public func setting(_ name: String) -> String { "CLAUDE_MEM_\(self.name.uppercased())_\(name)" }
}

extension ProviderKind {
  public static let openrouter = ProviderKind(
    name: "openrouter", title: "OpenRouter", keyVariable: "OPENROUTER_API_KEY",
    modelSetting: "CLAUDE_MEM_OPENROUTER_MODEL", defaultModel: "xiaomi/mimo-v2-flash:free",
    defaultBaseURL: "https://openrouter.ai/api/v1", make: OpenRouter.init)
  public static let gemini = ProviderKind(
    name: "gemini", title: "Gemini", keyVariable: "GEMINI_API_KEY", modelSetting: "CLAUDE_MEM_GEMINI_MODEL",
    defaultModel: "gemini-flash-latest",
    defaultBaseURL: "https://generativelanguage.googleapis.com/v1beta", make: Gemini.init)
  public static let claude = ProviderKind(
    name: "claude", title: "Claude", keyVariable: "ANTHROPIC_API_KEY", modelSetting: "CLAUDE_MEM_MODEL",
    defaultModel: "claude-haiku-4-5", defaultBaseURL: "https://api.anthropic.com", make: Claude.make)
}

/// The providers.
public enum Providers {
  /// Every provider with a server.
  public static let remote: [ProviderKind] = [.openrouter, .gemini, .claude]

  /// Every name that settings can name.
  public static let names = remote.map(\.name) + [Offline.name]

  /// The provider with a server that is called so; nil for `offline` and for a name that no provider has.
  public static func kind(named name: String) -> ProviderKind? { remote.first { $0.name == name } }

  /// What is said where a provider has no key.
  static func missingKey(of name: String) -> String {
    guard let kind = kind(named: name) else { return "\(name) has no key" }
    let others = names.filter { $0 != name }
    let choice = others.dropLast().joined(separator: ", ") + (others.last.map { " or \($0)" } ?? "")
    return "\(kind.title) API key not configured: set \(kind.setting("API_KEY")) in the settings or "
      + "\(kind.keyVariable) in the environment"
      + (name == ProviderKind.claude.name ? ", or install the command `claude`" : "")
      + ", or set CLAUDE_MEM_PROVIDER to \(choice); for a server that asks for no key, any word will do"
  }

  /// Makes the provider that a configuration names.
  ///
  /// - Parameters:
  ///   - http: The client whose connections it uses.
  ///   - now: The time, against which a server's dates are read.
  /// - Throws: An error of class `auth` where the configuration cannot work: an unknown name, no key, an
  ///   address that is none. Its message says what to do.
  public static func make(
    _ configuration: ProviderConfiguration, http: HTTPClient, now: @escaping Now
  ) throws(ProviderError) -> any Provider {
    if configuration.name == Offline.name { return Offline() }
    guard let kind = kind(named: configuration.name) else {
      throw ProviderError(
        .auth, "there is no provider '\(configuration.name)'; there are \(names.joined(separator: ", "))")
    }
    return try kind.make(configuration, http, now)
  }
}

/// The settings of one provider.
public struct ProviderConfiguration: Sendable, Equatable {
  /// One of `Providers.names`.
  public var name: String
  public var model: String
  public var key: String?
  /// Without the part that the API adds, such as `/chat/completions`.
  public var baseURL: String
  /// Sent to OpenRouter's statistics in place of the default address.
  public var siteURL: String?
  /// Sent to OpenRouter's statistics.
  public var appName: String
  /// How many seconds one call may take.
  public var timeout: Double
  /// Whether `http://` may lead to other hosts than this one.
  public var allowHTTP: Bool
  /// Models that openrouter.ai may fall back to, in their order.
  public var fallbackModels: [String]
  /// The program to ask where there is no key, for the provider `claude`.
  public var command: String?

  public init(
    name: String, model: String, key: String? = nil, baseURL: String, siteURL: String? = nil,
    appName: String = "claude-mem", timeout: Double = 120, allowHTTP: Bool = false,
    fallbackModels: [String] = [],
    command: String? = nil
  ) {
    self.name = name
    self.model = model
    self.key = key
    self.baseURL = baseURL
    self.siteURL = siteURL
    self.appName = appName
    self.timeout = timeout
    self.allowHTTP = allowHTTP
    self.fallbackModels = fallbackModels
    self.command = command
  }
}

// What prints a value must not print the key: not `print`, not `dump`, not a failed expectation.
extension ProviderConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String {
    "\(name) \(model) at \(baseURL) with \(key == nil ? "no key" : "a key")"
  }

  public var debugDescription: String { description }

  public var customMirror: Mirror {
    Mirror(self, children: ["name": name, "model": model, "baseURL": baseURL, "hasKey": key != nil])
  }
}
