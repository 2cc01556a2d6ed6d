/// Why a text is no JSON, and at which byte.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Code: Sendable {
    /// The text ends inside a value: more may be on its way.
    case truncated
    /// The text breaks the grammar, or a string is no valid UTF-8.
    case invalid
    /// Arrays and objects stand in one another more than 512 deep.
    case tooDeep
  }

  public var code: Code
  /// The offset in bytes at which reading stopped.
  public var offset: Int

  public var description: String {
    switch code {
    case .truncated: "the JSON text ends at byte \(offset), inside a value"
    case .invalid: "not valid JSON at byte \(offset)"
    case .tooDeep: "JSON nested more than \(JSON.maximumDepth) deep at byte \(offset)"
    }
  }
}

extension JSON {
  /// How deep arrays and objects may stand in one another; the limit is Foundation's.
  public static let maximumDepth = 512

  /// Reads one JSON text (RFC 8259) that fills `bytes`, white space around it allowed.
  ///
  /// A lone surrogate escape becomes U+FFFD. With `repairing`, so does each ill-formed piece of UTF-8; without
  /// it such a text is `invalid`. Strings are given in the form of `String.streamSafe`.
  ///
  /// - Parameter wanted: The members of the outermost object that are of interest; nil for all. Another one is checked as
  ///   they are, costs less, and is left out.
  public init(parsing bytes: [UInt8], repairing: Bool = false, keeping wanted: [String]? = nil)
    throws(JSONError)
  {
    var outcome: Result<JSON, JSONError> = .success(.null)
    bytes.withUnsafeBufferPointer { buffer in
      var parser = Parser(bytes: buffer, repairing: repairing, wanted: wanted)
      do throws(JSONError) {
        outcome = .success(try parser.document())
      } catch {
        outcome = .failure(error)
      }
    }
    self = try outcome.get()
  }

  /// Reads one JSON text from a string.
  public init(parsing text: String) throws(JSONError) {
    try self.init(parsing: Array(text.utf8))
  }
}

/// A recursive-descent reader over bytes, one pass, whose depth is bounded.
private struct Parser: ~Copyable {
  let bytes: UnsafeBufferPointer<UInt8>
  let repairing: Bool
  let wanted: [String]?
  var position = 0
  /// What a string with escapes is read to; its room is used again for the next.
  var plain = ByteBuffer()

  init(bytes: UnsafeBufferPointer<UInt8>, repairing: Bool, wanted: [String]?) {
    self.bytes = bytes
    self.repairing = repairing
    self.wanted = wanted
  }

  mutating func document() throws(JSONError) -> JSON {
    skipSpace()
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw failure(.invalid) }
    return value
  }

  private func failure(_ code: JSONError.Code) -> JSONError { JSONError(code: code, offset: position) }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  private mutating func peek() throws(JSONError) -> UInt8 {
    guard position < bytes.count else { throw failure(.truncated) }
    return bytes[position]
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSON {
    switch try peek() {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return .number(try number())
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSON) throws(JSONError) -> JSON {
    for offset in 0..<text.utf8CodeUnitCount {
      guard try peek() == text.utf8Start[offset] else { throw failure(.invalid) }
      position += 1
    }
    return value
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSON {
    guard depth < JSON.maximumDepth else { throw failure(.tooDeep) }
    position += 1
    var members: [JSON.Member] = []
    // There is one of these; those within may be many, and small.
    if depth == 0 { members.reserveCapacity(8) }
    skipSpace()
    if try peek() == UInt8(ascii: "}") {
      position += 1
      return .object(members)
    }
    while true {
      guard try peek() == UInt8(ascii: "\"") else { throw failure(.invalid) }
      let key = try string()
      skipSpace()
      guard try peek() == UInt8(ascii: ":") else { throw failure(.invalid) }
      position += 1
      skipSpace()
      if depth == 0, let wanted, !wanted.contains(key) {
        try skipValue(depth: depth + 1)
      } else {
        members.append(JSON.Member(key, try value(depth: depth + 1)))
      }
      skipSpace()
      let next = try peek()
      guard next == UInt8(ascii: ",") || next == UInt8(ascii: "}") else { throw failure(.invalid) }
      position += 1
      if next == UInt8(ascii: "}") { return .object(members) }
      skipSpace()
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSON {
    guard depth < JSON.maximumDepth else { throw failure(.tooDeep) }
    position += 1
    var elements: [JSON] = []
    skipSpace()
    if try peek() == UInt8(ascii: "]") {
      position += 1
      return .array(elements)
    }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      let next = try peek()
      guard next == UInt8(ascii: ",") || next == UInt8(ascii: "]") else { throw failure(.invalid) }
      position += 1
      if next == UInt8(ascii: "]") { return .array(elements) }
      skipSpace()
    }
  }

  private mutating func number() throws(JSONError) -> String {
    let start = position
    try skipNumber()
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func skipNumber() throws(JSONError) {
    if try peek() == UInt8(ascii: "-") { position += 1 }
    if try peek() == UInt8(ascii: "0") {
      position += 1
    } else {
      try digits()
    }
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      let sign = try peek()
      if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
  }

  private mutating func digits() throws(JSONError) {
    guard isDigit(try peek()) else { throw failure(.invalid) }
    while position < bytes.count, isDigit(bytes[position]) { position += 1 }
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  /// Reads a string from its opening quote to behind its closing one.
  private mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    position = bytes.plainEnd(from: start)
    switch try peek() {
    case UInt8(ascii: "\""):
      defer { position += 1 }
      return try decoded(UnsafeBufferPointer(rebasing: bytes[start..<position]), at: start)
    case UInt8(ascii: "\\"): return try escapedString(from: start)
    default: throw failure(.invalid)
    }
  }

  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    plain.remove(from: 0)
    // As much as the string can have, unless it is one of many in a large text.
    plain.makeRoom(for: min(bytes.count - start, 16 << 10))
    position = start
    while true {
      position = plain.appendUnescaped(bytes, from: position)
      switch try peek() {
      case UInt8(ascii: "\""):
        position += 1
        return try decoded(plain.contents, at: start)
      case UInt8(ascii: "\\"):
        position += 1
        try escape()
      default:
        throw failure(.invalid)
      }
    }
  }

  private func decoded(_ text: UnsafeBufferPointer<UInt8>, at offset: Int) throws(JSONError) -> String {
    // Most texts are ASCII, and what validates others takes a while to find its way.
    if text.isASCII(0..<text.count) { return String(decoding: text, as: UTF8.self) }
    if let string = String(validating: text, as: UTF8.self) { return string.streamSafe }
    guard repairing else { throw JSONError(code: .invalid, offset: offset) }
    return String(decoding: text, as: UTF8.self).streamSafe
  }

  /// Reads what stands behind a backslash.
  private mutating func escape() throws(JSONError) {
    let letter = try peek()
    position += 1
    switch letter {
    case UInt8(ascii: "u"):
      let scalar = try escapedScalar()
      for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { plain.append(byte) }
    default:
      guard let byte = plainEscape(letter) else {
        position -= 1
        throw failure(.invalid)
      }
      plain.append(byte)
    }
  }

  // MARK: Checking without keeping

  /// Goes past a value that nobody wants, and finds in it the errors that reading it would.
  private mutating func skipValue(depth: Int) throws(JSONError) {
    switch try peek() {
    case UInt8(ascii: "{"): try skipElements(depth: depth, until: UInt8(ascii: "}"), named: true)
    case UInt8(ascii: "["): try skipElements(depth: depth, until: UInt8(ascii: "]"), named: false)
    case UInt8(ascii: "\""): try skipString()
    case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): _ = try value(depth: depth)
    default: try skipNumber()
    }
  }

  private mutating func skipElements(depth: Int, until close: UInt8, named: Bool) throws(JSONError) {
    guard depth < JSON.maximumDepth else { throw failure(.tooDeep) }
    position += 1
    skipSpace()
    if try peek() == close {
      position += 1
      return
    }
    while true {
      if named {
        guard try peek() == UInt8(ascii: "\"") else { throw failure(.invalid) }
        try skipString()
        skipSpace()
        guard try peek() == UInt8(ascii: ":") else { throw failure(.invalid) }
        position += 1
        skipSpace()
      }
      try skipValue(depth: depth + 1)
      skipSpace()
      let next = try peek()
      guard next == UInt8(ascii: ",") || next == close else { throw failure(.invalid) }
      position += 1
      if next == close { return }
      skipSpace()
    }
  }

  private mutating func skipString() throws(JSONError) {
    position += 1
    let start = position
    while true {
      position = bytes.plainEnd(from: position)
      switch try peek() {
      case UInt8(ascii: "\""):
        defer { position += 1 }
        // No escape makes ill-formed UTF-8 of what is well-formed, or the other way round.
        if !repairing, !bytes.isASCII(start..<position) {
          _ = try decoded(UnsafeBufferPointer(rebasing: bytes[start..<position]), at: start)
        }
        return
      case UInt8(ascii: "\\"):
        position += 1
        try skipEscape()
      default: throw failure(.invalid)
      }
    }
  }

  private mutating func skipEscape() throws(JSONError) {
    switch try peek() {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 1
    case UInt8(ascii: "u"):
      position += 1
      _ = try fourHexDigits()
    default:
      throw failure(.invalid)
    }
  }

  /// The scalar of `\uXXXX`, or of a pair of them; U+FFFD for a surrogate that stands alone.
  private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
    let replacement: Unicode.Scalar = "\u{FFFD}"
    let first = try fourHexDigits()
    guard first & 0xFC00 == 0xD800 else { return Unicode.Scalar(first) ?? replacement }
    guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    else { return replacement }
    let mark = position
    position += 2
    let second = try fourHexDigits()
    guard second & 0xFC00 == 0xDC00 else {
      position = mark
      return replacement
    }
    return Unicode.Scalar(0x10000 + (first & 0x3FF) << 10 + (second & 0x3FF)) ?? replacement
  }

  private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      let byte = try peek()
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw failure(.invalid)
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }
}
