// The user's own keys are taken out of whatever is sent, recorded or written beside an input, wherever they came
// from: a tool may have printed the settings file, and a server may say what it was sent.

struct Redaction: Sendable, Equatable {
  private let keys: [String]

  /// - Parameter keys: Those of all providers. What is shorter than eight characters is no secret, and would be
  ///   found everywhere.
  init(keys: [String]) { self.keys = keys.filter { $0.utf8.count >= 8 } }

  init(settings: Settings) {
    self.init(keys: [settings.openrouter.key, settings.gemini.key, settings.claude.key].compactMap { $0 })
  }

  func callAsFunction(_ text: String) -> String {
    var text = text
    for key in keys where text.utf8.count >= key.utf8.count {
      // Searched first, since nearly always there is nothing to do.
      while let range = text.firstRange(of: key) { text.replaceSubrange(range, with: "[key]") }
    }
    return text
  }
}
