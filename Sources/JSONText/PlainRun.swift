// Where the plain part of a JSON string ends: eight bytes at a time, since most of what is read and written are
// long strings with few characters that mean anything.

extension UnsafeBufferPointer<UInt8> {
  /// The position from `start` on of the first byte that does not stand for itself in a JSON string: a quote, a
  /// backslash, or a control character below U+0020. The count where there is none.
  func plainEnd(from start: Int) -> Int {
    guard let base = baseAddress else { return count }
    let bytes = UnsafeRawPointer(base)
    var position = start
    while position &+ 8 <= count {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      let special = Self.special(in: word)
      if special != 0 { return position &+ special.trailingZeroBitCount >> 3 }
      position &+= 8
    }
    while position < count {
      let byte = self[position]
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return position }
      position &+= 1
    }
    return count
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

  /// The high bit of each byte that is special. Bits above the lowest one that is set may be wrong, since a borrow
  /// goes up; the lowest is right.
  @inline(__always)
  private static func special(in word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let high: UInt64 = 0x8080_8080_8080_8080
    let quote = word ^ (ones &* 0x22)
    let backslash = word ^ (ones &* 0x5C)
    let control = (word &- ones &* 0x20) & ~word
    return ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash | control) & high
  }
}
