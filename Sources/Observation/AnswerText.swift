// The text between two tags, as a person would read it.
import JSONText

/// Reads the content of fields: entities decoded once, CDATA taken literally, comments and control characters
/// dropped, line ends made one.
struct FieldText {
  let bytes: UnsafeBufferPointer<UInt8>
  private(set) var visited = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// Text of one or many lines; nil where there is none.
  mutating func text(in range: Range<Int>) -> String? {
    let range = trimmed(range)
    guard !range.isEmpty else { return nil }
    visited += range.count
    let slice = UnsafeBufferPointer(rebasing: bytes[range])
    guard Self.hasSpecial(slice) else { return String(decoding: slice, as: UTF8.self).streamSafe }
    var decoder = Decoder(slice)
    decoder.run()
    visited += decoder.visited
    let text = decoder.output.drop(while: isSpace)
    let end = text.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? text.startIndex
    return text.startIndex == end ? nil : String(decoding: text[..<end], as: UTF8.self).streamSafe
  }

  /// Text of one line: a line break with the space around it becomes one space.
  mutating func line(in range: Range<Int>) -> String? {
    guard let text = text(in: range) else { return nil }
    guard text.withUTF8Bytes({ $0.position(of: 0x0A, from: 0) }) != nil else { return text }
    return text.split(separator: "\n").map { Self.trimmed($0) }.filter { !$0.isEmpty }.joined(separator: " ")
  }

  /// The entries of a list that was written without tags: JSON, or one a line with or without a bullet.
  mutating func entries(in range: Range<Int>, separatedByCommas: Bool) -> [String] {
    guard let text = text(in: range) else { return [] }
    if text.hasPrefix("["), let list = (try? JSON(parsing: text))?.array { return list.compactMap(\.string) }
    return text.split { $0 == "\n" || (separatedByCommas && $0 == ",") }.compactMap { entry in
      var entry = Self.trimmed(entry)
      for bullet in ["- ", "* ", "• "] where entry.hasPrefix(bullet) {
        entry = Self.trimmed(entry.dropFirst(bullet.count))
      }
      return entry.isEmpty || entry == "-" ? nil : String(entry)
    }
  }

  /// The range of a field that nothing closes, without what a model leaves at such an end: a fence, a closing tag
  /// that was misspelt, half a tag.
  mutating func withoutLooseEnd(_ range: Range<Int>) -> Range<Int> {
    var range = trimmed(range)
    if range.count >= 3,
      bytes[range.upperBound - 3..<range.upperBound].allSatisfy({ $0 == UInt8(ascii: "`") })
    {
      range = trimmed(range.lowerBound..<range.upperBound - 3)
    }
    // Our longest tag has 17 bytes.
    let nearest = max(range.lowerBound, range.upperBound - 32)
    guard let mark = (nearest..<range.upperBound).last(where: { bytes[$0] == UInt8(ascii: "<") }) else {
      return range
    }
    var rest = bytes[mark + 1..<range.upperBound]
    let isClosing = rest.first == UInt8(ascii: "/")
    let isWhole = rest.last == UInt8(ascii: ">")
    if isClosing { rest = rest.dropFirst() }
    if isWhole { rest = rest.dropLast() }
    guard isClosing || !isWhole, rest.allSatisfy(isNameByte) else { return range }
    return trimmed(range.lowerBound..<mark)
  }

  private mutating func trimmed(_ range: Range<Int>) -> Range<Int> {
    var lower = range.lowerBound
    var upper = range.upperBound
    while lower < upper, isSpace(bytes[lower]) { lower += 1 }
    while upper > lower, isSpace(bytes[upper - 1]) { upper -= 1 }
    visited += range.count - (upper - lower)
    return lower..<upper
  }

  private static func trimmed(_ text: Substring) -> Substring {
    let start = text.drop(while: \.isWhitespace)
    guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return start.prefix(0) }
    return start[...last]
  }

  private static func hasSpecial(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    var next = 0
    while case let position = text.firstCandidate(
      from: next,
      of: {
        $0.equal(to: UInt8(ascii: "&")) | $0.equal(to: UInt8(ascii: "<")) | $0.below(0x20)
          | $0.equal(to: 0x7F)
      }, or: isSpecial), position < text.count
    {
      if isSpecial(text[position]) { return true }
      next = position + 1
    }
    return false
  }

  /// Whether the byte is, or may begin, something that is not read as it stands.
  private static func isSpecial(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "&") || byte == UInt8(ascii: "<") || isUnreadable(byte)
  }

  /// A control character that is no tab and no line feed.
  fileprivate static func isUnreadable(_ byte: UInt8) -> Bool {
    byte < 0x20 && byte != 0x09 && byte != 0x0A || byte == 0x7F
  }
}

/// Copies a text and undoes its markup.
private struct Decoder {
  private let bytes: UnsafeBufferPointer<UInt8>
  private(set) var output: [UInt8] = []
  private(set) var visited = 0
  private var position = 0
  private var commentEnd = NextOccurrence(of: "-->")
  private var sectionEnd = NextOccurrence(of: "]]>")

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  mutating func run() {
    output.reserveCapacity(bytes.count)
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "&"): entity()
      case UInt8(ascii: "<"): markup()
      default:
        appendReadable(at: position)
        position += 1
      }
    }
    visited += bytes.count
  }

  /// Appends the byte here unless no person sees it; a carriage return without a line feed ends a line, too.
  private mutating func appendReadable(at position: Int) {
    let byte = bytes[position]
    guard FieldText.isUnreadable(byte) else { return output.append(byte) }
    guard byte == 0x0D else { return }
    if position + 1 < bytes.count, bytes[position + 1] == 0x0A { return }
    output.append(0x0A)
  }

  private mutating func markup() {
    if bytes.holds("<!--", at: position),
      let end = commentEnd.find(in: bytes, from: position + 4, visited: &visited)
    {
      position = end + 3
    } else if bytes.holds("<![cdata[", at: position) {
      let end = sectionEnd.find(in: bytes, from: position + 9, visited: &visited)
      for inner in position + 9..<(end ?? position + 9) { appendReadable(at: inner) }
      position = end.map { $0 + 3 } ?? position + 9
    } else {
      output.append(UInt8(ascii: "<"))
      position += 1
    }
  }

  /// Decodes the entity here, one of XML's five or a number; anything else is an ampersand that was not escaped.
  private mutating func entity() {
    let longest = 10
    let end = (position + 1..<min(bytes.count, position + longest)).first { bytes[$0] == UInt8(ascii: ";") }
    guard let end, let scalar = scalar(named: UnsafeBufferPointer(rebasing: bytes[position + 1..<end])) else {
      output.append(UInt8(ascii: "&"))
      position += 1
      return
    }
    position = end + 1
    if scalar.value < 0x80 {
      let byte = UInt8(scalar.value)
      if !FieldText.isUnreadable(byte) { output.append(byte) }
    } else {
      output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
  }

  private func scalar(named name: UnsafeBufferPointer<UInt8>) -> Unicode.Scalar? {
    if name.first == UInt8(ascii: "#") {
      let digits = String(decoding: name.dropFirst(), as: UTF8.self)
      let value =
        digits.first.map { $0 == "x" || $0 == "X" } == true
        ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
      return value.flatMap(Unicode.Scalar.init)
    }
    for (known, scalar) in Self.entities where name.elementsEqual(known, by: { lowercase($0) == $1 }) {
      return scalar
    }
    return nil
  }

  private static let entities: [([UInt8], Unicode.Scalar)] = [
    (Array("amp".utf8), "&"), (Array("lt".utf8), "<"), (Array("gt".utf8), ">"), (Array("quot".utf8), "\""),
    (Array("apos".utf8), "'"),
  ]
}
