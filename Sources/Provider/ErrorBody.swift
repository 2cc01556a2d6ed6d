// What a server says about an error, in whichever form it says it.

import JSONText

/// What an error body holds that matters, taken from the forms of OpenRouter, OpenAI, Google, Anthropic,
/// llama.cpp, vLLM, LM Studio, Ollama, FastAPI and those who imitate them. Every field may be missing or of
/// another type.
struct ErrorBody {
  /// The server's own sentence, followed by that of the server behind it; empty where there is none.
  var message = ""
  /// The number in `code`, where it is an HTTP status.
  var code: Int?
  /// The machine-readable words of `type`, `code`, `status`, `error_type` and `reason`, in lower case.
  var words: Set<String> = []
  /// Whether a moderation has flagged the input (`metadata.reasons`, `flagged_input`).
  var isFlagged = false
  /// `RetryInfo.retryDelay` in seconds.
  var retryDelay: Double?
  /// The ids in `QuotaFailure`, such as `GenerateRequestsPerDayPerProjectPerModel`.
  var quotas: [String] = []
  /// `metadata.headers`, in which OpenRouter repeats its rate limit headers.
  var headers: [JSON.Member] = []
  var requestID: String?

  /// In characters; what a server says beyond that is not looked at.
  static let longestMessage = 2000

  private let cleaning: (String) -> String

  /// Reads a body, or the part of it that holds the error.
  ///
  /// - Parameter cleaning: Takes the key out of a text.
  init(_ json: JSON?, cleaning: @escaping (String) -> String) {
    self.cleaning = cleaning
    if let json { absorb(json, depth: 0) }
  }

  private mutating func absorb(_ json: JSON, depth: Int) {
    guard depth < 8 else { return }
    switch json {
    case .array(let elements): if let first = elements.first { absorb(first, depth: depth + 1) }
    case .string(let text): add(message: text)
    case .object(let members): for member in members { absorb(member, depth: depth) }
    default: break
    }
  }

  private mutating func absorb(_ member: JSON.Member, depth: Int) {
    let value = member.value
    switch member.key {
    case "error", "metadata", "detail", "errors": absorb(value, depth: depth + 1)
    case "message", "msg", "error_description": if let text = value.string { add(message: text) }
    case "raw": absorb(raw: value, depth: depth)
    case "type", "code", "status", "error_type", "reason":
      if let number = value.int, (300..<600).contains(number) {
        if code == nil { code = number }
      } else if let word = value.string {
        words.insert(word.lowercased())
      }
    case "reasons", "flagged_input": isFlagged = isFlagged || !(value.isNull || value == .array([]))
    case "details": for detail in value.array ?? [] { absorb(detail: detail) }
    case "headers": headers += value.object ?? []
    case "request_id": requestID = value.string
    default: break
    }
  }

  /// What the server behind a router said: a text that may be JSON itself.
  private mutating func absorb(raw value: JSON, depth: Int) {
    guard let text = value.string else { return absorb(value, depth: depth + 1) }
    if let json = try? JSON(parsing: Array(text.utf8), repairing: true), json.string == nil {
      absorb(json, depth: depth + 1)
    } else {
      add(message: text)
    }
  }

  /// An element of Google's `details` (google.rpc.RetryInfo, QuotaFailure, ErrorInfo).
  private mutating func absorb(detail: JSON) {
    if let delay = detail["retryDelay"]?.string, delay.hasSuffix("s") {
      retryDelay = Double(delay.dropLast())
    }
    if let reason = detail["reason"]?.string { words.insert(reason.lowercased()) }
    for violation in detail["violations"]?.array ?? [] {
      if let id = violation["quotaId"]?.string ?? violation["quotaMetric"]?.string { quotas.append(id) }
    }
  }

  private mutating func add(message text: String) {
    guard message.utf8.count < Self.longestMessage else { return }
    let text = cleaning(text).prefix(Self.longestMessage)
    guard !text.isEmpty, !message.contains(text) else { return }
    message += message.isEmpty ? text : ": \(text)"
  }
}
