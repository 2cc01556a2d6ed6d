// Looking for the few bytes that mean something in long texts, sixteen at a time.

import CSystem

/// Sixteen bytes of a text, compared all at once. What is found has a bit for each byte, the lowest for the first.
public struct SixteenBytes {
  @usableFromInline let vector: SIMD16<UInt8>

  /// - Parameter start: Where they stand; it need not be aligned.
  @inlinable @inline(__always)
  public init(at start: UnsafeRawPointer) {
    vector = start.loadUnaligned(as: SIMD16<UInt8>.self)
  }

  /// Eight bytes. What is found in the other eight, which are zero, is for the caller to leave out.
  @inlinable @inline(__always)
  init(eightAt start: UnsafeRawPointer) {
    vector = unsafeBitCast(SIMD2(start.loadUnaligned(as: UInt64.self), 0), to: SIMD16<UInt8>.self)
  }

  /// The bytes that are `byte`.
  @inlinable @inline(__always)
  public func equal(to byte: UInt8) -> UInt32 { csystem_equal(vector, byte) }

  /// The bytes below `limit`.
  @inlinable @inline(__always)
  public func below(_ limit: UInt8) -> UInt32 { csystem_below(vector, limit) }
}

extension UnsafeBufferPointer<UInt8> {
  /// Where, from `start` on, the first byte stands that may be one of those sought; the count where there is none.
  ///
  /// Either test may let through more than is meant: then it is for the caller to look again, and to go on behind.
  ///
  /// - Parameters:
  ///   - sought: Those of sixteen bytes.
  ///   - isSought: The same of one, for the last few.
  @inlinable @inline(__always)
  public func firstCandidate(
    from start: Int, of sought: (SixteenBytes) -> UInt32, or isSought: (UInt8) -> Bool
  ) -> Int {
    guard let base = baseAddress else { return count }
    let bytes = UnsafeRawPointer(base)
    var position = start
    while position &+ 16 <= count {
      let found = sought(SixteenBytes(at: bytes + position))
      if found != 0 { return position &+ found.trailingZeroBitCount }
      position &+= 16
    }
    if position &+ 8 <= count {
      let found = sought(SixteenBytes(eightAt: bytes + position)) & 0xFF
      if found != 0 { return position &+ found.trailingZeroBitCount }
      position &+= 8
    }
    while position < count, !isSought(self[position]) { position &+= 1 }
    return position
  }

  /// Whether all bytes of a range are ASCII.
  func isASCII(_ range: Range<Int>) -> Bool {
    let part = UnsafeBufferPointer(rebasing: self[range])
    return part.firstCandidate(from: 0, of: { ~$0.below(0x80) & 0xFFFF }, or: { $0 >= 0x80 }) == part.count
  }
}
