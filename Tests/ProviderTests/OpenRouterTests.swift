// OpenRouter's requests, byte for byte, and its answers.

import JSONText
import TestSupport
import Testing

@testable import Provider

@Suite(.timeLimit(.minutes(5)))
struct OpenRouterTests {
  @Test func `the request is the seed's and not a field more`() async throws {
    let server = try LoopbackServer { _ in .chat("yes") }
    let messages = [message(.user, "one \"1\""), message(.assistant, "two\n"), message(.user, "thr\u{e9}e")]
    let reply = try await provider(at: "\(server.url)/api/v1/", model: "xiaomi/mimo-v2-flash:free")
      .ask(request(messages, withoutReasoning: true))
    let sent = try #require(server.requests.first)
    #expect(sent.method == "POST")
    #expect(sent.path == "/api/v1/chat/completions")
    let expected =
      #"{"model":"xiaomi/mimo-v2-flash:free","messages":[{"role":"system","content":"be brief"},"#
      + #"{"role":"user","content":"one \"1\""},{"role":"assistant","content":"two\n"},"#
      + #"{"role":"user","content":"thrée"}],"temperature":0.3,"max_tokens":4096}"#
    #expect(sent.text == expected)
    #expect(reply.text == "yes")
    #expect(
      sent.headers.map { "\($0.name): \($0.value)" } == [
        "Host: 127.0.0.1:\(server.port)", "User-Agent: obspool", "Accept-Encoding: gzip",
        "Authorization: Bearer \(testKey)", "HTTP-Referer: https://github.com/thedotmack/claude-mem",
        "X-Title: claude-mem", "Content-Type: application/json", "Accept: application/json",
        "Content-Length: \(expected.utf8.count)",
      ])
  }

  @Test func `site and app name come from the settings`() async throws {
    let server = try LoopbackServer { _ in .chat("yes") }
    _ = try await provider(at: server.url, siteURL: "https://example.org", appName: "mine\r\nX-Evil: 1")
      .ask(request())
    let sent = try #require(server.requests.first)
    #expect(sent.header("HTTP-Referer") == "https://example.org")
    #expect(sent.header("X-Title") == "mineX-Evil: 1")
    #expect(sent.header("X-Evil") == nil)
  }

  @Test func `neighbours of one role are joined and empty messages left out`() async throws {
    let server = try LoopbackServer { _ in .chat("yes") }
    let messages = [
      message(.user, "a \"1\""), message(.assistant, ""), message(.user, "b"), message(.assistant, "c"),
      message(.user, "d"),
    ]
    _ = try await provider(at: server.url).ask(request(messages, system: ""))
    let sent = try #require(server.requests.first?.json["messages"]?.array)
    #expect(sent.map { $0["role"]?.string } == ["user", "assistant", "user"])
    #expect(sent.map { $0["content"]?.string } == ["a \"1\"\n\nb", "c", "d"])
  }

  @Test func `openrouter ai alone is sent the rest`() throws {
    let messages = [message(.user, "one"), message(.assistant, "two"), message(.user, "three")]
    let asked = request(messages, session: String(repeating: "s", count: 300), withoutReasoning: true)
    #expect(
      try body(of: asked, model: "x/y", fallbacks: ["a/b", "c/d"])
        == #"{"model":"x/y","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"one"},"#
        + #"{"role":"assistant","content":"two"},{"role":"user","content":"three"}],"temperature":0.3,"#
        + #""max_tokens":4096,"session_id":"\#(String(repeating: "s", count: 256))","models":["a/b","c/d"],"#
        + #""reasoning":{"effort":"none"}}"#)
    #expect(
      try body(of: request(messages), model: "anthropic/claude-haiku-4.5")
        == #"{"model":"anthropic/claude-haiku-4.5","messages":[{"role":"system","content":[{"type":"text","#
        + #""text":"be brief","cache_control":{"type":"ephemeral"}}]},{"role":"user","content":"one"},"#
        + #"{"role":"assistant","content":"two"},{"role":"user","content":[{"type":"text","text":"three","#
        + #""cache_control":{"type":"ephemeral"}}]}],"temperature":0.3,"max_tokens":4096,"session_id":"s1"}"#)
    #expect(
      try body(of: asked, model: "anthropic/x", at: "https://openrouter.ai.evil.example/v1").contains("cache")
        == false)
  }

  private func body(
    of request: Request, model: String, fallbacks: [String] = [],
    at url: String = "https://openrouter.ai/api/v1"
  ) throws -> String {
    let configuration = ProviderConfiguration(
      name: "openrouter", model: model, key: testKey, baseURL: url, fallbackModels: fallbacks)
    let provider = try OpenRouter(configuration, http: HTTPClient(), now: { noon })
    let body = provider.body(for: request)
    return String(decoding: body.joined().bytes, as: UTF8.self)
  }

  @Test func `usage, cost, model and request id are read`() async throws {
    let server = try LoopbackServer { _ in
      .json(
        #"{"id":"gen-7","model":"served/model","choices":[{"message":{"content":"yes","reasoning":"hm"},"#
          + #""finish_reason":"stop"}],"usage":{"prompt_tokens":2500,"completion_tokens":1200,"cost":0.0012,"#
          + #""prompt_tokens_details":{"cached_tokens":2000},"cost_details":{"upstream_inference_cost":5}}}"#)
    }
    let reply = try await provider(at: server.url).ask(request())
    #expect(
      reply
        == Reply(
          text: "yes", servedModel: "served/model", requestID: "gen-7", finish: .stop,
          usage: Usage(inputTokens: 2500, outputTokens: 1200, cachedTokens: 2000, costUSD: 0.0012)))
  }

  @Test(arguments: [
    (#"{"message":{"content":"x"},"finish_reason":"length"}"#, "x", Reply.Finish.length),
    (#"{"message":{"content":"x"}}"#, "x", .stop),
    (#"{"message":{"content":"x"},"finish_reason":7}"#, "x", .stop),
    (#"{"message":{"content":null,"reasoning":"long"},"finish_reason":"stop"}"#, "", .stop),
    (#"{"message":{"content":""},"finish_reason":"content_filter"}"#, "", .refused("content_filter")),
    (#"{"message":{"refusal":"I will not"},"finish_reason":"stop"}"#, "", .refused("I will not")),
    (#"{"message":{"content":"x"},"finish_reason":"tool_calls"}"#, "x", .other("tool_calls")),
    (
      #"{"message":{"content":[{"type":"text","text":"a"},{"type":"thinking","text":"t"},{"text":"b"}]}}"#,
      "ab", .stop
    ),
    (#"{"message":"odd"}"#, "", .stop),
    (#"{"message":{"content":"the key is sk-or-v1-0123456789abcdef."}}"#, "the key is [key].", .stop),
  ])
  func `a choice is read`(choice: String, text: String, finish: Reply.Finish) async throws {
    let server = try LoopbackServer { _ in .json(#"{"choices":[\#(choice)]}"#) }
    let reply = try await provider(at: server.url).ask(request())
    #expect(reply.text == text)
    #expect(reply.finish == finish)
    #expect(reply.usage == nil)
  }

  @Test(arguments: ["null", "false", #""""#])
  func `an error that says that there is none`(none: String) async throws {
    let server = try LoopbackServer { _ in
      .json(#"{"error":\#(none),"choices":[{"message":{"content":"x"}}]}"#)
    }
    #expect(try await provider(at: server.url).ask(request()).text == "x")
  }

  @Test func `one's own key at the upstream adds its price`() async throws {
    let server = try LoopbackServer { _ in
      .json(
        #"{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":"12","cost":0.01,"is_byok":true,"#
          + #""cost_details":{"upstream_inference_cost":0.5}},"timings":{"cache_n":9}}"#)
    }
    let usage = try await provider(at: server.url).ask(request()).usage
    #expect(usage == Usage(inputTokens: 12, outputTokens: 0, cachedTokens: 9, costUSD: 0.51))
  }
}
