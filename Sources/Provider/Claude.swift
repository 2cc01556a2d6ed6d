// Anthropic's API, for the provider `claude`.

import FoundationEssentials
import JSONText

/// Anthropic's Messages API (https://docs.anthropic.com/en/api/messages).
struct Claude: Provider {
  let name = "claude"
  let model: String
  private let endpoint: Endpoint

  init(_ configuration: ProviderConfiguration, http: HTTPClient, now: @escaping Now) throws(ProviderError) {
    endpoint = try Endpoint(configuration, http: http, now: now) { key in
      ["x-api-key: \(key)", "anthropic-version: 2023-06-01"]
    }
    model = configuration.model
  }

  /// The API where there is a key, else the command where there is one.
  static func make(
    _ configuration: ProviderConfiguration, http: HTTPClient, now: @escaping Now
  ) throws(ProviderError) -> any Provider {
    if configuration.key ?? "" == "", let command = configuration.command {
      return ClaudeCommand(configuration, command: command, now: now)
    }
    return try Claude(configuration, http: http, now: now)
  }

  func ask(_ request: Request) async throws(ProviderError) -> Reply {
    let body = body(for: request)
    let answer = try await endpoint.post("/v1/messages", body: body)
    return try reply(from: answer)
  }

  /// Reads what the server answered.
  func reply(from answer: HTTPClient.Answer) throws(ProviderError) -> Reply {
    let json = try endpoint.json(of: answer)
    guard let blocks = json["content"]?.array else { throw endpoint.unreadable("content") }
    let text = blocks.filter { $0["type"]?.string == "text" }.compactMap { $0["text"]?.string }.joined()
    return Reply(
      text: endpoint.withoutKey(text), servedModel: json["model"]?.string.map { endpoint.line($0) },
      requestID: (json["id"]?.string ?? answer.headers["request-id"]).map { endpoint.line($0) },
      finish: finish(of: json), usage: usage(in: json), waited: answer.waited)
  }

  /// The body of the request. What stays the same from call to call comes first.
  func body(for request: Request) -> SplicedBytes {
    let turns = request.turns
    var writer = JSONWriter(splicing: request.expectedBytes)
    writer.object {
      $0.member("model", model)
      if !request.system.isEmpty { $0.member("system", cached: request.system.literal) }
      $0.key("messages")
      $0.array {
        for (index, turn) in turns.enumerated() {
          $0.object {
            $0.member("role", turn.role.rawValue)
            // The newest message stands in the next request as it is: what is cached up to here is read then.
            if index == turns.count - 1 {
              $0.member("content", cached: turn.literal)
            } else {
              $0.member("content", literal: turn.literal)
            }
          }
        }
      }
      $0.member("max_tokens", request.maxOutputTokens)
    }
    return writer.finishSpliced()
  }

  private func finish(of json: JSON) -> Reply.Finish {
    let word = json["stop_reason"]?.string ?? "end_turn"
    switch word {
    case "end_turn", "stop_sequence": return .stop
    case "max_tokens", "model_context_window_exceeded": return .length
    case "refusal":
      return .refused(endpoint.line(json["stop_details"]?["explanation"]?.string ?? word))
    default: return .other(endpoint.line(word))
    }
  }

  private func usage(in json: JSON) -> Usage? {
    guard let usage = json["usage"], usage.object != nil else { return nil }
    let cached = usage["cache_read_input_tokens"]?.int ?? 0
    // The three are counted apart.
    let input = (usage["input_tokens"]?.int ?? 0).adding(usage["cache_creation_input_tokens"]?.int).adding(
      cached)
    return Usage(
      inputTokens: input, outputTokens: usage["output_tokens"]?.int ?? 0, cachedTokens: cached)
  }

  func check() async -> [CheckLine] {
    await endpoint.check(model: model, at: "/v1/models/\(model.pathSegment)")
  }
}
