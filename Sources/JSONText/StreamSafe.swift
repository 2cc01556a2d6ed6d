// Texts with endless rows of combining marks, which nobody writes and which would take hours to compare.

extension String {
  /// The text in the Stream-Safe Text Format of Unicode (UAX #15, 13): of more than 30 combining marks in a row each
  /// 30 are followed by U+034F COMBINING GRAPHEME JOINER, which nobody sees.
  ///
  /// Swift brings the marks of a row into their order whenever a text is hashed or compared, in a time that grows with
  /// the square of their number: a hundred kilobytes of them take a second, eight megabytes hours. With this format no
  /// text that a producer, a model or a server sends takes longer than another of its size.
  public var streamSafe: String {
    guard withUTF8Bytes({ $0.mayHaveLongRow }) else { return self }
    var safe = String.UnicodeScalarView()
    var row = 0
    for scalar in unicodeScalars {
      // No mark stands before U+0300.
      let isMark = scalar.value >= 0x300 && scalar.properties.canonicalCombiningClass != .notReordered
      if isMark, row == 30 {
        safe.append("\u{34F}")
        row = 0
      }
      row = isMark ? row + 1 : 0
      safe.append(scalar)
    }
    return String(safe)
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Whether 62 bytes in a row are not ASCII, as those of 31 marks are. Most of a text is not even looked at.
  fileprivate var mayHaveLongRow: Bool {
    let least = 62
    var end = least
    while end <= count {
      // The row that would end here begins behind the last ASCII byte before.
      guard let ascii = self[end - least..<end].lastIndex(where: { $0 < 0x80 }) else { return true }
      end = ascii + 1 + least
    }
    return false
  }
}
