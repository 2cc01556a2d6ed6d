/// A text that has been escaped to a JSON string literal once and is kept as those bytes, so that a
/// conversation that is sent again with every call is not encoded again with every call.
public struct JSONString: Sendable, Hashable {
  /// The literal with its quotes.
  public let literal: WrittenBytes
  /// The length of the text in UTF-16 code units, which is what providers' users call characters.
  public let length: Int

  public init(_ text: String) {
    literal = text.withUTF8Bytes { Self.literal(of: $0) }
    length = text.utf16.count
  }

  /// - Parameter utf8: A text in well-formed UTF-8.
  public init(utf8: WrittenBytes) {
    (literal, length) = utf8.withContents { text in
      (
        Self.literal(of: text),
        text.isASCII(0..<text.count) ? text.count : String(decoding: text, as: UTF8.self).utf16.count
      )
    }
  }

  private static func literal(of text: UnsafeBufferPointer<UInt8>) -> WrittenBytes {
    var literal = ByteBuffer(reserving: ByteBuffer.expectedLiteral(of: text.count))
    literal.appendJSONString(utf8: text)
    literal.trim()
    return WrittenBytes(literal)
  }

  /// The text itself.
  public var text: String { (try? JSON(parsing: literal.bytes))?.string ?? "" }

  public var isEmpty: Bool { length == 0 }
}
