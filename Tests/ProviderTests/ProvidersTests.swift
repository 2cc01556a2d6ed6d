// Gemini's, Claude's and no model's own ways, and how a provider is made.

import JSONText
import TestSupport
import Testing

@testable import Provider

private let conversation = [
  message(.user, "one"), message(.assistant, "two"), message(.user, "three"), message(.user, "four"),
]

@Suite(.timeLimit(.minutes(5)))
struct GeminiTests {
  @Test func `the request is in Google's form, the key in its header`() async throws {
    let server = try LoopbackServer { _ in
      .json(
        #"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"y"},{"text":"es"}]},"#
          + #""finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":7,"#
          + #""thoughtsTokenCount":3,"cachedContentTokenCount":80},"modelVersion":"gemini-x","responseId":"r1"}"#
      )
    }
    let reply = try await provider("gemini", at: "\(server.url)/v1beta", model: "gemini-flash-latest")
      .ask(request(conversation, maxOutputTokens: 8192))
    let sent = try #require(server.requests.first)
    #expect(sent.path == "/v1beta/models/gemini-flash-latest:generateContent")
    let expected =
      #"{"systemInstruction":{"parts":[{"text":"be brief"}]},"contents":[{"role":"user","parts":[{"text":"one"}]},"#
      + #"{"role":"model","parts":[{"text":"two"}]},{"role":"user","parts":[{"text":"three\n\nfour"}]}],"#
      + #""generationConfig":{"temperature":0.3,"maxOutputTokens":8192}}"#
    #expect(sent.text == expected)
    #expect(
      sent.headers.map { "\($0.name): \($0.value)" } == [
        "Host: 127.0.0.1:\(server.port)", "User-Agent: obspool", "Accept-Encoding: gzip",
        "x-goog-api-key: \(testKey)", "Content-Type: application/json", "Accept: application/json",
        "Content-Length: \(expected.utf8.count)",
      ])
    #expect(
      reply
        == Reply(
          text: "yes", servedModel: "gemini-x", requestID: "r1", finish: .stop,
          usage: Usage(inputTokens: 100, outputTokens: 10, cachedTokens: 80)))
  }

  @Test(arguments: [
    (
      #"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"MAX_TOKENS"}]}"#, "x",
      Reply.Finish.length
    ),
    (#"{"candidates":[{"finishReason":"SAFETY"}]}"#, "", .refused("SAFETY")),
    (#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}"#, "", .refused("PROHIBITED_CONTENT")),
    (#"{"candidates":[{"finishReason":"OTHER"}]}"#, "", .other("OTHER")),
    (#"{"candidates":[{"content":{"parts":"odd"}}]}"#, "", .stop),
  ])
  func `an answer is read`(body: String, text: String, finish: Reply.Finish) async throws {
    let server = try LoopbackServer { _ in .json(body) }
    let reply = try await provider("gemini", at: server.url).ask(request())
    #expect(reply.text == text)
    #expect(reply.finish == finish)
  }

  @Test func `an answer without candidates is none`() async throws {
    #expect(try await failure("gemini", after: .json("{}"))?.class == .transient)
  }

  @Test func `a model's name cannot leave its place in the path`() async throws {
    let server = try LoopbackServer { _ in .json("{}") }
    _ = await failure(of: try provider("gemini", at: server.url, model: "models/../a b?c"))
    #expect(server.requests.first?.path == "/models/..%2Fa%20b%3Fc:generateContent")
  }
}

@Suite(.timeLimit(.minutes(5)))
struct ClaudeTests {
  @Test func `the request is in Anthropic's form, marked for the cache`() async throws {
    let server = try LoopbackServer { _ in
      .json(
        #"{"id":"msg_1","model":"claude-x","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"y"},"#
          + #"{"type":"text","text":"es"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":5,"#
          + #""cache_creation_input_tokens":20,"cache_read_input_tokens":70}}"#)
    }
    let reply = try await provider("claude", at: server.url, model: "claude-haiku-4-5").ask(
      request(conversation))
    let sent = try #require(server.requests.first)
    #expect(sent.path == "/v1/messages")
    let mark = #""cache_control":{"type":"ephemeral"}}]"#
    let expected =
      #"{"model":"claude-haiku-4-5","system":[{"type":"text","text":"be brief",\#(mark),"messages":["#
      + #"{"role":"user","content":"one"},{"role":"assistant","content":"two"},"#
      + #"{"role":"user","content":[{"type":"text","text":"three\n\nfour",\#(mark)}],"max_tokens":4096}"#
    #expect(sent.text == expected)
    #expect(
      sent.headers.map { "\($0.name): \($0.value)" } == [
        "Host: 127.0.0.1:\(server.port)", "User-Agent: obspool", "Accept-Encoding: gzip",
        "x-api-key: \(testKey)",
        "anthropic-version: 2023-06-01", "Content-Type: application/json", "Accept: application/json",
        "Content-Length: \(expected.utf8.count)",
      ])
    #expect(
      reply
        == Reply(
          text: "yes", servedModel: "claude-x", requestID: "msg_1", finish: .stop,
          usage: Usage(inputTokens: 100, outputTokens: 5, cachedTokens: 70)))
  }

  @Test(arguments: [
    ("max_tokens", Reply.Finish.length), ("model_context_window_exceeded", .length), ("stop_sequence", .stop),
    ("refusal", .refused("refusal")), ("pause_turn", .other("pause_turn")),
  ])
  func `a stop reason is read`(reason: String, finish: Reply.Finish) async throws {
    let server = try LoopbackServer { _ in .json(#"{"content":[],"stop_reason":"\#(reason)"}"#) }
    #expect(try await provider("claude", at: server.url).ask(request()).finish == finish)
  }
}

@Suite(.timeLimit(.minutes(5)))
struct ProvidersTests {
  @Test func `the seed's names and defaults`() {
    let remote = Providers.remote.map { "\($0.name) \($0.defaultModel) \($0.defaultBaseURL)" }
    #expect(
      remote == [
        "openrouter xiaomi/mimo-v2-flash:free https://openrouter.ai/api/v1",
        "gemini gemini-flash-latest https://generativelanguage.googleapis.com/v1beta",
        "claude claude-haiku-4-5 https://api.anthropic.com",
      ])
    #expect(Providers.names == ["openrouter", "gemini", "claude", "offline"])
  }

  @Test func `offline says what the request itself says`() async throws {
    let offline = try provider("offline", at: "", key: nil)
    #expect(offline.name == "offline")
    #expect(try await offline.ask(request()).text == "<skip/>")
  }

  @Test(arguments: [nil, "", "  \n"])
  func `without a key nothing is asked`(key: String?) {
    let error = #expect(throws: ProviderError.self) { try provider(at: "http://127.0.0.1:1", key: key) }
    #expect(error?.class == .auth)
    #expect(error?.message.hasPrefix("OpenRouter API key not configured: ") == true)
  }

  @Test(arguments: [
    (
      "openrouter",
      "OpenRouter API key not configured: set CLAUDE_MEM_OPENROUTER_API_KEY in the settings or OPENROUTER_API_KEY in "
        + "the environment, or set CLAUDE_MEM_PROVIDER to gemini, claude or offline; for a server that asks for no "
        + "key, any word will do"
    ),
    (
      "gemini",
      "Gemini API key not configured: set CLAUDE_MEM_GEMINI_API_KEY in the settings or GEMINI_API_KEY in the "
        + "environment, or set CLAUDE_MEM_PROVIDER to openrouter, claude or offline; for a server that asks for no "
        + "key, any word will do"
    ),
    (
      "claude",
      "Claude API key not configured: set CLAUDE_MEM_CLAUDE_API_KEY in the settings or ANTHROPIC_API_KEY in the "
        + "environment, or install the command `claude`, or set CLAUDE_MEM_PROVIDER to openrouter, gemini or offline; "
        + "for a server that asks for no key, any word will do"
    ),
  ])
  func `who has no key is told all that would help`(name: String, message: String) {
    let error = #expect(throws: ProviderError.self) {
      try provider(name, at: "http://127.0.0.1:1", key: nil)
    }
    #expect(error?.message == message)
  }

  @Test func `a key that would break out of its header is refused, unnamed`() {
    let error = #expect(throws: ProviderError.self) {
      try provider(at: "http://127.0.0.1:1", key: "sk-secret\r\nX-Evil: 1")
    }
    #expect(error?.class == .auth)
    #expect(error?.message.contains("secret") == false)
  }

  @Test func `an unknown name is refused with those that are known`() {
    let error = #expect(throws: ProviderError.self) { try provider("gpt", at: "") }
    #expect(error?.message == "there is no provider 'gpt'; there are openrouter, gemini, claude, offline")
  }

  @Test func `no way to print a configuration prints its key`() {
    let configuration = ProviderConfiguration(
      name: "openrouter", model: "m", key: testKey, baseURL: "https://x")
    var dumped = ""
    dump(configuration, to: &dumped)
    for text in ["\(configuration)", String(reflecting: configuration), dumped] {
      #expect(!text.contains(testKey))
    }
  }
}

@Suite(.timeLimit(.minutes(5)))
struct CheckTests {
  private func lines(
    _ name: String = "openrouter", model: String = "a/b", from response: HTTPResponse
  ) async throws -> [String] {
    let server = try LoopbackServer { _ in response }
    defer { server.stop() }
    let lines = try await provider(name, at: server.url, model: model).check()
    #expect(server.requests.allSatisfy { $0.method == "GET" && $0.body.isEmpty })
    return lines.map { "\($0.verdict.rawValue) \($0.subject)" }
  }

  @Test func `a server that works`() async throws {
    let models = HTTPResponse.json(#"{"data":[{"id":"a/b"},{"id":"c/d:free"}]}"#)
    #expect(try await lines(from: models) == ["ok provider", "ok key", "ok model"])
    #expect(try await lines(model: "a/b:nitro", from: models) == ["ok provider", "ok key", "ok model"])
    #expect(try await lines(model: "c/d", from: models) == ["ok provider", "ok key", "warning model"])
  }

  @Test func `a key that is not accepted`() async throws {
    #expect(try await lines(from: .error(401)) == ["ok provider", "failure key"])
    #expect(try await lines("claude", from: .error(401)) == ["ok provider", "failure key"])
  }

  @Test func `a server that does not list its models`() async throws {
    #expect(try await lines(from: .error(404)) == ["ok provider", "warning model"])
  }

  @Test func `a model that is not known`() async throws {
    #expect(try await lines("gemini", from: .error(404)) == ["ok provider", "failure model"])
  }

  @Test func `a server that is not there`() async throws {
    let lines = try await provider(at: "http://127.0.0.1:\(refusedPort())").check()
    #expect(lines.map { "\($0.verdict.rawValue) \($0.subject)" } == ["failure provider"])
  }

  @Test func `the one model is asked about where it is described`() async throws {
    let server = try LoopbackServer { _ in .json(#"{"name":"models/x"}"#) }
    #expect(
      try await provider("gemini", at: "\(server.url)/v1beta", model: "x").check().allSatisfy {
        $0.verdict == .ok
      })
    #expect(try await provider("claude", at: server.url, model: "y").check().allSatisfy { $0.verdict == .ok })
    #expect(server.requests.map(\.path) == ["/v1beta/models/x", "/v1/models/y"])
  }
}
