// A record as XML, written by hand: no library is needed to write well-formed XML, only to read it.
import FoundationEssentials
import JSONText

extension Record {
  /// The record as well-formed XML 1.0 in UTF-8, without the exchange, valid by `obspool.xsd`. What is null or empty
  /// is left out. What XML cannot hold is U+FFFD.
  public var xml: [UInt8] {
    var xml = XMLWriter()
    xml.element("record", attributes: " version=\"\(Self.version)\"") { xml in
      xml.element("name", name)
      xml.element("input_sha256", inputSHA256)
      xml.element("session_id", session)
      xml.element("project", project)
      xml.element("turn", String(turn))
      xml.element("kind", kind.rawValue)
      xml.element("occurred_at", occurredAt.rfc3339)
      xml.element("processed_at", processedAt.rfc3339)
      xml.element("outcome", outcome.rawValue)
      xml.element("observations") { for finding in findings { finding.write(to: &$0) } }
      if let summary {
        xml.element("summary") { for (name, text) in summary.members { $0.element(name, text) } }
      }
      xml.element("provider", provider)
      xml.element("model", model)
      xml.element("served_model", servedModel)
      xml.element("request_id", requestID)
      if let usage { usage.write(to: &xml) }
      if let batch { xml.element("batch") { for name in batch { $0.element("name", name) } } }
    }
    return xml.bytes
  }
}

extension Finding {
  fileprivate func write(to xml: inout XMLWriter) {
    xml.element("observation") {
      $0.element("type", type)
      $0.element("title", title)
      $0.element("subtitle", subtitle)
      $0.list("facts", of: "fact", facts)
      $0.element("narrative", narrative)
      $0.list("concepts", of: "concept", concepts)
      $0.list("files_read", of: "file", filesRead)
      $0.list("files_modified", of: "file", filesModified)
    }
  }
}

extension Record.Usage {
  fileprivate func write(to xml: inout XMLWriter) {
    xml.element("usage") {
      $0.element("input_tokens", String(inputTokens))
      $0.element("output_tokens", String(outputTokens))
      $0.element("cached_tokens", String(cachedTokens))
      if let costUSD, costUSD.isFinite { $0.element("cost_usd", String(costUSD)) }
      $0.element("estimated", estimated ? "true" : "false")
    }
  }
}

/// Writes elements one a line, two spaces a level.
private struct XMLWriter {
  private(set) var bytes = Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".utf8)
  private var depth = 0

  init() { bytes.reserveCapacity(2048) }

  mutating func element(_ name: String, attributes: String = "", _ content: (inout XMLWriter) -> Void) {
    indent()
    raw("<\(name)\(attributes)>\n")
    depth += 1
    content(&self)
    depth -= 1
    indent()
    raw("</\(name)>\n")
  }

  mutating func element(_ name: String, _ text: String?) {
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

  mutating func list(_ name: String, of item: String, _ texts: [String]) {
    guard !texts.isEmpty else { return }
    element(name) { for text in texts { $0.element(item, text) } }
  }

  private mutating func indent() {
    for _ in 0..<depth { raw("  ") }
  }

  private mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

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
        bytes.append(contentsOf: UnsafeBufferPointer(start: replacement.utf8Start, count: replacement.utf8CodeUnitCount))
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
