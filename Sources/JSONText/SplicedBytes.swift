// Bytes that are put together by where they stand.

import Glibc

/// Bytes of which some stand where they were written, and are neither copied nor moved to be part of these: a long text
/// around which little is written anew.
public final class SplicedBytes: @unchecked Sendable {
  // Unchecked because of the pointers: to memory of `own` and of the splices, which never changes and lives as long as
  // this object.
  private let own: ByteBuffer
  private let splices: [Splice]
  /// All of the bytes, in their order.
  private let pieces: [UnsafeBufferPointer<UInt8>]
  /// How many bytes there are.
  public let count: Int

  /// Bytes that stand elsewhere, and behind how many of the own ones they belong.
  struct Splice {
    let offset: Int
    let bytes: WrittenBytes
  }

  /// - Parameter splices: In the order of their offsets.
  init(_ own: consuming ByteBuffer, splices: [Splice]) {
    var pieces: [UnsafeBufferPointer<UInt8>] = []
    pieces.reserveCapacity(2 * splices.count + 1)
    var start = 0
    for splice in splices {
      pieces.append(UnsafeBufferPointer(rebasing: own.contents[start..<splice.offset]))
      pieces.append(splice.bytes.contents)
      start = splice.offset
    }
    pieces.append(UnsafeBufferPointer(rebasing: own.contents[start...]))
    self.own = own
    self.splices = splices
    self.pieces = pieces
    count = pieces.reduce(0) { $0 + $1.count }
  }

  /// A place in the bytes, from which they are read on.
  public struct Position: Sendable {
    fileprivate var piece = 0
    fileprivate var offset = 0

    /// Before the first byte.
    public init() {}
  }

  /// Copies the bytes from a position on, as many as there is room for, and moves the position behind them.
  ///
  /// - Returns: How many bytes were copied; 0 at the end.
  public func copy(from position: inout Position, to room: UnsafeMutableRawBufferPointer) -> Int {
    defer { withExtendedLifetime(self) {} }
    guard var target = room.baseAddress else { return 0 }
    var left = room.count
    while left > 0, position.piece < pieces.count {
      let piece = pieces[position.piece]
      let count = min(left, piece.count - position.offset)
      if let source = piece.baseAddress { memcpy(target, source + position.offset, count) }
      target += count
      left -= count
      position.offset += count
      if position.offset == piece.count {
        position.piece += 1
        position.offset = 0
      }
    }
    return room.count - left
  }

  /// A copy in one piece.
  public func joined() -> WrittenBytes {
    defer { withExtendedLifetime(self) {} }
    var all = ByteBuffer(reserving: count)
    for piece in pieces { all.append(piece) }
    return WrittenBytes(all)
  }
}
