// Which class of failure an answer is: from its status, its headers and its body.

import FoundationEssentials
import JSONText

/// An answer that is an error, whatever its status says.
struct Failure {
  /// The HTTP status.
  let status: Int
  let headers: HeaderFields
  /// What the body says about the error.
  let error: ErrorBody
  /// The code that counts: that of the body where the status says that all is well.
  let code: Int
  /// Who answered.
  let host: String
  private let message: String
  private let lowercased: String

  /// Reads an answer.
  ///
  /// - Parameters:
  ///   - json: The body, or the part of it that holds the error; nil where it is no JSON.
  ///   - body: The body as it came.
  ///   - cleaning: Takes the key out of a text.
  init(
    _ answer: HTTPClient.Answer, json: JSON?, from host: String, cleaning: @escaping (String) -> String
  ) {
    status = answer.status
    headers = answer.headers
    error = ErrorBody(json, cleaning: cleaning)
    code = (200..<300).contains(answer.status) ? error.code ?? 0 : answer.status
    self.host = host
    if error.message.isEmpty, json == nil {
      message = Self.summary(of: cleaning(String(decoding: answer.body, as: UTF8.self)))
    } else {
      message = error.message
    }
    lowercased = message.lowercased()
  }

  /// The error in its class, with the hint that came with it, its message still to be cleaned of the key.
  func providerError(now: Date) -> ProviderError {
    let kind = kind
    let isLimit = kind == .rateLimit || kind == .quota
    var hint = RetryHint(headers: headers, error: error, now: now).seconds(ofLimit: isLimit)
    if kind == .quota, let reset = dailyReset(now: now, hint: hint) { hint = reset }
    let longest: Double = kind == .quota ? 86_400 : 3_600
    return ProviderError(
      kind, status: code == 0 ? status : code, text(), retryAfter: hint.map { min(max($0, 1), longest) },
      requestID: error.requestID ?? headers["request-id"] ?? headers["x-request-id"])
  }

  private func text() -> String {
    var text = "\(host) answered \(code == 0 ? status : code)"
    if (200..<300).contains(status) { text = "\(host) sent an error under status \(status)" }
    if !message.isEmpty { text += ": \(message)" }
    if (300..<400).contains(status), let location = headers["location"] {
      text += ": it leads to \(location), which is not followed; set the base URL to where the API is"
    }
    return text
  }

  private var kind: ProviderError.Class {
    if isRefusal { return .refused }
    if isContextOverflow { return .context }
    if isQuota { return .quota }
    if isAuth { return .auth }
    if code == 429 || has("rate_limit_exceeded", "rate_limit_error", "rate_limit") { return .rateLimit }
    switch code {
    case 408, 500...: return .transient
    case 400..<500: return isServerFault ? .transient : .request
    default:
      return has("invalid_request_error", "invalid_argument", "invalid_request") ? .request : .transient
    }
  }

  /// Whether the body blames the server where the status blames the request.
  private var isServerFault: Bool {
    has("server", "timeout", "provider_unavailable", "provider_overloaded", "overloaded_error", "api_error")
  }

  /// Whether a filter or a moderation has refused what was asked.
  private var isRefusal: Bool {
    guard (400..<430).contains(code) || code == 0 else { return false }
    if error.isFlagged || has("content_policy_violation", "refusal", "content_filter") { return true }
    return code != 401 && code != 402 && code != 404
      && says(
        "content policy", "content management policy", "flagged by", "was flagged", "moderation",
        "safety system",
        "usage policies", "usage policy")
  }

  /// Whether the conversation is too long for the model; some servers say so under 500 or 429.
  private var isContextOverflow: Bool {
    if code == 413 { return true }
    if has(
      "context_length_exceeded", "payload_too_large", "exceed_context_size_error", "string_above_max_length",
      "request_too_large")
    {
      return true
    }
    guard ![401, 402, 403, 404].contains(code) else { return false }
    if code == 429 { return says("request too large") }
    return says(
      "context length", "context size", "context window", "context limit", "maximum context",
      "prompt is too long",
      "prompt too long", "input is too long", "input token count", "too many tokens", "too many input tokens",
      "reduce the length", "context the overflows", "context overflow", "exceeds the available context")
  }

  /// Whether money or a day's allowance is spent.
  private var isQuota: Bool {
    if code == 402 || has("insufficient_quota", "payment_required", "billing_error", "credit_balance_too_low")
    {
      return true
    }
    if isDaily { return true }
    guard [0, 400, 403, 429].contains(code) else { return false }
    // Google says "exceeded your current quota" of each minute's limit too; its details tell, and came first.
    if has("resource_exhausted") {
      return says("prepayment credits are depleted", "spending cap", "spend cap")
    }
    return says(
      "credit balance is too low", "insufficient credits", "insufficient balance", "requires more credits",
      "exceeded your current quota", "key limit exceeded", "spend limit", "spending limit", "usage limit",
      "monthly limit", "weekly limit", "out of credits")
  }

  /// Whether it is the allowance of a day that is spent.
  private var isDaily: Bool {
    guard [0, 403, 429].contains(code) else { return false }
    return error.quotas.contains { $0.contains("PerDay") }
      || says("free-models-per-day", "requests per day", "tokens per day", "daily limit", "per-day limit")
  }

  /// Whether a person must act: the key, the model's name or the address.
  private var isAuth: Bool {
    if (300..<400).contains(code) || [401, 403, 404].contains(code) { return true }
    guard code == 400 || code == 0 else { return false }
    return has(
      "authentication", "authentication_error", "permission_denied", "permission_error", "invalid_api_key",
      "api_key_invalid", "model_not_found", "not_found_error", "failed_precondition", "unauthenticated")
      || says(
        "api key not valid", "incorrect api key", "invalid api key", "not a valid model", "model not found",
        "unknown model", "no such model")
  }

  /// The end of the day whose allowance is spent, in seconds from now; nil where it is not a day's.
  private func dailyReset(now: Date, hint: Double?) -> Double? {
    guard isDaily else { return nil }
    let isGoogle = error.quotas.contains { $0.contains("PerDay") }
    // OpenRouter names the time itself. Google's days end at midnight in California, an hour later in UTC
    // while it has winter time; its RetryInfo counts seconds of another limit.
    if !isGoogle, let hint { return hint }
    let secondOfDay = now.timeIntervalSince1970.truncatingRemainder(dividingBy: 86_400)
    let end: Double = isGoogle ? 8 * 3_600 : 86_400
    return end > secondOfDay ? end - secondOfDay : end + 86_400 - secondOfDay
  }

  private func has(_ words: String...) -> Bool { words.contains { error.words.contains($0) } }

  private func says(_ phrases: String...) -> Bool { phrases.contains { lowercased.contains($0) } }

  /// What can be said about a body that is no JSON.
  private static func summary(of body: String) -> String {
    let start = String(body.prefix(ErrorBody.longestMessage)).trimmingWhitespace()
    if start.isEmpty { return "an empty body" }
    return start.hasPrefix("<") ? "HTML in place of an answer" : start
  }
}
