// What the tests of this part share.

import FoundationEssentials
import JSONText
import TestSupport
import Threads

@testable import Provider

/// 2026-11-24T12:00:00Z, the time in these tests.
let noon = Date(timeIntervalSince1970: 1_795_521_600)

let testKey = "sk-or-v1-0123456789abcdef"

/// A provider of a kind at a server.
func provider(
  _ name: String = "openrouter", at url: String, model: String = "test/model", key: String? = testKey,
  siteURL: String? = nil, appName: String = "claude-mem", timeout: Double = 300,
  limits: HTTPClient.Limits = HTTPClient.Limits(), http: HTTPClient? = nil
) throws -> any Provider {
  let configuration = ProviderConfiguration(
    name: name, model: model, key: key, baseURL: url, siteURL: siteURL, appName: appName, timeout: timeout)
  return try Providers.make(configuration, http: http ?? HTTPClient(limits: limits), now: { noon })
}

func message(_ role: Message.Role, _ text: String) -> Message { Message(role: role, text: JSONString(text)) }

/// A request of one turn, or of several.
func request(
  _ messages: [Message] = [message(.user, "hello")], system: String = "be brief", maxOutputTokens: Int = 4096,
  session: String = "s1", withoutReasoning: Bool = false
) -> Request {
  Request(
    system: JSONString(system), messages: messages, maxOutputTokens: maxOutputTokens, session: session,
    withoutReasoning: withoutReasoning, withoutModel: { "<skip/>" })
}

/// The error that a call ends with; nil where it gives an answer.
func failure(of provider: any Provider, _ request: Request = request()) async -> ProviderError? {
  do throws(ProviderError) {
    _ = try await provider.ask(request)
    return nil
  } catch {
    return error
  }
}

/// The error that a server's answer becomes.
func failure(
  _ name: String = "openrouter", after response: HTTPResponse, timeout: Double = 300,
  limits: HTTPClient.Limits = HTTPClient.Limits()
) async throws -> ProviderError? {
  let server = try LoopbackServer { _ in response }
  defer { server.stop() }
  return await failure(of: try provider(name, at: server.url, timeout: timeout, limits: limits))
}

/// A program that is at hand.
///
/// Not Foundation's `Process`, which reads behind the end of an entry while it lists the open descriptors: beside a
/// thousand of them that is now and then behind the end of the memory.
func command(_ words: [String], in directory: String = "/") -> Subprocess {
  Subprocess(
    path: "/usr/bin/env", arguments: ["-C", directory] + words, environment: ["PATH=/usr/bin:/bin"],
    timeout: 300, limit: 1 << 20)
}

/// Does what blocks on a thread of its own.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
  await withCheckedContinuation { continuation in
    Thread.detached(name: "test") { continuation.resume(returning: body()) }
  }
}
