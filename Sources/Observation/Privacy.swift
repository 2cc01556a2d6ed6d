// Removes what must not leave the machine: private text, and the context that the host put in by itself.
import JSONText

/// Removal of `<private>…</private>` and of the host's own context tags.
///
/// It fails closed: an unclosed tag hides the rest of its string, tags nest, case and attributes do not matter, and a
/// tag counts also where its characters are escaped (`\u003cprivate\u003e`, `&lt;private&gt;`).
public enum Privacy {
  /// The names of the tags whose content is removed.
  public static let tags = [
    "private", "system-reminder", "claude-mem-context", "system-instruction", "system_instruction",
    "persisted-output",
  ]

  /// The text without what is private. Where the text is JSON, each string in it is treated by itself.
  public static func remove(from text: String) -> String { remove(from: text, depth: 0) }

  /// The value without what is private in any of its strings and names.
  public static func remove(from json: JSON) -> JSON { remove(from: json, depth: 0) }

  /// How many strings of JSON may stand in one another before they are read as plain text, where escaped tags are
  /// still found but hide more.
  private static let maximumDepth = 6

  private static func remove(from text: String, depth: Int) -> String {
    let suspicion = Suspicion(text)
    if suspicion == .none { return text }
    if suspicion == .inJSON, depth < maximumDepth, let json = try? JSON(parsing: text) {
      let cleaned = remove(from: json, depth: depth + 1)
      // What was nothing but JSON with nothing to hide is left as it was written.
      return cleaned == json ? text : cleaned.text
    }
    return removeTags(from: text)
  }

  private static func remove(from json: JSON, depth: Int) -> JSON {
    switch json {
    case .string(let text): .string(remove(from: text, depth: depth))
    case .array(let elements): .array(elements.map { remove(from: $0, depth: depth) })
    case .object(let members):
      .object(
        members.map { JSON.Member(remove(from: $0.key, depth: depth), remove(from: $0.value, depth: depth)) })
    case .null, .bool, .number: json
    }
  }

  /// Removing a part can bring the halves of another tag together, so it is done until nothing is found. Text that
  /// is built to go on like that is cut at its next tag.
  private static func removeTags(from text: String) -> String {
    var bytes = Array(text.utf8)
    for pass in 1... {
      var scan = Scan()
      let kept = bytes.withUnsafeBufferPointer { scan.visible(in: $0, cuttingAtTag: pass == 4) }
      guard scan.found else { break }
      bytes = kept
      if pass == 4 { break }
    }
    // What stood on both sides of a tag may be one row of marks now.
    return String(decoding: bytes, as: UTF8.self).streamSafe
  }
}

/// Where a text could hold a tag, decided at a glance.
private enum Suspicion {
  case none, inText, inJSON

  init(_ text: String) {
    var text = text
    self = text.withUTF8 { bytes in
      guard Scan.mayHaveTag(bytes) else { return .none }
      let first = bytes.first { $0 > 0x20 }
      let isJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[") || first == UInt8(ascii: "\"")
      return isJSON ? .inJSON : .inText
    }
  }
}

/// One pass over a text that copies what no tag hides.
private struct Scan {
  private(set) var found = false
  /// How many of each tag are open.
  private var open = Array(repeating: 0, count: Privacy.tags.count)
  private var hidden: Bool { open.contains { $0 > 0 } }

  private static let names = Privacy.tags.map { Array($0.utf8) }
  /// Escapes of escapes double their backslashes; more than this in front of one character are no escape.
  private static let longestRun = 64

  static func mayStartTag(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "<") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "&")
  }

  /// Whether `mayStartTag` is true of any byte; three searches of the C library take less than asking each byte.
  static func mayHaveTag(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    bytes.position(of: UInt8(ascii: "<"), from: 0) != nil
      || bytes.position(of: UInt8(ascii: "\\"), from: 0) != nil
      || bytes.position(of: UInt8(ascii: "&"), from: 0) != nil
  }

  mutating func visible(in bytes: UnsafeBufferPointer<UInt8>, cuttingAtTag: Bool) -> [UInt8] {
    var kept: [UInt8] = []
    var clean = 0
    var position = 0
    while position < bytes.count {
      guard Self.mayStartTag(bytes[position]) else {
        position += 1
        continue
      }
      guard let tag = tag(in: bytes, at: position) else {
        position = Self.behindRun(in: bytes, from: position)
        continue
      }
      found = true
      if !hidden { kept.append(contentsOf: bytes[clean..<position]) }
      if cuttingAtTag { return kept }
      switch tag.form {
      case .opening: open[tag.name] += 1
      case .closing: open[tag.name] = max(0, open[tag.name] - 1)
      case .empty: break
      }
      position = tag.end
      clean = position
    }
    if !hidden { kept.append(contentsOf: bytes[clean..<bytes.count]) }
    return kept
  }

  /// Behind the byte, or behind all backslashes that stand together.
  private static func behindRun(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var position = start + 1
    guard bytes[start] == UInt8(ascii: "\\") else { return position }
    while position < bytes.count, bytes[position] == UInt8(ascii: "\\") { position += 1 }
    // The last one may begin an escape of its own, which is seen from its run's start only if that is short.
    return position - start > longestRun ? max(start + 1, position - 1) : position
  }

  private enum Form { case opening, closing, empty }

  private struct Tag {
    let name: Int
    let form: Form
    let end: Int
  }

  /// The tag of ours that starts here, in whichever way its characters are escaped. One without an end reaches to the
  /// end of the text.
  private func tag(in bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> Tag? {
    guard let bracket = Self.character(in: bytes, at: start), bracket.value == UInt8(ascii: "<") else {
      return nil
    }
    var position = bracket.end
    var isClosing = false
    if let slash = Self.character(in: bytes, at: position), slash.value == UInt8(ascii: "/") {
      isClosing = true
      position = slash.end
    }
    guard let name = Self.name(in: bytes, at: &position) else { return nil }
    // Only a tag without attributes is empty: in an attribute, `/>` may be text, and so may another tag.
    var isEmpty = false
    var isBare = true
    while position < bytes.count {
      guard let next = Self.character(in: bytes, at: position) else {
        position = Self.behindRun(in: bytes, from: position)
        isEmpty = false
        isBare = false
        continue
      }
      if next.value == UInt8(ascii: "<") {
        // A tag in a tag. A closing one must not swallow one that hides, and an opening one that may have been
        // swallowed is never closed.
        return Tag(name: name, form: isClosing ? .closing : .opening, end: isClosing ? position : bytes.count)
      }
      position = next.end
      if next.value == UInt8(ascii: ">") {
        return Tag(name: name, form: isClosing ? .closing : isEmpty ? .empty : .opening, end: position)
      }
      isEmpty = isBare && next.value == UInt8(ascii: "/")
      isBare = isBare && (isEmpty || isSpace(next.value))
    }
    return Tag(name: name, form: .opening, end: bytes.count)
  }

  /// The index of the tag's name that stands here, if no character of a name follows it.
  private static func name(in bytes: UnsafeBufferPointer<UInt8>, at position: inout Int) -> Int? {
    var word: [UInt8] = []
    var end = position
    while word.count <= 24, let next = character(in: bytes, at: end), isNameByte(next.value) {
      word.append(next.value)
      end = next.end
    }
    guard let index = names.firstIndex(of: word) else { return nil }
    position = end
    return index
  }

  /// The character that starts here, letters in lower case, with its escapes undone: `\u003c`, `\x3c`, with any
  /// number of backslashes up to a limit, `&lt;`, `&#60;`, `&#x3c;`. Nil at the end of the text, and for an escape
  /// that is none of these.
  private static func character(
    in bytes: UnsafeBufferPointer<UInt8>, at start: Int
  ) -> (value: UInt8, end: Int)? {
    guard start < bytes.count else { return nil }
    switch bytes[start] {
    case UInt8(ascii: "\\"): return escaped(in: bytes, at: start)
    case UInt8(ascii: "&"): return entity(in: bytes, at: start)
    case let byte: return (lowercase(byte), start + 1)
    }
  }

  private static func escaped(in bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> (
    value: UInt8, end: Int
  )? {
    var position = start
    while position < bytes.count, bytes[position] == UInt8(ascii: "\\"), position - start < longestRun {
      position += 1
    }
    guard position < bytes.count else { return nil }
    let letter = bytes[position]
    // Also `\/`, the way in which many encoders write a slash.
    if letter == UInt8(ascii: "/") { return (letter, position + 1) }
    guard letter == UInt8(ascii: "u") || letter == UInt8(ascii: "x") else { return nil }
    let digits = letter == UInt8(ascii: "u") ? 4 : 2
    return number(in: bytes, at: position + 1, radix: 16, digits: digits...digits)
  }

  private static func entity(in bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> (value: UInt8, end: Int)?
  {
    for (name, value) in entities {
      let end = start + name.count
      if end <= bytes.count, bytes[start..<end].elementsEqual(name, by: { lowercase($0) == $1 }) {
        return (value, end)
      }
    }
    guard start + 2 < bytes.count, bytes[start + 1] == UInt8(ascii: "#") else { return nil }
    let isHex = lowercase(bytes[start + 2]) == UInt8(ascii: "x")
    guard
      let (value, end) = number(
        in: bytes, at: start + (isHex ? 3 : 2), radix: isHex ? 16 : 10, digits: 1...8),
      end < bytes.count, bytes[end] == UInt8(ascii: ";")
    else { return nil }
    return (value, end + 1)
  }

  private static let entities: [([UInt8], UInt8)] = [
    (Array("&lt;".utf8), UInt8(ascii: "<")), (Array("&gt;".utf8), UInt8(ascii: ">")),
  ]

  private static func number(
    in bytes: UnsafeBufferPointer<UInt8>, at start: Int, radix: Int, digits: ClosedRange<Int>
  ) -> (value: UInt8, end: Int)? {
    var value = 0
    var position = start
    while position < bytes.count, position - start < digits.upperBound,
      let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue, digit < radix
    {
      value = value * radix + digit
      position += 1
    }
    guard digits.contains(position - start) else { return nil }
    // No name of ours has a character beyond ASCII; any of those ends one.
    return (value < 0x80 ? lowercase(UInt8(value)) : 0xFF, position)
  }
}
