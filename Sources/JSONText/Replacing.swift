// Replacing bytes in a text.
//
// Swift's own search compares characters: it takes longer, and does not find what a combining mark follows.

import CSystem

extension [UInt8] {
  /// The bytes with each occurrence of those of `wanted` replaced, found in one pass from the front.
  public func replacing(bytesOf wanted: String, with replacement: String) -> [UInt8] {
    withUnsafeBufferPointer { $0.replacing(wanted, with: replacement) } ?? self
  }
}

extension WrittenBytes {
  /// The bytes with each occurrence of those of `wanted` replaced, found in one pass from the front.
  public func replacing(bytesOf wanted: String, with replacement: String) -> WrittenBytes {
    withContents { $0.replacing(wanted, with: replacement) }.map { WrittenBytes($0) } ?? self
  }
}

extension String {
  /// The text with each place where the bytes of `wanted` stand replaced, found in one pass from the front.
  public func replacing(bytesOf wanted: String, with replacement: String) -> String {
    let replaced = withUTF8Bytes { $0.replacing(wanted, with: replacement) }
    return replaced.map { String(decoding: $0, as: UTF8.self) } ?? self
  }

  /// Calls `body` with the text's UTF-8, which is not copied where it is kept as that.
  @inlinable @inline(__always)
  public func withUTF8Bytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    if let result = utf8.withContiguousStorageIfAvailable(body) { return result }
    var text = self
    return text.withUTF8(body)
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Nil where there is nothing to replace.
  fileprivate func replacing(_ wanted: String, with replacement: String) -> [UInt8]? {
    wanted.withUTF8Bytes { wanted in
      guard !wanted.isEmpty else { return nil }
      var output: [UInt8] = []
      var clean = 0
      while let position = position(of: wanted, from: clean) {
        output += self[clean..<position]
        output += replacement.utf8
        clean = position + wanted.count
      }
      return clean == 0 ? nil : output + self[clean...]
    }
  }

  /// Where the bytes stand next, from `start` on.
  private func position(of wanted: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    guard let base = baseAddress,
      let found = csystem_find(base + start, count - start, wanted.baseAddress, wanted.count)
    else { return nil }
    return UnsafeRawPointer(base).distance(to: found)
  }
}
