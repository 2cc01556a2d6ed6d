// A record as JSON, in the order of members that readers rely on.
import FoundationEssentials
import JSONText

extension Record {
  /// The record as indented JSON text with a line break at its end, valid by `record.schema.json`.
  public var json: WrittenBytes {
    var writer = JSONWriter(.indented, reserving: 3072 + (exchange?.bytes ?? 0))
    writer.object { json in
      json.member("version", Self.version)
      json.member("name", name)
      json.member("input_sha256", inputSHA256)
      json.member("session_id", session)
      json.member("project", project)
      json.member("turn", turn)
      json.member("kind", kind.rawValue)
      json.member("occurred_at", occurredAt)
      json.member("processed_at", processedAt)
      json.member("outcome", outcome.rawValue)
      json.key("observations")
      json.array { for finding in findings { finding.write(to: &$0) } }
      json.key("summary")
      if let summary { summary.write(to: &json) } else { json.null() }
      json.member("provider", provider)
      json.member("model", model)
      json.member("served_model", servedModel)
      json.member("request_id", requestID)
      json.key("usage")
      if let usage { usage.write(to: &json) } else { json.null() }
      json.key("batch")
      if let batch { json.array { for name in batch { $0.value(name) } } } else { json.null() }
      json.key("exchange")
      switch exchange {
      case .said(let user, let assistant):
        json.object {
          if let since { $0.member("since", since) }
          $0.key("user")
          $0.raw(user.literal)
          $0.key("assistant")
          $0.raw(assistant.literal)
        }
      case .within(let name): json.object { $0.member("in", name) }
      case nil: json.null()
      }
    }
    writer.endLine()
    return WrittenBytes(writer)
  }

  /// Reads a record from its JSON text. Members that are missing count as null, as empty, or as zero, unless no
  /// record is without them; those that are unknown are ignored.
  public init(json bytes: [UInt8]) throws(RecordError) {
    let json: JSON
    do {
      json = try JSON(parsing: bytes)
    } catch {
      throw RecordError(message: "the record is no JSON: \(error)")
    }
    guard json["version"]?.int == Self.version else {
      throw RecordError(message: "the record is not of version \(Self.version), the only one known here")
    }
    func text(_ key: String) throws(RecordError) -> String {
      guard let text = json[key]?.string else { throw RecordError(message: "the record has no \(key)") }
      return text
    }
    func word<Word: RawRepresentable<String>>(_ key: String) throws(RecordError) -> Word {
      let text = try text(key)
      guard let word = Word(rawValue: text) else {
        throw RecordError(message: "the record's \(key) is '\(text)', which is none of its words")
      }
      return word
    }
    func date(_ key: String) throws(RecordError) -> Date {
      guard let date = Date(rfc3339: try text(key)) else {
        throw RecordError(message: "the record's \(key) is no time in the form of RFC 3339")
      }
      return date
    }
    self.init(
      name: try text("name"), inputSHA256: try text("input_sha256"), session: try text("session_id"),
      project: json["project"]?.string ?? "", turn: json["turn"]?.int ?? 0, kind: try word("kind"),
      occurredAt: try date("occurred_at"), processedAt: try date("processed_at"),
      outcome: try word("outcome"),
      findings: (json["observations"]?.array ?? []).map(Finding.init(json:)),
      summary: json["summary"].flatMap { $0.isNull ? nil : Summary(json: $0) },
      provider: json["provider"]?.string, model: json["model"]?.string,
      servedModel: json["served_model"]?.string, requestID: json["request_id"]?.string,
      usage: json["usage"].flatMap { $0.isNull ? nil : Usage(json: $0) },
      batch: json["batch"]?.array?.compactMap(\.string),
      exchange: json["exchange"].flatMap(Exchange.init(json:)), since: json["exchange"]?["since"]?.int)
  }
}

extension Record.Exchange {
  /// How many bytes its texts take.
  fileprivate var bytes: Int {
    if case .said(let user, let assistant) = self { return user.literal.count + assistant.literal.count }
    return 0
  }

  fileprivate init?(json: JSON) {
    if let name = json["in"]?.string {
      self = .within(name)
    } else if let user = json["user"]?.string {
      self = .said(user: JSONString(user), assistant: JSONString(json["assistant"]?.string ?? ""))
    } else {
      return nil
    }
  }
}

extension Record.Usage {
  fileprivate func write(to json: inout JSONWriter) {
    json.object {
      $0.member("input_tokens", inputTokens)
      $0.member("output_tokens", outputTokens)
      $0.member("cached_tokens", cachedTokens)
      $0.member("cost_usd", costUSD)
      $0.member("estimated", estimated)
    }
  }

  fileprivate init(json: JSON) {
    self.init(
      inputTokens: json["input_tokens"]?.int ?? 0, outputTokens: json["output_tokens"]?.int ?? 0,
      cachedTokens: json["cached_tokens"]?.int ?? 0, costUSD: json["cost_usd"]?.double,
      estimated: json["estimated"]?.bool ?? false)
  }
}

extension Finding {
  fileprivate func write(to json: inout JSONWriter) {
    json.object {
      $0.member("type", type)
      $0.member("title", title)
      $0.member("subtitle", subtitle)
      $0.member("facts", facts)
      $0.member("narrative", narrative)
      $0.member("concepts", concepts)
      $0.member("files_read", filesRead)
      $0.member("files_modified", filesModified)
    }
  }

  fileprivate init(json: JSON) {
    func list(_ key: String) -> [String] { json[key]?.array?.compactMap(\.string) ?? [] }
    self.init(
      type: json["type"]?.string ?? "discovery", title: json["title"]?.string,
      subtitle: json["subtitle"]?.string, facts: list("facts"), narrative: json["narrative"]?.string,
      concepts: list("concepts"), filesRead: list("files_read"), filesModified: list("files_modified"))
  }
}

extension Summary {
  /// The parts with the names under which they are written, in their order.
  var members: [(name: StaticString, text: String?)] {
    [
      ("request", request), ("investigated", investigated), ("learned", learned), ("completed", completed),
      ("next_steps", nextSteps), ("notes", notes),
    ]
  }

  fileprivate func write(to json: inout JSONWriter) {
    json.object { for (name, text) in members { $0.member(name, text) } }
  }

  fileprivate init(json: JSON) {
    self.init(
      request: json["request"]?.string, investigated: json["investigated"]?.string,
      learned: json["learned"]?.string, completed: json["completed"]?.string,
      nextSteps: json["next_steps"]?.string, notes: json["notes"]?.string)
  }
}
