// From settings to the provider that is asked.

import FoundationEssentials
import Provider
import Spool

/// The provider that the settings name, made once for each reading of them.
final class ProviderChoice: Sendable {
  /// Its name, also where it could not be made.
  let name: String
  let model: String
  /// Stands for model, base URL and key.
  let fingerprint: String
  /// The provider, or why there is none: no key, an unknown name.
  let provider: Result<any Provider, Failure>
  let limits: ContextWindow.Limits
  let redact: Redaction
  /// What free use allows; nil for as many as one likes.
  let callsPerMinute: Double?
  /// Whether the command `claude` answers, whose usage counts instructions of its own and whose cost may be covered
  /// by a subscription.
  let isCommand: Bool

  /// Whether a server is asked.
  var isHTTP: Bool { !isCommand && name != "offline" }

  init(settings: Settings, http: HTTPClient, command: String?, now: @escaping @Sendable () -> Date) {
    let configuration = ProviderConfiguration(settings: settings, command: command)
    name = configuration.name
    model = configuration.model
    fingerprint = Self.fingerprint(of: configuration)
    limits = ContextWindow.Limits(settings: settings)
    redact = Redaction(settings: settings)
    callsPerMinute = Self.callsPerMinute(configuration, settings)
    isCommand = configuration.name == "claude" && configuration.key == nil && command != nil
    if let unusable = settings.unusable {
      provider = .failure(Failure(.auth, message: unusable))
      return
    }
    do throws(ProviderError) {
      provider = .success(try Providers.make(configuration, http: http, now: now))
    } catch {
      provider = .failure(Failure(error))
    }
  }

  /// OpenRouter's free models take 20 calls a minute, Gemini's free tier 10. Other servers have their own rules.
  private static func callsPerMinute(_ configuration: ProviderConfiguration, _ settings: Settings) -> Double?
  {
    let host = URL(string: configuration.baseURL)?.host()
    switch configuration.name {
    case "openrouter" where host == "openrouter.ai" && configuration.model.hasSuffix(":free"): return 20
    case "gemini" where host == "generativelanguage.googleapis.com" && settings.paceGemini: return 10
    default: return nil
    }
  }

  /// A short hash, from which the key cannot be had.
  private static func fingerprint(of configuration: ProviderConfiguration) -> String {
    let parts = [
      configuration.name, configuration.model, configuration.baseURL, configuration.key ?? "",
      configuration.command ?? "", configuration.allowHTTP ? "http" : "",
    ]
    return String(SHA256.hex(Array(parts.joined(separator: "\0").utf8)).prefix(16))
  }
}

extension ContextWindow.Limits {
  init(settings: Settings) {
    let values = settings.values(for: settings.provider) ?? settings.openrouter
    self.init(messages: values.maxContextMessages, tokens: values.maxTokens)
  }
}

extension ProviderConfiguration {
  /// - Parameter command: The program to ask where `claude` has no key.
  public init(settings: Settings, command: String?) {
    let values = settings.values(for: settings.provider)
    self.init(
      name: settings.provider, model: values?.model ?? "none", key: values?.key,
      baseURL: values?.baseURL ?? "",
      siteURL: settings.siteURL, appName: settings.appName, timeout: settings.timeout,
      allowHTTP: settings.allowHTTP,
      fallbackModels: settings.provider == "openrouter" ? settings.fallbackModels : [], command: command)
  }
}

extension Failure {
  /// The call was not made, since one before it failed.
  static let withdrawn = Failure(.withdrawn)

  init(_ error: ProviderError) {
    self.init(
      FailureClass(rawValue: error.class.rawValue) ?? .transient, status: error.status,
      message: error.message,
      retryAfter: error.retryAfter)
  }

  init(_ error: SpoolError) {
    self.init(.spool, message: error.description)
  }
}
