// A record as XML.
import FoundationEssentials
import JSONText

extension Record {
  /// The record as well-formed XML 1.0 in UTF-8, without the exchange, valid by `obspool.xsd`. What is null or empty
  /// is left out. What XML cannot hold is U+FFFD.
  public var xml: WrittenBytes {
    var xml = XMLWriter()
    xml.declaration()
    xml.element("record", attributes: " version=\"\(Self.version)\"") { xml in
      xml.element("name", name)
      xml.element("input_sha256", inputSHA256)
      xml.element("session_id", session)
      xml.element("project", project)
      xml.element("turn", String(turn))
      xml.element("kind", kind.rawValue)
      xml.element("occurred_at", occurredAt)
      xml.element("processed_at", processedAt)
      xml.element("outcome", outcome.rawValue)
      xml.element("observations") { for finding in findings { finding.write(to: &$0) } }
      if let summary { summary.write(to: &xml) }
      xml.element("provider", provider)
      xml.element("model", model)
      xml.element("served_model", servedModel)
      xml.element("request_id", requestID)
      if let usage { usage.write(to: &xml) }
      if let batch { xml.element("batch") { for name in batch { $0.element("name", name) } } }
    }
    return xml.finish()
  }
}

extension Finding {
  func write(to xml: inout XMLWriter, attributes: String = "") {
    xml.element("observation", attributes: attributes) {
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

extension Summary {
  func write(to xml: inout XMLWriter, attributes: String = "") {
    xml.element("summary", attributes: attributes) { for (name, text) in members { $0.element(name, text) } }
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
