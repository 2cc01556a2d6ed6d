// Looking for the few bytes that mean something in long texts, eight at a time.

/// Eight bytes of a text, compared all at once.
///
/// What is given back has the high bit set of each byte that was sought. Bits above the lowest one that is set may be
/// wrong, since a borrow goes up; the lowest is right, and there is none where no byte was sought.
public struct EightBytes {
  @usableFromInline let word: UInt64

  /// - Parameter word: As it was loaded, the first byte at the lowest address.
  @inlinable @inline(__always)
  public init(loaded word: UInt64) { self.word = UInt64(littleEndian: word) }

  /// The bytes that are `byte`.
  @inlinable @inline(__always)
  public func equal(to byte: UInt8) -> UInt64 {
    let differing = word ^ 0x0101_0101_0101_0101 &* UInt64(byte)
    return (differing &- 0x0101_0101_0101_0101) & ~differing & 0x8080_8080_8080_8080
  }

  /// The bytes below `limit`, which is at most 0x80.
  @inlinable @inline(__always)
  public func below(_ limit: UInt8) -> UInt64 {
    (word &- 0x0101_0101_0101_0101 &* UInt64(limit)) & ~word & 0x8080_8080_8080_8080
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Where, from `start` on, the first byte stands that may be one of those sought; the count where there is none.
  ///
  /// Either test may let through more than is meant: then it is for the caller to look again, and to go on behind.
  ///
  /// - Parameters:
  ///   - sought: Those of eight bytes.
  ///   - isSought: The same of one, for the last few.
  @inlinable @inline(__always)
  public func firstCandidate(
    from start: Int, of sought: (EightBytes) -> UInt64, or isSought: (UInt8) -> Bool
  ) -> Int {
    guard let base = baseAddress else { return count }
    let bytes = UnsafeRawPointer(base)
    var position = start
    while position &+ 8 <= count {
      let found = sought(
        EightBytes(loaded: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)))
      if found != 0 { return position &+ found.trailingZeroBitCount >> 3 }
      position &+= 8
    }
    while position < count, !isSought(self[position]) { position &+= 1 }
    return position
  }
}
