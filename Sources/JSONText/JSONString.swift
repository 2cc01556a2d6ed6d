/// A text that has been escaped to a JSON string literal once and is kept as those bytes, so that a
/// conversation that is sent again with every call is not encoded again with every call.
public struct JSONString: Sendable, Hashable {
  /// The literal with its quotes.
  public let literal: WrittenBytes
  /// The length of the text in UTF-16 code units, which is what providers' users call characters.
  public let length: Int

  public init(_ text: String) {
    var literal = ByteBuffer(reserving: ByteBuffer.expectedLiteral(of: text.utf8.count))
    literal.appendJSONString(text)
    self.literal = WrittenBytes(literal)
    length = text.utf16.count
  }

  /// The text itself.
  public var text: String { (try? JSON(parsing: literal.bytes))?.string ?? "" }

  public var isEmpty: Bool { length == 0 }
}
