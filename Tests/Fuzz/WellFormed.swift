// A checker of well-formedness that shares nothing with the writer: XML 1.0 (fifth edition) without a document type,
// processing instructions, comments and CDATA, of which records have none.

struct WellFormed: Error, CustomStringConvertible {
  struct Element {
    var name: String
    var text = ""
    var children: [Element] = []
  }

  let description: String

  /// Reads a document that is one element behind a declaration.
  static func read(_ bytes: [UInt8]) throws(WellFormed) -> Element {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw WellFormed(description: "no UTF-8")
    }
    var reader = Reader(scalars: Array(text.unicodeScalars))
    return try reader.document()
  }

  /// `Char`, 2.2.
  static func isCharacter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x9, 0xA, 0xD, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
    default: false
    }
  }
}

private struct Reader {
  let scalars: [Unicode.Scalar]
  var position = 0

  mutating func document() throws(WellFormed) -> WellFormed.Element {
    try expect("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
    skipSpace()
    let root = try element(depth: 0)
    skipSpace()
    guard position == scalars.count else { throw fault("something behind the root") }
    return root
  }

  private func fault(_ what: String) -> WellFormed {
    WellFormed(description: "\(what) at character \(position)")
  }

  private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private func isSpace(_ scalar: Unicode.Scalar) -> Bool { [0x20, 0x9, 0xA, 0xD].contains(scalar.value) }

  private mutating func skipSpace() { while let next, isSpace(next) { position += 1 } }

  private mutating func expect(_ text: String) throws(WellFormed) {
    for scalar in text.unicodeScalars {
      guard next == scalar else { throw fault("no \(text)") }
      position += 1
    }
  }

  private mutating func name() throws(WellFormed) -> String {
    var name = String.UnicodeScalarView()
    while let next, ("a"..."z").contains(next) || ("0"..."9").contains(next) || next == "_" {
      name.append(next)
      position += 1
    }
    guard !name.isEmpty else { throw fault("no name") }
    return String(name)
  }

  private mutating func element(depth: Int) throws(WellFormed) -> WellFormed.Element {
    guard depth < 16 else { throw fault("an element in too many others") }
    try expect("<")
    var element = WellFormed.Element(name: try name())
    var attributes: Set<String> = []
    while let scalar = next, isSpace(scalar) {
      skipSpace()
      guard next != ">", next != "/" else { break }
      guard attributes.insert(try name()).inserted else { throw fault("an attribute twice") }
      try expect("=\"")
      while let scalar = next, scalar != "\"" {
        guard scalar != "<", scalar != "&" else { throw fault("markup in an attribute") }
        position += 1
      }
      try expect("\"")
    }
    try expect(">")
    var text = String.UnicodeScalarView()
    while true {
      guard let scalar = next else { throw fault("an element without an end") }
      if scalar == "<" {
        if position + 1 < scalars.count, scalars[position + 1] == "/" { break }
        element.children.append(try self.element(depth: depth + 1))
      } else if scalar == "&" {
        text.append(try reference())
      } else {
        guard WellFormed.isCharacter(scalar) else { throw fault("a character that XML cannot hold") }
        guard scalar != ">" || !text.suffix(2).elementsEqual(["]", "]"]) else { throw fault("]]> in text") }
        // A reader makes a line feed of it (2.11), so that it would not come through.
        guard scalar != "\r" else { throw fault("a bare carriage return") }
        text.append(scalar)
        position += 1
      }
    }
    try expect("</\(element.name)")
    skipSpace()
    try expect(">")
    element.text = String(text)
    return element
  }

  private mutating func reference() throws(WellFormed) -> Unicode.Scalar {
    for (name, scalar) in [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] as [(String, Unicode.Scalar)]
    where scalars[position...].starts(with: name.unicodeScalars) {
      position += name.unicodeScalars.count
      return scalar
    }
    try expect("&#")
    var digits = ""
    while let next, ("0"..."9").contains(next), digits.count < 8 {
      digits.unicodeScalars.append(next)
      position += 1
    }
    try expect(";")
    guard let value = UInt32(digits), let scalar = Unicode.Scalar(value), WellFormed.isCharacter(scalar)
    else {
      throw fault("a reference to no character")
    }
    return scalar
  }
}
