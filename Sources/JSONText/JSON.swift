/// A JSON value (RFC 8259) that keeps what it was given: members stay in their order and numbers keep
/// their text, so that a value read from a producer and written again means the same to the next reader.
///
/// Foundation's coders are not used for these values: they cannot tell a truncated text from a wrong one,
/// round large numbers, refuse lone surrogates, and take ten times as long.
public enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  /// The number as it was written, such as `1e3` or `12345678901234567890`.
  case number(String)
  case string(String)
  case array([JSON])
  case object([Member])

  /// One name and its value in an object.
  public struct Member: Sendable, Equatable {
    public var key: String
    public var value: JSON

    public init(_ key: String, _ value: JSON) {
      self.key = key
      self.value = value
    }
  }
}

extension JSON {
  /// The value of a member; where a name stands more than once, the last one, as in most readers.
  /// Nil when this is no object or has no such member.
  public subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.last(where: { $0.key == key })?.value
  }

  public var string: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  public var bool: Bool? {
    if case .bool(let flag) = self { return flag }
    return nil
  }

  public var array: [JSON]? {
    if case .array(let elements) = self { return elements }
    return nil
  }

  public var object: [Member]? {
    if case .object(let members) = self { return members }
    return nil
  }

  /// A finite number, also one that stands in a string, as some servers and settings write it.
  public var double: Double? {
    switch self {
    case .number(let text), .string(let text):
      guard let value = Double(text), value.isFinite else { return nil }
      return value
    default:
      return nil
    }
  }

  /// A whole number that fits, also one that stands in a string or is written `5.0`.
  public var int: Int? {
    switch self {
    case .number(let text), .string(let text):
      return Int(text) ?? Double(text).flatMap { Int(exactly: $0) }
    default:
      return nil
    }
  }

  public var isNull: Bool { self == .null }

  /// How much memory it takes, in bytes, about: a small value takes many times what its text does.
  public var memory: Int {
    // Its place in an array, and what an allocation of its own has beside its content.
    let own = 64
    switch self {
    case .null, .bool: return own
    case .number(let text), .string(let text): return own + text.utf8.count
    case .array(let elements): return elements.reduce(own) { $0 + $1.memory }
    case .object(let members):
      return members.reduce(own) { $0 + own + $1.key.utf8.count + $1.value.memory }
    }
  }

  /// The value as compact JSON text.
  public var text: String {
    var writer = JSONWriter(reserving: expectedLength)
    writer.value(self)
    return writer.text
  }

  /// About how many bytes the text has.
  private var expectedLength: Int {
    switch self {
    case .null, .bool: 5
    case .number(let text): text.utf8.count
    case .string(let text): text.utf8.count + text.utf8.count / 8 + 4
    case .array(let elements): elements.reduce(2) { $0 + $1.expectedLength + 1 }
    case .object(let members):
      members.reduce(2) { $0 + $1.key.utf8.count + $1.value.expectedLength + 4 }
    }
  }
}
