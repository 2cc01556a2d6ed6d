// Where the plain part of a JSON string ends.

extension UnsafeBufferPointer<UInt8> {
  /// The position from `start` on of the first byte that does not stand for itself in a JSON string: a quote, a
  /// backslash, or a control character below U+0020. The count where there is none.
  func plainEnd(from start: Int) -> Int {
    firstCandidate(from: start, of: { $0.notPlainInJSON }, or: { !isPlainInJSON($0) })
  }

  /// As `plainEnd`, but most of the escapes of one letter on the way are passed, too.
  func plainEndBehindEscapes(from start: Int) -> Int {
    guard let base = baseAddress else { return count }
    var position = start
    // The letter of an escape may stand behind the block.
    while position &+ 17 <= count {
      var found = SixteenBytes(at: base + position).notPlainInJSON
      let end = position &+ 16
      while found != 0 {
        let plain = found.trailingZeroBitCount
        position &+= plain
        guard base[position] == UInt8(ascii: "\\"), plainEscape(base[position &+ 1]) != nil else {
          return position
        }
        position &+= 2
        found &>>= UInt32(truncatingIfNeeded: plain &+ 2)
      }
      position = Swift.max(position, end)
    }
    return plainEnd(from: position)
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
