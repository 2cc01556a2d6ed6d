// The providers there are, and how one is made from its settings.

import FoundationEssentials

/// Tells the time.
public typealias Now = @Sendable () -> Date

/// One provider that settings can name.
public struct ProviderKind: Sendable {
  typealias Maker =
    @Sendable (ProviderConfiguration, HTTPClient, @escaping Now) throws(ProviderError) -> any Provider

  public let name: String
  /// Asked for where the settings name no model.
  public let defaultModel: String
  /// Where requests go unless the settings say otherwise; empty for a provider without a server.
  public let defaultBaseURL: String
  let make: Maker

  init(_ name: String, model: String, baseURL: String, _ make: @escaping Maker) {
    self.name = name
    defaultModel = model
    defaultBaseURL = baseURL
    self.make = make
  }
}

/// The providers.
public enum Providers {
  /// Every provider that can be named, one line each.
  public static let all: [ProviderKind] = [
    ProviderKind(
      "openrouter", model: "xiaomi/mimo-v2-flash:free", baseURL: "https://openrouter.ai/api/v1",
      OpenRouter.init),
    ProviderKind(
      "gemini", model: "gemini-flash-latest", baseURL: "https://generativelanguage.googleapis.com/v1beta",
      Gemini.init),
    ProviderKind("claude", model: "claude-haiku-4-5", baseURL: "https://api.anthropic.com", Claude.make),
    ProviderKind("offline", model: "none", baseURL: "") { _, _, _ in Offline() },
  ]

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
    guard let kind = all.first(where: { $0.name == configuration.name }) else {
      let names = all.map(\.name).joined(separator: ", ")
      throw ProviderError(.auth, "there is no provider '\(configuration.name)'; there are \(names)")
    }
    return try kind.make(configuration, http, now)
  }
}

/// The settings of one provider.
public struct ProviderConfiguration: Sendable, Equatable {
  /// One of the names in `Providers.all`.
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
