// OpenRouter, and every server that speaks OpenAI's chat completions.

import FoundationEssentials
import JSONText

/// OpenRouter's API (https://openrouter.ai/docs/api-reference), or any server like it under another address.
struct OpenRouter: Provider {
  let name = "openrouter"
  let model: String
  private let endpoint: Endpoint
  private let fallbackModels: [String]

  init(_ configuration: ProviderConfiguration, http: HTTPClient, now: @escaping Now) throws(ProviderError) {
    let siteURL = Self.headerValue(configuration.siteURL, default: "https://github.com/thedotmack/claude-mem")
    let appName = Self.headerValue(configuration.appName, default: "claude-mem")
    endpoint = try Endpoint(configuration, http: http, now: now) { key in
      ["Authorization: Bearer \(key)", "HTTP-Referer: \(siteURL)", "X-Title: \(appName)"]
    }
    model = configuration.model
    fallbackModels = configuration.fallbackModels
  }

  /// Only OpenRouter itself is sent more than what every server takes; strict gateways refuse unknown fields.
  private var isOpenRouter: Bool { endpoint.base.host == "openrouter.ai" }

  func ask(_ request: Request) async throws(ProviderError) -> Reply {
    let body = body(for: request)
    let answer = try await endpoint.post("/chat/completions", body: body)
    return try reply(from: answer)
  }

  /// Reads what the server answered.
  func reply(from answer: HTTPClient.Answer) throws(ProviderError) -> Reply {
    let json = try endpoint.json(of: answer)
    guard let choice = json["choices"]?.array?.first else { throw endpoint.unreadable("choices") }
    if let error = choice["error"], !error.isNull {
      throw endpoint.failure(in: choice, headers: answer.headers)
    }
    let finish = finish(of: choice)
    guard finish != .other("error") else {
      throw ProviderError(.transient, status: 200, "the model's server broke off its answer")
    }
    return Reply(
      text: endpoint.withoutKey(text(of: choice["message"]?["content"])),
      servedModel: json["model"]?.string.map { endpoint.line($0) },
      requestID: (json["id"]?.string ?? answer.headers["x-request-id"]).map { endpoint.line($0) },
      finish: finish, usage: usage(in: json), waited: answer.waited)
  }

  /// A value without what could end its header line.
  private static func headerValue(_ text: String?, default fallback: String) -> String {
    let plain = String((text ?? "").unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F })
      .trimmingWhitespace()
    return plain.isEmpty ? fallback : plain
  }

  // MARK: The request

  /// The body of the request. What stays the same from call to call comes first.
  func body(for request: Request) -> SplicedBytes {
    let turns = request.turns
    let isMarked = isOpenRouter && needsCacheMarks
    var writer = JSONWriter(splicing: request.expectedBytes)
    writer.object {
      $0.member("model", model)
      $0.key("messages")
      $0.array {
        if !request.system.isEmpty {
          message(to: &$0, role: "system", literal: request.system.literal, isMarked: isMarked)
        }
        for (index, turn) in turns.enumerated() {
          // The newest message stands in the next request as it is: what is cached up to here is read then.
          let isNewest = index == turns.count - 1
          message(to: &$0, role: turn.role.rawValue, literal: turn.literal, isMarked: isMarked && isNewest)
        }
      }
      $0.member("temperature", 0.3)
      $0.member("max_tokens", request.maxOutputTokens)
      if isOpenRouter { extras(to: &$0, request) }
    }
    return writer.finishSpliced()
  }

  /// Models whose prompt cache has to be told where the stable part ends; others find out by themselves.
  private var needsCacheMarks: Bool { model.hasPrefix("anthropic/") || model.hasPrefix("qwen/") }

  private func message(to writer: inout JSONWriter, role: String, literal: WrittenBytes, isMarked: Bool) {
    writer.object {
      $0.member("role", role)
      if isMarked {
        $0.member("content", cached: literal)
      } else {
        $0.member("content", literal: literal)
      }
    }
  }

  private func extras(to writer: inout JSONWriter, _ request: Request) {
    // Keeps the conversation on one upstream, whose prompt cache knows it.
    if !request.session.isEmpty { writer.member("session_id", String(request.session.prefix(256))) }
    if !fallbackModels.isEmpty { writer.member("models", fallbackModels) }
    if request.withoutReasoning {
      writer.key("reasoning")
      writer.object { $0.member("effort", "none") }
    }
  }

  // MARK: The answer

  private func text(of content: JSON?) -> String {
    if let text = content?.string { return text }
    return (content?.array ?? []).filter { $0["type"]?.string ?? "text" == "text" }
      .compactMap { $0["text"]?.string }.joined()
  }

  private func finish(of choice: JSON) -> Reply.Finish {
    if let refusal = choice["message"]?["refusal"]?.string, !refusal.isEmpty {
      return .refused(endpoint.line(refusal))
    }
    let word = choice["finish_reason"]?.string?.lowercased() ?? "stop"
    switch word {
    case "stop": return .stop
    case "length", "max_tokens": return .length
    case "content_filter", "refusal", "safety": return .refused(word)
    default: return .other(endpoint.line(word))
    }
  }

  private func usage(in json: JSON) -> Usage? {
    guard let usage = json["usage"], usage.object != nil else { return nil }
    let details = usage["prompt_tokens_details"]
    // llama.cpp tells under `timings` how much of the prompt it had already.
    let cached = details?["cached_tokens"]?.int ?? json["timings"]?["cache_n"]?.int ?? 0
    var cost = usage["cost"]?.double
    if usage["is_byok"]?.bool == true,
      let upstream = usage["cost_details"]?["upstream_inference_cost"]?.double
    {
      // With one's own key at the upstream, `cost` is OpenRouter's fee alone.
      cost = (cost ?? 0) + upstream
    }
    return Usage(
      inputTokens: usage["prompt_tokens"]?.int ?? 0, outputTokens: usage["completion_tokens"]?.int ?? 0,
      cachedTokens: cached, costUSD: cost)
  }

  // MARK: Looking without asking

  func check() async -> [CheckLine] {
    var lines: [CheckLine] = []
    do throws(ProviderError) {
      // OpenRouter lists its models to everybody, so the key is looked at on its own.
      if isOpenRouter { _ = try await endpoint.get("/key") }
      let models = try await endpoint.get("/models")
      lines.append(CheckLine(.ok, "provider", "\(endpoint.base.host) answers"))
      lines.append(CheckLine(.ok, "key", "accepted"))
      lines.append(look(for: model, in: models))
    } catch {
      lines += endpoint.lines(about: error)
    }
    return lines
  }

  private func look(for model: String, in models: JSON) -> CheckLine {
    let known = (models["data"]?.array ?? []).compactMap { $0["id"]?.string }
    // A variant such as `:nitro` is not listed, but its model is; `:free` is a model of its own.
    let plain = model.hasSuffix(":free") ? model : String(model.prefix { $0 != ":" })
    if known.contains(model) || known.contains(plain) { return CheckLine(.ok, "model", "\(model) is known") }
    guard isOpenRouter else {
      return CheckLine(.warning, "model", "\(model) is not among the models that the server lists")
    }
    return CheckLine(.failure, "model", "\(model) is not known; see https://openrouter.ai/models")
  }
}
