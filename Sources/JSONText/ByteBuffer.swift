// Text that is written piece by piece.
//
// An array asks of each piece how it may be copied, and whether anybody else holds the array: with pieces of a few
// bytes that takes ten times as long as the copy.

import Glibc

/// Bytes that one owner appends to. It grows as it must; nothing else is done to what has been written.
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
  // Unchecked because it is a pointer: to memory that this value alone owns, and that is only read while it is shared.
  private var start: UnsafeMutablePointer<UInt8>
  /// How many bytes have been written.
  public private(set) var count = 0
  private var capacity: Int

  /// - Parameter capacity: Bytes for which there is room before the first growth.
  public init(reserving capacity: Int = 0) {
    self.capacity = max(capacity, 64)
    start = .allocate(capacity: self.capacity)
  }

  deinit { start.deallocate() }

  /// A copy of what has been written.
  public var bytes: [UInt8] { Array(contents) }

  /// What has been written, where it stands until more is written or the buffer ends.
  public var contents: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }

  /// Forgets what has been written, and keeps the room.
  public mutating func removeAll() { count = 0 }

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

  /// Makes room for so many bytes more.
  @inline(__always)
  mutating func makeRoom(for more: Int) {
    if capacity &- count < more { grow(for: more) }
  }

  @inline(never)
  private mutating func grow(for more: Int) {
    capacity = max(2 * capacity, count + more)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    larger.update(from: start, count: count)
    start.deallocate()
    start = larger
  }

  // MARK: JSON strings

  /// Appends UTF-8 text as a JSON string literal with its quotes. Nothing but `"`, `\` and the control characters
  /// below U+0020 is escaped.
  public mutating func appendJSONString(utf8 text: UnsafeBufferPointer<UInt8>) {
    makeRoom(for: text.count + 2)
    append(UInt8(ascii: "\""))
    var position = 0
    while position < text.count {
      position = appendPlainRun(of: text, from: position)
      while position < text.count, !isPlainInJSON(text[position]) {
        appendEscape(of: text[position])
        position &+= 1
      }
    }
    append(UInt8(ascii: "\""))
  }

  /// Appends a text as a JSON string literal with its quotes.
  public mutating func appendJSONString(_ text: String) {
    text.withUTF8Bytes { appendJSONString(utf8: $0) }
  }

  /// Appends what stands for itself in a JSON string, from `position` on, and gives where it ends.
  ///
  /// In one pass: eight bytes are copied before it is known how many of them count.
  @inline(__always)
  mutating func appendPlainRun(of text: UnsafeBufferPointer<UInt8>, from first: Int) -> Int {
    guard let base = text.baseAddress else { return text.count }
    let source = UnsafeRawPointer(base)
    var position = first
    while position &+ 8 <= text.count {
      makeRoom(for: 8)
      let word = source.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      UnsafeMutableRawPointer(start + count).storeBytes(of: word, as: UInt64.self)
      let plain = EightBytes(loaded: word).notPlainInJSON.trailingZeroBitCount >> 3
      count &+= plain
      position &+= plain
      if plain < 8 { return position }
    }
    while position < text.count, isPlainInJSON(text[position]) {
      append(text[position])
      position &+= 1
    }
    return position
  }

  @inline(__always)
  private mutating func appendEscape(of byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): appendPair(byte)
    case 0x0A: appendPair(UInt8(ascii: "n"))
    case 0x09: appendPair(UInt8(ascii: "t"))
    case 0x0D: appendPair(UInt8(ascii: "r"))
    case 0x08: appendPair(UInt8(ascii: "b"))
    case 0x0C: appendPair(UInt8(ascii: "f"))
    default:
      append(literal: "\\u00")
      append(UInt8(ascii: "0") + byte >> 4)
      append(hexDigit(byte & 0xF))
    }
  }

  @inline(__always)
  private mutating func appendPair(_ letter: UInt8) {
    makeRoom(for: 2)
    start[count] = UInt8(ascii: "\\")
    start[count &+ 1] = letter
    count &+= 2
  }

  private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
