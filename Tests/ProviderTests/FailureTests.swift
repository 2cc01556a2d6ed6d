// The classes of failure, from what real servers send.

import FoundationEssentials
import TestSupport
import Testing

@testable import Provider

/// An answer and what it should become.
struct FailureCase: Sendable, CustomTestStringConvertible {
  let name: String
  var status = 400
  var headers: [(name: String, value: String)] = []
  var body = ""
  let kind: ProviderError.Class
  var retryAfter: Double?
  /// Something that the message holds.
  var says = ""

  var testDescription: String { name }
}

/// A body in OpenRouter's form.
private func error(_ code: Int, _ message: String, _ metadata: String = "{}") -> String {
  #"{"error":{"code":\#(code),"message":"\#(message)","metadata":\#(metadata)}}"#
}

private func google(_ code: Int, _ status: String, _ message: String, _ details: String = "[]") -> String {
  #"{"error":{"code":\#(code),"message":"\#(message)","status":"\#(status)","details":\#(details)}}"#
}

private func anthropic(_ type: String, _ message: String) -> String {
  #"{"type":"error","error":{"type":"\#(type)","message":"\#(message)"},"request_id":"req_1"}"#
}

private let byStatus: [FailureCase] =
  [301, 302, 303, 307, 308, 401, 403, 404].map { FailureCase(name: "\($0)", status: $0, kind: .auth) }
  + [400, 405, 409, 410, 415, 418, 422, 451].map { FailureCase(name: "\($0)", status: $0, kind: .request) }
  + [408, 500, 501, 502, 503, 504, 520, 529, 599].map {
    FailureCase(name: "\($0)", status: $0, kind: .transient)
  }
  + [
    FailureCase(name: "402", status: 402, kind: .quota),
    FailureCase(name: "413", status: 413, kind: .context),
    FailureCase(name: "429", status: 429, kind: .rateLimit),
  ]

private let openRouter: [FailureCase] = [
  FailureCase(
    name: "error under 200", status: 200, body: error(502, "upstream down"), kind: .transient,
    says: "status 200: upstream down"),
  FailureCase(name: "429 under 200", status: 200, body: error(429, "slow down"), kind: .rateLimit),
  FailureCase(name: "402 under 200", status: 200, body: error(402, "no credits"), kind: .quota),
  FailureCase(
    name: "code as text under 200", status: 200, body: #"{"error":{"code":"429","message":"x"}}"#,
    kind: .rateLimit),
  FailureCase(
    name: "error of odd types under 200", status: 200,
    body: #"{"error":{"code":[],"message":7,"metadata":"x"}}"#, kind: .transient),
  FailureCase(
    name: "error as text under 200", status: 200, body: #"{"error":"boom"}"#, kind: .transient, says: "boom"),
  FailureCase(name: "error as number under 200", status: 200, body: #"{"error":1}"#, kind: .transient),
  FailureCase(
    name: "error in the choice", status: 200,
    body:
      #"{"choices":[{"error":{"code":429,"message":"busy"},"finish_reason":"error","message":{"content":"x"}}]}"#,
    kind: .rateLimit, says: "busy"),
  FailureCase(
    name: "finish error", status: 200,
    body: #"{"choices":[{"finish_reason":"error","message":{"content":"x"}}]}"#,
    kind: .transient, says: "broke off"),
  FailureCase(
    name: "context", body: error(400, "x", #"{"error_type":"context_length_exceeded"}"#), kind: .context),
  FailureCase(
    name: "context in words",
    body: error(
      400, "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000"),
    kind: .context),
  FailureCase(
    name: "context of the upstream",
    body: error(
      400, "Provider returned error",
      #"{"raw":"{\"error\":{\"message\":\"This model's maximum context length is 4096 tokens.\"}}","provider_name":"x"}"#
    ),
    kind: .context, says: "Provider returned error: This model's maximum context length is 4096 tokens."),
  FailureCase(
    name: "overloaded", status: 400, body: error(400, "x", #"{"error_type":"server"}"#), kind: .transient),
  FailureCase(
    name: "policy", body: error(400, "x", #"{"error_type":"content_policy_violation"}"#), kind: .refused),
  FailureCase(name: "refusal", body: error(400, "x", #"{"error_type":"refusal"}"#), kind: .refused),
  FailureCase(
    name: "moderation", status: 403,
    body: error(
      403, "Your chosen model requires moderation", #"{"reasons":["violence"],"flagged_input":"…"}"#),
    kind: .refused),
  FailureCase(
    name: "spent key", status: 403, body: error(403, "Key limit exceeded (monthly limit)."), kind: .quota),
  FailureCase(name: "unknown model", body: error(400, "xyz/abc is not a valid model ID"), kind: .auth),
  FailureCase(
    name: "no endpoints", status: 404, body: error(404, "No endpoints found for x/y."), kind: .auth,
    says: "No endpoints found"),
  FailureCase(name: "invalid parameter", body: error(400, "max_tokens is too large: 99999"), kind: .request),
  FailureCase(
    name: "rate limit with its reset", status: 429,
    headers: [
      ("X-RateLimit-Limit", "20"), ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1795521642000"),
    ],
    body: error(429, "Rate limit exceeded: free-models-per-min."), kind: .rateLimit, retryAfter: 42),
  FailureCase(
    name: "rate limit with its reset in the body", status: 429,
    body: error(429, "Rate limit exceeded", #"{"headers":{"X-RateLimit-Reset":"1795521642000"}}"#),
    kind: .rateLimit, retryAfter: 42),
  FailureCase(
    name: "the day's free requests", status: 429,
    body: error(
      429,
      "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
      #"{"headers":{"X-RateLimit-Reset":"1795564800000"}}"#),
    kind: .quota, retryAfter: 43_200),
  FailureCase(
    name: "the day's free requests without a reset", status: 429,
    body: error(429, "Rate limit exceeded: free-models-per-day."), kind: .quota, retryAfter: 43_200),
]

private let hints: [FailureCase] = [
  FailureCase(
    name: "seconds", status: 429, headers: [("Retry-After", "17")], kind: .rateLimit, retryAfter: 17),
  FailureCase(
    name: "half a second", status: 429, headers: [("Retry-After", "0.5")], kind: .rateLimit, retryAfter: 1),
  FailureCase(name: "zero", status: 429, headers: [("Retry-After", "0")], kind: .rateLimit, retryAfter: 1),
  FailureCase(
    name: "a week", status: 429, headers: [("Retry-After", "604800")], kind: .rateLimit, retryAfter: 3600),
  FailureCase(
    name: "a week for 402", status: 402, headers: [("Retry-After", "604800")], kind: .quota,
    retryAfter: 86_400),
  FailureCase(name: "503", status: 503, headers: [("retry-after", "30")], kind: .transient, retryAfter: 30),
  FailureCase(name: "negative", status: 429, headers: [("Retry-After", "-5")], kind: .rateLimit),
  FailureCase(name: "not finite", status: 429, headers: [("Retry-After", "inf")], kind: .rateLimit),
  FailureCase(name: "nonsense", status: 429, headers: [("Retry-After", "soon")], kind: .rateLimit),
  FailureCase(
    name: "a date", status: 429, headers: [("Retry-After", "Tue, 24 Nov 2026 12:01:30 GMT")],
    kind: .rateLimit,
    retryAfter: 90),
  FailureCase(
    name: "a past date", status: 429, headers: [("Retry-After", "Tue, 24 Nov 2026 11:00:00 GMT")],
    kind: .rateLimit,
    retryAfter: 1),
  FailureCase(
    name: "the first of two forms", status: 429,
    headers: [("X-RateLimit-Reset", "1795521642000"), ("Retry-After", "7")], kind: .rateLimit, retryAfter: 7),
  FailureCase(
    name: "a reset in seconds", status: 429, headers: [("X-RateLimit-Reset", "1795521642")], kind: .rateLimit,
    retryAfter: 42),
  FailureCase(
    name: "a reset that comes with every answer", status: 500,
    headers: [("X-RateLimit-Reset", "1795521642000")],
    kind: .transient),
  FailureCase(
    name: "a reset that is no time", status: 429, headers: [("X-RateLimit-Reset", "30")], kind: .rateLimit),
]

private let others: [FailureCase] = [
  FailureCase(
    name: "llama.cpp context",
    body:
      #"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
    kind: .context),
  FailureCase(
    name: "llama.cpp context under 500", status: 500,
    body: #"{"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}"#,
    kind: .context),
  FailureCase(
    name: "vLLM context",
    body:
      #"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#,
    kind: .context),
  FailureCase(
    name: "LM Studio context",
    body: #"{"error":"Trying to keep the first 5000 tokens when context the overflows."}"#, kind: .context),
  FailureCase(
    name: "OpenAI context", body: #"{"error":{"message":"x","code":"context_length_exceeded"}}"#,
    kind: .context),
  FailureCase(
    name: "OpenAI too large for a minute", status: 429,
    body:
      #"{"error":{"message":"Request too large for gpt-4o on tokens per min (TPM)","code":"rate_limit_exceeded"}}"#,
    kind: .context),
  FailureCase(
    name: "OpenAI quota", status: 429,
    body: #"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota"}}"#,
    kind: .quota),
  FailureCase(name: "xAI key", body: #"{"error":"Incorrect API key provided: xa***"}"#, kind: .auth),
  FailureCase(
    name: "Azure filter", body: #"{"error":{"message":"filtered","code":"content_filter"}}"#, kind: .refused),
  FailureCase(
    name: "FastAPI", status: 422, body: #"{"detail":[{"msg":"field required"}]}"#, kind: .request,
    says: "field required"),
  FailureCase(
    name: "Ollama", status: 404, body: #"{"error":"model 'x' not found"}"#, kind: .auth,
    says: "model 'x' not found"),
  FailureCase(
    name: "plain words", status: 503, body: "no healthy upstream", kind: .transient,
    says: "no healthy upstream"),
  FailureCase(
    name: "HTML", status: 502, body: "<html><body>Bad Gateway</body></html>", kind: .transient, says: "HTML"),
  FailureCase(
    name: "the key itself", status: 401, body: error(401, "no such key: \(testKey)"), kind: .auth,
    says: "no such key: [key]"),
  FailureCase(
    name: "control characters", status: 500, body: error(500, #"a\u001b[31mb\r\nc\u202ed"#), kind: .transient,
    says: "500: a\u{FFFD}[31mb c\u{FFFD}d"),
  FailureCase(
    name: "deep nesting", status: 500, body: String(repeating: #"{"error":"#, count: 400), kind: .transient),
  FailureCase(
    name: "invalid UTF-8 and a lone surrogate", status: 500, body: error(500, #"\ud800"#), kind: .transient),
]

private let bodies: [FailureCase] = [
  FailureCase(name: "an empty body", status: 200, kind: .transient, says: "empty answer"),
  FailureCase(name: "no content", status: 204, kind: .transient, says: "empty answer"),
  FailureCase(
    name: "HTML", status: 200, body: "<!doctype html><title>Sign in</title>", kind: .transient, says: "HTML"),
  FailureCase(name: "prose", status: 200, body: "hello", kind: .transient, says: "hello"),
  FailureCase(name: "half an answer", status: 200, body: #"{"choices":[{"mess"#, kind: .transient),
  FailureCase(name: "an array", status: 200, body: "[]", kind: .transient),
  FailureCase(name: "null", status: 200, body: "null", kind: .transient),
  FailureCase(
    name: "another object", status: 200, body: #"{"choices":[]}"#, kind: .transient, says: "without choices"),
  FailureCase(name: "choices of another type", status: 200, body: #"{"choices":"x"}"#, kind: .transient),
  FailureCase(
    name: "nested too deep", status: 200, body: String(repeating: "[", count: 100_000), kind: .transient),
]

private let gemini: [FailureCase] = [
  FailureCase(
    name: "a minute's quota", status: 429,
    body: google(
      429, "RESOURCE_EXHAUSTED",
      "You exceeded your current quota, please check your plan and billing details.",
      #"[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},"#
        + #"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"37.5s"}]"#),
    kind: .rateLimit, retryAfter: 37.5),
  FailureCase(
    name: "a day's quota", status: 429,
    body: google(
      429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.",
      #"[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},{"retryDelay":"3s"}]"#
    ),
    kind: .quota, retryAfter: 72_000),
  FailureCase(
    name: "exhausted", status: 429, body: google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted"),
    kind: .rateLimit),
  FailureCase(
    name: "overloaded", status: 503, body: google(503, "UNAVAILABLE", "The model is overloaded."),
    kind: .transient),
  FailureCase(
    name: "a wrong key",
    body: google(
      400, "INVALID_ARGUMENT", "API key not valid.",
      #"[{"reason":"API_KEY_INVALID","domain":"googleapis.com"}]"#),
    kind: .auth),
  FailureCase(
    name: "a wrong place", body: google(400, "FAILED_PRECONDITION", "User location is not supported"),
    kind: .auth),
  FailureCase(
    name: "context",
    body: google(
      400, "INVALID_ARGUMENT",
      "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
    kind: .context),
  FailureCase(
    name: "a bad request", body: google(400, "INVALID_ARGUMENT", "Invalid value at 'contents'"),
    kind: .request),
  FailureCase(
    name: "in an array", status: 404, body: "[\(google(404, "NOT_FOUND", "models/x is not found"))]",
    kind: .auth, says: "models/x is not found"),
  FailureCase(
    name: "in an array under 200", status: 200, body: "[\(google(503, "UNAVAILABLE", "overloaded"))]",
    kind: .transient, says: "overloaded"),
]

private let claude: [FailureCase] = [
  FailureCase(
    name: "overloaded", status: 529, body: anthropic("overloaded_error", "Overloaded"), kind: .transient,
    says: "529: Overloaded"),
  FailureCase(
    name: "a wrong key", status: 401, body: anthropic("authentication_error", "invalid x-api-key"),
    kind: .auth),
  FailureCase(
    name: "an unknown model", status: 404, body: anthropic("not_found_error", "model: x"), kind: .auth),
  FailureCase(
    name: "no credit",
    body: anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    kind: .quota),
  FailureCase(
    name: "a spent limit",
    body: anthropic("invalid_request_error", "You have reached your specified API usage limits."),
    kind: .quota),
  FailureCase(
    name: "context",
    body: anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
    kind: .context),
  FailureCase(
    name: "too large", status: 413, body: anthropic("request_too_large", "Request exceeds the maximum size"),
    kind: .context),
  FailureCase(
    name: "a bad request", body: anthropic("invalid_request_error", "messages: roles must alternate"),
    kind: .request),
  FailureCase(
    name: "overloaded under 200", status: 200, body: anthropic("overloaded_error", "Overloaded"),
    kind: .transient),
  FailureCase(
    name: "rate limit by its header", status: 429, headers: [("retry-after", "12")],
    body: anthropic("rate_limit_error", "x"), kind: .rateLimit, retryAfter: 12),
  FailureCase(
    name: "rate limit by the limit that is used up", status: 429,
    headers: [
      ("anthropic-ratelimit-requests-remaining", "10"),
      ("anthropic-ratelimit-requests-reset", "2026-11-24T12:00:05Z"),
      ("anthropic-ratelimit-tokens-remaining", "0"),
      ("anthropic-ratelimit-tokens-reset", "2026-11-24T12:00:50.25Z"),
    ],
    body: anthropic("rate_limit_error", "x"), kind: .rateLimit, retryAfter: 50),
]

@Suite(.timeLimit(.minutes(5)))
struct FailureTests {
  @Test(arguments: byStatus + openRouter + hints + others + bodies)
  func `a failure of openrouter`(sample: FailureCase) async throws { try await check(sample, "openrouter") }

  @Test(arguments: byStatus + gemini)
  func `a failure of gemini`(sample: FailureCase) async throws { try await check(sample, "gemini") }

  @Test(arguments: byStatus + claude)
  func `a failure of claude`(sample: FailureCase) async throws { try await check(sample, "claude") }

  private func check(_ sample: FailureCase, _ name: String) async throws {
    let response = HTTPResponse.reply(
      status: sample.status, headers: sample.headers, body: Array(sample.body.utf8))
    let error = try #require(try await failure(name, after: response))
    #expect(error.class == sample.kind)
    #expect(error.retryAfter == sample.retryAfter)
    #expect(error.message.contains(sample.says) || sample.says.isEmpty, "\(error.message)")
    #expect(!error.message.contains(testKey) && !error.message.contains("\n") && error.message.count <= 501)
  }

  @Test func `a request id comes with the error`() async throws {
    let body = Array(anthropic("api_error", "x").utf8)
    let named = try await failure(
      "claude", after: .reply(status: 500, headers: [("request-id", "other")], body: body))
    #expect(named?.requestID == "req_1")
    let header = try await failure(after: .error(500, headers: [("X-Request-Id", "r-2")]))
    #expect(header?.requestID == "r-2")
  }

  @Test(arguments: [
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
  ])
  func `the three forms of an HTTP date`(text: String) {
    #expect(HTTPDate.parse(text) == Date(timeIntervalSince1970: 784_111_777))
  }

  @Test(arguments: [
    "", "tomorrow", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "a b c d e", ", , , ,",
  ])
  func `what is no HTTP date`(text: String) {
    #expect(HTTPDate.parse(text) == nil)
  }

  @Test func `a leap day is where it should be`() {
    #expect(HTTPDate.parse("Tue, 29 Feb 2028 00:00:00 GMT") == Date(timeIntervalSince1970: 1_835_395_200))
    #expect(HTTPDate.parse("Wed, 01 Mar 2028 00:00:00 GMT") == Date(timeIntervalSince1970: 1_835_481_600))
  }
}
