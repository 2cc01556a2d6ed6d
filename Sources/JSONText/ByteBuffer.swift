// Text that is written piece by piece.
//
// An array asks of each piece how it may be copied, and whether anybody else holds the array: with pieces of a few
// bytes that takes ten times as long as the copy.

import Glibc

/// Bytes that one owner appends to. It grows as it must; of what has been written, only the end can be taken back.
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
  // Unchecked because it is a pointer: to memory that this value alone owns, and that is only read while it is shared.
  private(set) var start: UnsafeMutablePointer<UInt8>
  /// How many bytes have been written.
  public internal(set) var count = 0
  private var capacity: Int

  /// - Parameter capacity: Bytes for which there is room before the first growth.
  public init(reserving capacity: Int = 0) {
    self.capacity = max(capacity, 64)
    start = Self.memory(of: self.capacity, for: nil)
  }

  deinit { free(start) }

  /// A copy of what has been written.
  public var bytes: [UInt8] { Array(contents) }

  /// What has been written, where it stands until more is written or the buffer ends.
  public var contents: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }

  /// Forgets what has been written from an offset on, and keeps the room.
  public mutating func remove(from offset: Int) { count = min(max(offset, 0), count) }

  @inline(__always)
  public mutating func append(_ byte: UInt8) {
    makeRoom(for: 1)
    start[count] = byte
    count &+= 1
  }

  public mutating func append(_ byte: UInt8, times: Int) {
    makeRoom(for: times)
    memset(start + count, Int32(byte), times)
    count &+= times
  }

  public mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let source = bytes.baseAddress else { return }
    makeRoom(for: bytes.count)
    memcpy(start + count, source, bytes.count)
    count &+= bytes.count
  }

  public mutating func append(literal text: StaticString) {
    append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Appends the UTF-8 of a text.
  public mutating func append(_ text: String) {
    text.withUTF8Bytes { append($0) }
  }

  /// Gives back the room that is left, if that is worth it: for what is kept.
  mutating func trim() {
    guard capacity - count > count / 4 + 256 else { return }
    capacity = max(count, 64)
    start = Self.memory(of: capacity, for: start)
  }

  /// Makes room for so many bytes more.
  @inline(__always)
  mutating func makeRoom(for more: Int) {
    if capacity &- count < more { grow(for: more) }
  }

  @inline(never)
  private mutating func grow(for more: Int) {
    capacity = max(2 * capacity, count + more)
    start = Self.memory(of: capacity, for: start)
  }

  /// Straight from the C library: what Swift allocates takes longer, and cannot grow where it stands.
  private static func memory(of size: Int, for old: UnsafeMutablePointer<UInt8>?)
    -> UnsafeMutablePointer<UInt8>
  {
    guard let memory = realloc(old, size) else { fatalError("there is no memory left for \(size) bytes") }
    return memory.assumingMemoryBound(to: UInt8.self)
  }
}
