// Bytes that are written once and then passed along.

import Glibc

/// Bytes that stay as they were written, where they were written: whoever holds them shares them, and none of them is
/// copied.
public final class WrittenBytes: Sendable {
  private let buffer: ByteBuffer

  /// What a buffer holds, taken over with its room.
  public init(_ buffer: consuming ByteBuffer) { self.buffer = buffer }

  /// What a writer has written.
  public convenience init(_ writer: consuming JSONWriter) { self.init(writer.finish()) }

  /// A copy of these bytes.
  public convenience init(_ bytes: [UInt8]) {
    var buffer = ByteBuffer(reserving: bytes.count)
    bytes.withUnsafeBufferPointer { buffer.append($0) }
    self.init(buffer)
  }

  /// How many bytes there are.
  public var count: Int { buffer.count }

  /// Where the bytes stand for as long as this object lives: for a caller who keeps it until the last of them is read.
  public var contents: UnsafeBufferPointer<UInt8> { buffer.contents }

  /// A copy of the bytes.
  public var bytes: [UInt8] { withContents { Array($0) } }

  /// Shows the bytes to a function, for the time that it takes.
  public func withContents<Value, Failure: Error>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    defer { withExtendedLifetime(self) {} }
    return try body(buffer.contents)
  }
}

extension WrittenBytes: Hashable {
  public static func == (left: WrittenBytes, right: WrittenBytes) -> Bool {
    left.withContents { left in right.withContents { left.isEqual(to: $0) } }
  }

  public func hash(into hasher: inout Hasher) {
    withContents { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Whether the bytes are the same.
  public func isEqual(to other: UnsafeBufferPointer<UInt8>) -> Bool {
    guard count == other.count else { return false }
    guard let one = baseAddress, let other = other.baseAddress else { return true }
    return memcmp(one, other, count) == 0
  }
}
