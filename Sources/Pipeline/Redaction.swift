// The user's own keys are taken out of whatever is sent, recorded or written beside an input, wherever they came
// from: a tool may have printed the settings file, and a server may say what it was sent.

import Glibc

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
    var bytes = bytes
    for key in keys {
      while let start = Self.position(of: Array(key.utf8), in: bytes) {
        bytes.replaceSubrange(start..<start + key.utf8.count, with: Array("[key]".utf8))
      }
    }
    return bytes
  }

  private static func position(of key: [UInt8], in bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBytes { bytes in
      guard var rest = bytes.baseAddress, let first = key.first else { return nil }
      let end = rest + bytes.count
      while rest + key.count <= end, let found = memchr(rest, Int32(first), end - rest - key.count + 1) {
        if memcmp(found, key, key.count) == 0 { return UnsafeRawPointer(found) - (end - bytes.count) }
        rest = UnsafeRawPointer(found) + 1
      }
      return nil
    }
  }

  /// Takes the keys out of a text.
  func callAsFunction(_ text: String) -> String {
    var text = text
    for key in keys where text.utf8.count >= key.utf8.count {
      // Searched first, since nearly always there is nothing to do.
      while let range = text.firstRange(of: key) { text.replaceSubrange(range, with: "[key]") }
    }
    return text
  }
}
