// Well-formed XML 1.0, written by hand: a library is needed to read XML, not to write it.

import FoundationEssentials
import JSONText

/// Writes elements one a line, two spaces a level.
struct XMLWriter: ~Copyable {
  private var buffer = ByteBuffer(reserving: 4096)
  private var depth = 0

  /// What has been written, given away.
  consuming func finish() -> WrittenBytes { WrittenBytes(buffer) }

  mutating func declaration() { buffer.append(literal: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") }

  mutating func element(_ name: StaticString, attributes: String = "", _ content: (inout XMLWriter) -> Void) {
    indent()
    buffer.append(UInt8(ascii: "<"))
    buffer.append(literal: name)
    buffer.append(attributes)
    buffer.append(literal: ">\n")
    depth += 1
    content(&self)
    depth -= 1
    indent()
    close(name)
  }

  mutating func element(_ name: StaticString, _ text: String?) {
    guard let text else { return }
    open(name)
    escaped(text)
    close(name)
  }

  /// A moment as `Date.rfc3339` writes it.
  mutating func element(_ name: StaticString, _ moment: Date) {
    open(name)
    buffer.append(moment)
    close(name)
  }

  private mutating func open(_ name: StaticString) {
    indent()
    buffer.append(UInt8(ascii: "<"))
    buffer.append(literal: name)
    buffer.append(UInt8(ascii: ">"))
  }

  private mutating func close(_ name: StaticString) {
    buffer.append(literal: "</")
    buffer.append(literal: name)
    buffer.append(literal: ">\n")
  }

  mutating func empty(_ name: StaticString, attributes: String) {
    indent()
    buffer.append(UInt8(ascii: "<"))
    buffer.append(literal: name)
    buffer.append(attributes)
    buffer.append(literal: "/>\n")
  }

  mutating func list(_ name: StaticString, of item: StaticString, _ texts: [String]) {
    guard !texts.isEmpty else { return }
    element(name) { for text in texts { $0.element(item, text) } }
  }

  private mutating func indent() { buffer.append(UInt8(ascii: " "), times: 2 * depth) }

  /// Character data (XML 1.0, 2.4). A carriage return is written as a reference, since a reader would make it a line
  /// feed; what is no `Char` (2.2) is replaced by U+FFFD.
  private mutating func escaped(_ text: String) {
    text.withUTF8Bytes { utf8 in
      var clean = 0
      var next = 0
      while case let position = utf8.firstCandidate(
        from: next, of: { $0.notPlainInXML }, or: { _ in true }), position < utf8.count
      {
        next = position + 1
        let replacement: StaticString
        var length = 1
        switch utf8[position] {
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
        buffer.append(UnsafeBufferPointer(rebasing: utf8[clean..<position]))
        buffer.append(literal: replacement)
        clean = position + length
      }
      buffer.append(UnsafeBufferPointer(rebasing: utf8[clean...]))
    }
  }

  /// U+FFFE or U+FFFF, which are EF BF BE and EF BF BF in UTF-8.
  private func isNoncharacter(_ utf8: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
    position + 2 < utf8.count && utf8[position + 1] == 0xBF && utf8[position + 2] >= 0xBE
  }
}

extension SixteenBytes {
  /// The bytes that are not written as they are, and a few that are.
  fileprivate var notPlainInXML: UInt32 {
    equal(to: UInt8(ascii: "&")) | equal(to: UInt8(ascii: "<")) | equal(to: UInt8(ascii: ">")) | below(0x20)
      | equal(to: 0xEF)
  }
}
