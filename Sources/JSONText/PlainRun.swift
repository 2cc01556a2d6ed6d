// Where the plain part of a JSON string ends.

extension UnsafeBufferPointer<UInt8> {
  /// The position from `start` on of the first byte that does not stand for itself in a JSON string: a quote, a
  /// backslash, or a control character below U+0020. The count where there is none.
  func plainEnd(from start: Int) -> Int {
    firstCandidate(from: start, of: { $0.notPlainInJSON }, or: { !isPlainInJSON($0) })
  }

  /// Whether all bytes of a range are ASCII.
  func isASCII(_ range: Range<Int>) -> Bool {
    guard let base = baseAddress else { return true }
    let bytes = UnsafeRawPointer(base)
    var position = range.lowerBound
    var union: UInt64 = 0
    while position &+ 8 <= range.upperBound {
      union |= bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      position &+= 8
    }
    while position < range.upperBound {
      union |= UInt64(self[position])
      position &+= 1
    }
    return union & 0x8080_8080_8080_8080 == 0
  }
}

extension EightBytes {
  /// The bytes that do not stand for themselves in a JSON string.
  @inline(__always)
  var notPlainInJSON: UInt64 {
    equal(to: UInt8(ascii: "\"")) | equal(to: UInt8(ascii: "\\")) | below(0x20)
  }
}

/// Whether a byte stands for itself in a JSON string.
func isPlainInJSON(_ byte: UInt8) -> Bool {
  byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
}
