// The text of JSON strings: escaped when it is written, and unescaped when it is read.
//
// Both go over sixteen bytes at a time. All sixteen are copied before it is known how many of them stand for
// themselves, behind each escape again: what is too much is written over by what comes next.

extension ByteBuffer {
  /// Appends UTF-8 text as a JSON string literal with its quotes. Nothing but `"`, `\` and the control characters
  /// below U+0020 is escaped.
  public mutating func appendJSONString(utf8 text: UnsafeBufferPointer<UInt8>) {
    makeRoom(for: text.count + 2)
    append(UInt8(ascii: "\""))
    var position = appendBlocks(of: text, from: 0) { source, output in
      (1, Self.writeEscape(of: source[0], at: output))
    }
    while position < text.count {
      let end = text.plainEnd(from: position)
      append(UnsafeBufferPointer(rebasing: text[position..<end]))
      position = end
      guard end < text.count else { break }
      makeRoom(for: Self.longestEscape)
      count &+= Self.writeEscape(of: text[end], at: start + count)
      position &+= 1
    }
    append(UInt8(ascii: "\""))
  }

  /// Appends a text as a JSON string literal with its quotes.
  public mutating func appendJSONString(_ text: String) {
    text.withUTF8Bytes { appendJSONString(utf8: $0) }
  }

  /// Appends the text of a string literal with its plain escapes undone, from `first` on, and gives where it has
  /// stopped: at the quote that ends the literal, at a backslash, at a byte that may not stand there, or at the end.
  mutating func appendUnescaped(_ text: UnsafeBufferPointer<UInt8>, from first: Int) -> Int {
    let rest = appendBlocks(of: text, from: first) { source, output in
      guard source[0] == UInt8(ascii: "\\"), let byte = plainEscape(source[1]) else { return nil }
      output.pointee = byte
      return (2, 1)
    }
    let end = text.plainEnd(from: rest)
    append(UnsafeBufferPointer(rebasing: text[rest..<end]))
    return end
  }

  /// Appends as much of a text as stands in whole blocks, and gives where the rest begins.
  ///
  /// - Parameter special: Writes what stands for the bytes here, of which the first does not stand for itself: gives how
  ///   many it has read, one or two, and how many written, six at most; nil to stop before them.
  @inline(__always)
  private mutating func appendBlocks(
    of text: UnsafeBufferPointer<UInt8>, from first: Int,
    special: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> (read: Int, written: Int)?
  ) -> Int {
    guard let base = text.baseAddress else { return first }
    var position = first
    // Whatever is copied begins in this block, or one byte behind it, and so ends in the next or with one byte more.
    while position &+ 33 <= text.count {
      makeRoom(for: 16 * Self.longestEscape + 16)
      var found = SixteenBytes(at: base + position).notPlainInJSON
      let end = position &+ 16
      var output = start + count
      while found != 0 {
        Self.copySixteen(base + position, to: output)
        let plain = found.trailingZeroBitCount
        output += plain
        position &+= plain
        guard let (read, written) = special(base + position, output) else {
          count = output - start
          return position
        }
        output += written
        position &+= read
        found &>>= UInt32(truncatingIfNeeded: plain &+ read)
      }
      Self.copySixteen(base + position, to: output)
      let rest = max(end &- position, 0)
      count = output - start &+ rest
      position &+= rest
    }
    return position
  }

  @inline(__always)
  private static func copySixteen(_ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>) {
    let bytes = UnsafeRawPointer(source).loadUnaligned(as: SIMD16<UInt8>.self)
    UnsafeMutableRawPointer(target).storeBytes(of: bytes, as: SIMD16<UInt8>.self)
  }

  /// `\u001f`.
  private static let longestEscape = 6

  /// Room for the literal of a text of so many bytes, a few of which are escaped, and for what is copied too much at
  /// its end: so that mostly it does not grow.
  static func expectedLiteral(of count: Int) -> Int { count + count / 8 + 16 * longestEscape + 32 }

  /// Writes the escape of a byte, and gives how long it is.
  @inline(__always)
  private static func writeEscape(of byte: UInt8, at target: UnsafeMutablePointer<UInt8>) -> Int {
    let letters: StaticString = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu"
    let letter = byte < 0x20 ? letters.utf8Start[Int(byte)] : byte
    target[0] = UInt8(ascii: "\\")
    target[1] = letter
    guard letter == UInt8(ascii: "u") else { return 2 }
    target[2] = UInt8(ascii: "0")
    target[3] = UInt8(ascii: "0")
    target[4] = UInt8(ascii: "0") &+ byte >> 4
    target[5] = hexDigit(byte & 0xF)
    return 6
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}

/// What an escape of one letter stands for; nil for `u`, and for a letter that makes no escape.
@inline(__always)
func plainEscape(_ letter: UInt8) -> UInt8? {
  switch letter {
  case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
  case UInt8(ascii: "n"): 0x0A
  case UInt8(ascii: "t"): 0x09
  case UInt8(ascii: "r"): 0x0D
  case UInt8(ascii: "b"): 0x08
  case UInt8(ascii: "f"): 0x0C
  default: nil
  }
}
