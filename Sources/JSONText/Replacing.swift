// Replacing bytes in a text.
//
// Swift's own search compares characters: it takes longer, and does not find what a combining mark follows.

import Glibc

extension [UInt8] {
  /// The bytes with each occurrence of `wanted` replaced, found in one pass from the front.
  public func replacing(_ wanted: [UInt8], with replacement: [UInt8]) -> [UInt8] {
    withUnsafeBytes { $0.replacing(wanted, with: replacement) } ?? self
  }
}

extension String {
  /// The text with each place where the bytes of `wanted` stand replaced, found in one pass from the front.
  public func replacing(bytesOf wanted: String, with replacement: String) -> String {
    var text = self
    let replaced = text.withUTF8 { text in
      UnsafeRawBufferPointer(text).replacing(Array(wanted.utf8), with: Array(replacement.utf8))
    }
    return replaced.map { String(decoding: $0, as: UTF8.self) } ?? self
  }
}

extension UnsafeRawBufferPointer {
  /// Nil where there is nothing to replace.
  fileprivate func replacing(_ wanted: [UInt8], with replacement: [UInt8]) -> [UInt8]? {
    guard let base = baseAddress, let first = wanted.first, count >= wanted.count else { return nil }
    let last = count - wanted.count
    var output: [UInt8] = []
    var clean = 0
    var position = 0
    while position <= last, let found = memchr(base + position, Int32(first), last - position + 1) {
      position = UnsafeRawPointer(found) - base
      if memcmp(found, wanted, wanted.count) == 0 {
        output += self[clean..<position]
        output += replacement
        position += wanted.count
        clean = position
      } else {
        position += 1
      }
    }
    return clean == 0 ? nil : output + self[clean...]
  }
}
