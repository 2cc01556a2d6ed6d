// Well-formed XML 1.0, written by hand: a library is needed to read XML, not to write it.

/// Writes elements one a line, two spaces a level.
struct XMLWriter {
  private(set) var bytes: [UInt8] = []
  private var depth = 0

  init() { bytes.reserveCapacity(2048) }

  mutating func declaration() { raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") }

  mutating func element(_ name: StaticString, attributes: String = "", _ content: (inout XMLWriter) -> Void) {
    indent()
    raw("<")
    raw(name)
    raw(text: attributes)
    raw(">\n")
    depth += 1
    content(&self)
    depth -= 1
    indent()
    raw("</")
    raw(name)
    raw(">\n")
  }

  mutating func element(_ name: StaticString, _ text: String?) {
    guard let text else { return }
    indent()
    raw("<")
    raw(name)
    raw(">")
    escaped(text)
    raw("</")
    raw(name)
    raw(">\n")
  }

  mutating func empty(_ name: StaticString, attributes: String) {
    indent()
    raw("<")
    raw(name)
    raw(text: attributes)
    raw("/>\n")
  }

  mutating func list(_ name: StaticString, of item: StaticString, _ texts: [String]) {
    guard !texts.isEmpty else { return }
    element(name) { for text in texts { $0.element(item, text) } }
  }

  private mutating func indent() {
    for _ in 0..<depth { raw("  ") }
  }

  private mutating func raw(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func raw(text: String) {
    var text = text
    text.withUTF8 { bytes.append(contentsOf: $0) }
  }

  /// Character data (XML 1.0, 2.4). A carriage return is written as a reference, since a reader would make it a line
  /// feed; what is no `Char` (2.2) is replaced by U+FFFD.
  private mutating func escaped(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      var clean = 0
      for position in utf8.indices {
        let byte = utf8[position]
        let replacement: StaticString
        var length = 1
        switch byte {
        case UInt8(ascii: "&"): replacement = "&amp;"
        case UInt8(ascii: "<"): replacement = "&lt;"
        case UInt8(ascii: ">"): replacement = "&gt;"
        case 0x0D: replacement = "&#13;"
        case 0x09, 0x0A: continue
        case 0..<0x20: replacement = "\u{FFFD}"
        case 0xEF where isNoncharacter(utf8, at: position):
          replacement = "\u{FFFD}"
          length = 3
        default: continue
        }
        bytes.append(contentsOf: utf8[clean..<position])
        raw(replacement)
        clean = position + length
      }
      bytes.append(contentsOf: utf8[clean...])
    }
  }

  /// U+FFFE or U+FFFF, which are EF BF BE and EF BF BF in UTF-8.
  private func isNoncharacter(_ utf8: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
    position + 2 < utf8.count && utf8[position + 1] == 0xBF && utf8[position + 2] >= 0xBE
  }
}
