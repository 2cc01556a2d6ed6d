import FoundationEssentials

/// Writes JSON text (RFC 8259) straight to bytes, in the order in which it is told.
///
/// The caller keeps the grammar: in an object each value follows a `key`, or comes with one in `member`.
public struct JSONWriter: ~Copyable {
  /// How the text is laid out.
  public enum Layout: Sendable {
    /// Without any white space, for lines and requests.
    case compact
    /// One member or element a line, two spaces a level, for people.
    case indented
  }

  private var buffer: ByteBuffer
  private let layout: Layout
  private var depth = 0
  /// Whether something stands before in the array or object that is open, so that a comma is due.
  private var needsComma = false
  private var afterKey = false
  /// What stands elsewhere and was not copied; nil where everything is.
  private var splices: [SplicedBytes.Splice]?

  public init(_ layout: Layout = .compact, reserving capacity: Int = 0) {
    self.layout = layout
    buffer = ByteBuffer(reserving: capacity)
  }

  /// A compact text in which long values that are JSON already stay where they stand, until `finishSpliced`.
  public init(splicing capacity: Int) {
    self.init(reserving: capacity)
    splices = []
  }

  /// Goes on behind what a buffer holds, until `finish` gives it back.
  init(appendingTo buffer: consuming ByteBuffer) {
    layout = .compact
    self.buffer = buffer
  }

  /// A copy of what has been written so far; not where anything may stand elsewhere.
  public var bytes: [UInt8] { buffer.bytes }

  /// What has been written so far, as a text.
  var text: String { String(decoding: buffer.contents, as: UTF8.self) }

  /// What has been written, given away; not where anything may stand elsewhere.
  public consuming func finish() -> ByteBuffer {
    precondition(splices == nil, "finishSpliced gives all of it")
    return buffer
  }

  /// What has been written, and what was spliced.
  public consuming func finishSpliced() -> SplicedBytes { SplicedBytes(buffer, splices: splices ?? []) }

  public mutating func object(_ members: (inout JSONWriter) -> Void) {
    nested(UInt8(ascii: "{"), UInt8(ascii: "}"), members)
  }

  public mutating func array(_ elements: (inout JSONWriter) -> Void) {
    nested(UInt8(ascii: "["), UInt8(ascii: "]"), elements)
  }

  /// - Parameter name: One that needs no escape.
  public mutating func key(_ name: StaticString) {
    separate()
    buffer.append(UInt8(ascii: "\""))
    buffer.append(literal: name)
    buffer.append(UInt8(ascii: "\""))
    endKey()
  }

  /// A name that is not known when the program is written.
  public mutating func key(text name: String) {
    separate()
    buffer.appendJSONString(name)
    endKey()
  }

  private mutating func endKey() {
    buffer.append(UInt8(ascii: ":"))
    if layout == .indented { buffer.append(UInt8(ascii: " ")) }
    afterKey = true
  }

  public mutating func value(_ text: String) {
    separate()
    buffer.appendJSONString(text)
  }

  /// A moment as `Date.rfc3339` writes it.
  public mutating func value(_ moment: Date) {
    separate()
    buffer.append(UInt8(ascii: "\""))
    buffer.append(moment)
    buffer.append(UInt8(ascii: "\""))
  }

  public mutating func value(_ number: Int) { raw(text: String(number)) }

  /// A number that is not finite, which JSON cannot hold, is written as null.
  public mutating func value(_ number: Double) {
    guard number.isFinite else { return null() }
    raw(text: Int(exactly: number).map(String.init) ?? String(number))
  }

  public mutating func value(_ flag: Bool) { raw(text: flag ? "true" : "false") }

  public mutating func null() { raw(text: "null") }

  private mutating func raw(text: String) {
    separate()
    buffer.append(text)
  }

  /// A line break behind the value, for a file or a line of its own.
  public mutating func endLine() { buffer.append(UInt8(ascii: "\n")) }

  /// What is shorter is copied, which takes no longer than to find it where it stands.
  private static let shortestSplice = 256

  /// Bytes that are one JSON value already.
  public mutating func raw(_ json: WrittenBytes) {
    separate()
    if splices != nil, json.count >= Self.shortestSplice {
      splices?.append(SplicedBytes.Splice(offset: buffer.count, bytes: json))
    } else {
      json.withContents { buffer.append($0) }
    }
  }

  public mutating func value(_ json: JSON) {
    switch json {
    case .null: null()
    case .bool(let flag): value(flag)
    case .number(let text): raw(text: text)
    case .string(let text): value(text)
    case .array(let elements): array { for element in elements { $0.value(element) } }
    case .object(let members):
      object {
        for member in members {
          $0.key(text: member.key)
          $0.value(member.value)
        }
      }
    }
  }

  public mutating func member(_ name: StaticString, _ text: String?) {
    key(name)
    if let text { value(text) } else { null() }
  }

  public mutating func member(_ name: StaticString, _ number: Int?) {
    key(name)
    if let number { value(number) } else { null() }
  }

  public mutating func member(_ name: StaticString, _ number: Double?) {
    key(name)
    if let number { value(number) } else { null() }
  }

  public mutating func member(_ name: StaticString, _ moment: Date?) {
    key(name)
    if let moment { value(moment) } else { null() }
  }

  public mutating func member(_ name: StaticString, _ flag: Bool) {
    key(name)
    value(flag)
  }

  public mutating func member(_ name: StaticString, _ texts: [String]) {
    key(name)
    array { for text in texts { $0.value(text) } }
  }

  private mutating func nested(_ open: UInt8, _ close: UInt8, _ content: (inout JSONWriter) -> Void) {
    separate()
    buffer.append(open)
    depth += 1
    needsComma = false
    content(&self)
    depth -= 1
    if needsComma { newLine() }
    buffer.append(close)
    needsComma = true
  }

  private mutating func separate() {
    if afterKey {
      afterKey = false
    } else {
      if needsComma { buffer.append(UInt8(ascii: ",")) }
      if depth > 0 { newLine() }
    }
    needsComma = true
  }

  private mutating func newLine() {
    guard layout == .indented else { return }
    buffer.append(UInt8(ascii: "\n"))
    buffer.append(UInt8(ascii: " "), times: 2 * depth)
  }
}

extension ByteBuffer {
  /// Appends a value as compact JSON text.
  public mutating func append(_ value: JSON) {
    var writer = JSONWriter(appendingTo: self)
    writer.value(value)
    self = writer.finish()
  }
}
