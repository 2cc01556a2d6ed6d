// Google's Gemini API.

import FoundationEssentials
import JSONText

/// The Gemini API's `generateContent` (https://ai.google.dev/api/generate-content).
struct Gemini: Provider {
  let name = "gemini"
  let model: String
  private let endpoint: Endpoint

  init(_ configuration: ProviderConfiguration, http: HTTPClient, now: @escaping Now) throws(ProviderError) {
    endpoint = try Endpoint(configuration, http: http, now: now) { key in
      // The key goes into a header, because addresses end up in logs.
      ["x-goog-api-key: \(key)"]
    }
    let isFull = configuration.model.hasPrefix("models/")
    model = isFull ? String(configuration.model.dropFirst("models/".count)) : configuration.model
  }

  func ask(_ request: Request) async throws(ProviderError) -> Reply {
    let body = body(for: request)
    let path = "/models/\(model.pathSegment):generateContent"
    let answer = try await endpoint.post(path, body: body)
    return try reply(from: answer)
  }

  /// Reads what the server answered.
  func reply(from answer: HTTPClient.Answer) throws(ProviderError) -> Reply {
    let json = try endpoint.json(of: answer)
    let candidate = json["candidates"]?.array?.first
    let block = json["promptFeedback"]?["blockReason"]?.string
    guard candidate != nil || block != nil else { throw endpoint.unreadable("candidates") }
    let parts = candidate?["content"]?["parts"]?.array ?? []
    // Parts that are marked so are the model's reasoning.
    let text = parts.filter { $0["thought"]?.bool != true }.compactMap { $0["text"]?.string }.joined()
    return Reply(
      text: endpoint.withoutKey(text), servedModel: json["modelVersion"]?.string.map { endpoint.line($0) },
      requestID: (json["responseId"]?.string ?? answer.headers["x-request-id"]).map { endpoint.line($0) },
      finish: candidate.map { finish(of: $0) } ?? .refused(endpoint.line(block ?? "")),
      usage: usage(in: json), waited: answer.waited)
  }

  /// The body of the request. What stays the same from call to call comes first.
  func body(for request: Request) -> SplicedBytes {
    var writer = JSONWriter(splicing: request.expectedBytes)
    writer.object {
      if !request.system.isEmpty {
        $0.key("systemInstruction")
        $0.object { parts(to: &$0, request.system.literal) }
      }
      $0.key("contents")
      $0.array {
        for turn in request.turns {
          $0.object {
            $0.member("role", turn.role == .user ? "user" : "model")
            parts(to: &$0, turn.literal)
          }
        }
      }
      $0.key("generationConfig")
      $0.object {
        $0.member("temperature", 0.3)
        $0.member("maxOutputTokens", request.maxOutputTokens)
      }
    }
    return writer.finishSpliced()
  }

  private func parts(to writer: inout JSONWriter, _ literal: WrittenBytes) {
    writer.key("parts")
    writer.array { $0.object { $0.member("text", literal: literal) } }
  }

  private func finish(of candidate: JSON) -> Reply.Finish {
    let word = candidate["finishReason"]?.string ?? "STOP"
    switch word {
    case "STOP": return .stop
    case "MAX_TOKENS": return .length
    case "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE":
      let reason = candidate["finishMessage"]?.string.map { "\(word): \($0)" } ?? word
      return .refused(endpoint.line(reason))
    default: return .other(endpoint.line(word))
    }
  }

  private func usage(in json: JSON) -> Usage? {
    guard let usage = json["usageMetadata"], usage.object != nil else { return nil }
    let answer = usage["candidatesTokenCount"]?.int ?? 0
    return Usage(
      inputTokens: usage["promptTokenCount"]?.int ?? 0,
      outputTokens: answer.adding(usage["thoughtsTokenCount"]?.int),
      cachedTokens: usage["cachedContentTokenCount"]?.int ?? 0)
  }

  func check() async -> [CheckLine] {
    await endpoint.check(model: model, at: "/models/\(model.pathSegment)")
  }
}
