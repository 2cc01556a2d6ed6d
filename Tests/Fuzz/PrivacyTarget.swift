// Private text does not survive, whatever stands around it.

import JSONText
import Observation

/// What stands for a secret. It is taken out of everything around it, so that where it shows, it has leaked.
let secret = "\u{E000}"

extension String {
  var withoutSecret: String {
    let plain = String(String.UnicodeScalarView(unicodeScalars.filter { $0 != "\u{E000}" }))
    return plain.lowercased().utf8Contains("e000") ? "" : plain
  }

  func utf8Contains(_ other: String) -> Bool { replacing(bytesOf: other, with: "") != self }
}

/// The ways in which private text is marked.
private let marks: [(String, String)] = [
  ("<private>", "</private>"), ("<PRIVATE why='x' >", "</Private >"),
  ("<system-reminder>", "</system-reminder>"), ("\\u003cprivate\\u003e", "\\u003c/private\\u003e"),
  ("&lt;private&gt;", "&lt;/private&gt;"), ("&#60;private&#x3e;", "&#60;\\/private>"),
  ("<\\u0070rivate\n>", "<\\/private>"), ("\\\\x3Cprivate\\\\x3E", "</private>"),
]

func marked(_ choice: Int) -> String {
  let mark = marks[choice % marks.count]
  return mark.0 + secret + mark.1
}

func fuzzPrivacy(_ bytes: [UInt8]) {
  var bytes = bytes
  let choice = bytes.takeFirst()
  let (before, behind) = bytes.halves
  var text = before.withoutSecret + marked(choice) + behind.withoutSecret
  var plain = before + behind
  // Strings of JSON in strings of JSON, as hooks write them.
  for _ in 0..<choice / 64 {
    text = JSON.object([JSON.Member("k", .array([.string(text), .null]))]).text
    plain = JSON.string(plain).text
  }
  let visible = Privacy.remove(from: text)
  require(!visible.utf8Contains(secret), "private text in '\(visible)'")
  requireNoTag(in: visible)

  let open = Privacy.remove(from: plain)
  requireNoTag(in: open)
  require(open.utf8.count <= 2 * plain.utf8.count + 16, "what is left is longer than all")
  if !plain.contains(where: { "<&\\".contains($0) }) { require(open == plain, "harmless text was changed") }
}

/// No tag that hides is left, read without any of the cunning of the filter.
func requireNoTag(in text: String) {
  guard text.utf8.contains(UInt8(ascii: "<")) else { return }
  let lowercased = String(
    decoding: text.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self)
  for tag in Privacy.tags {
    require(!lowercased.utf8Contains("<\(tag)>"), "<\(tag)> is left in '\(text)'")
  }
}
