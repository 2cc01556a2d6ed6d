// The user's own keys are taken out of whatever is sent, recorded or written beside an input, wherever they came
// from: a tool may have printed the settings file, and a server may say what it was sent.

import JSONText

struct Redaction: Sendable, Equatable {
  private let keys: [String]

  /// - Parameter keys: Those of all providers. What is shorter than eight characters is no secret, and would be
  ///   found everywhere.
  init(keys: [String]) { self.keys = keys.filter { $0.utf8.count >= 8 } }

  init(settings: Settings) {
    self.init(keys: [settings.openrouter.key, settings.gemini.key, settings.claude.key].compactMap { $0 })
  }

  /// Takes the keys out of an input's bytes, before anything of it is shortened, which could leave half a key.
  func callAsFunction(_ bytes: [UInt8]) -> [UInt8] {
    keys.reduce(bytes) { $0.replacing(bytesOf: $1, with: Self.mark) }
  }

  /// Takes the keys out of what has been written.
  func callAsFunction(_ bytes: WrittenBytes) -> WrittenBytes {
    keys.reduce(bytes) { $0.replacing(bytesOf: $1, with: Self.mark) }
  }

  /// Takes the keys out of a text.
  func callAsFunction(_ text: String) -> String {
    keys.reduce(text) { $0.replacing(bytesOf: $1, with: Self.mark) }
  }

  private static let mark = "[key]"
}
