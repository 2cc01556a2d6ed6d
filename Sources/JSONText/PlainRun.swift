// Where the plain part of a JSON string ends.

extension UnsafeBufferPointer<UInt8> {
  /// The position from `start` on of the first byte that does not stand for itself in a JSON string: a quote, a
  /// backslash, or a control character below U+0020. The count where there is none.
  func plainEnd(from start: Int) -> Int {
    firstCandidate(from: start, of: { $0.notPlainInJSON }, or: { !isPlainInJSON($0) })
  }
}

extension SixteenBytes {
  /// The bytes that do not stand for themselves in a JSON string.
  @inline(__always)
  var notPlainInJSON: UInt32 {
    equal(to: UInt8(ascii: "\"")) | equal(to: UInt8(ascii: "\\")) | below(0x20)
  }
}

/// Whether a byte stands for itself in a JSON string.
func isPlainInJSON(_ byte: UInt8) -> Bool {
  byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
}
