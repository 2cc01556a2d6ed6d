// The conversation over many turns: what goes over the wire, and through whichever provider.

import Foundation
import JSONText
import Observation
import Spool
import TestSupport
import Testing
import Threads

@testable import Pipeline

@Suite struct EngineConversationTests {
  @Test func `200 tool uses of one session put at most 8 MB on the wire, mostly what was sent before`()
    async throws
  {
    let bench = try Workbench {
      .chat(observation("answer \($0.number)") + String(repeating: " ", count: 200))
    }
    try bench.set(["OBSPOOL_BATCH": "1"])
    for number in 1000..<1200 {
      try bench.dropToolUse("\(number)", command: "c\(number)", response: String(repeating: "x", count: 1400))
    }
    #expect(try await bench.drain().left == 0)
    let bodies = bench.server.requests.map(\.body)
    #expect(bodies.count == 200)
    let total = bodies.reduce(0) { $0 + $1.count }
    var shared = 0
    var cuts = 0
    for (before, after) in zip(bodies, bodies.dropFirst()) {
      let prefix = zip(before, after).prefix { $0 == $1 }.count
      shared += prefix
      // Between cuts all of the request before is the beginning of the next, but for what closes it.
      let messages = after.count > before.count
      if messages { #expect(prefix > before.count - 60) } else { cuts += 1 }
      if messages { #expect(Double(prefix) >= 0.6 * Double(after.count)) }
    }
    print(
      "200 tool uses: \(total) bytes on the wire, \(shared * 100 / total) % of them a prefix, \(cuts) cuts")
    #expect(total <= 8_000_000)
    #expect(Double(shared) >= 0.6 * Double(total))
    #expect(cuts <= 200 / 5)
    #expect(bench.log.contains { $0.contains("the context window is full; dropped") })
  }

  @Test
  func `a session whose identifier holds a key keeps its conversation over a restart, and the key to itself`()
    async throws
  {
    let bench = try Workbench { .chat(observation("answer \($0.messagesBefore)")) }
    let session = "s-\(Workbench.key)"
    try bench.dropToolUse("1", session: session, command: "first")
    try await bench.drain()
    try bench.dropToolUse("2", session: session, command: "second")
    try await bench.drain()
    #expect(try bench.names(.done) == ["1", "2"])
    #expect(bench.server.requests.map(\.messages.count) == [2, 4])
    #expect(try bench.records(of: "s-[key]").count == 2)
  }

  @Test func `a restart at any turn sends the same bytes as going on`() async throws {
    func bodies(restarting: Bool) async throws -> [[UInt8]] {
      let bench = try Workbench { .chat(observation("answer \($0.messagesBefore)")) }
      try bench.set(["OBSPOOL_BATCH": "1", "CLAUDE_MEM_OPENROUTER_MAX_CONTEXT_MESSAGES": "8"])
      for number in 10..<30 {
        try bench.dropToolUse("\(number)", command: "c\(number)")
        if restarting { try await bench.drain() }
      }
      try await bench.drain()
      return bench.server.requests.map(\.body)
    }
    let once = try await bodies(restarting: false)
    let often = try await bodies(restarting: true)
    #expect(once.count == 20)
    #expect(once == often)
  }

  @Test func `the conversation goes on through every provider, switched in the file between inputs`()
    async throws
  {
    let bench = try Workbench { request in
      if request.path.contains("generateContent") {
        return .json(
          #"{"candidates":[{"content":{"role":"model","parts":[{"text":\#(JSON.string(observation("by gemini")).text)}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3}}"#
        )
      }
      if request.path.hasSuffix("/v1/messages") {
        return .json(
          #"{"id":"msg_1","model":"claude-x","content":[{"type":"text","text":\#(JSON.string(observation("by claude")).text)}],"stop_reason":"end_turn","usage":{"input_tokens":9,"output_tokens":4}}"#
        )
      }
      return .chat(observation("by openrouter \(request.number)"))
    }
    let order = ["openrouter", "gemini", "claude", "openrouter"]
    for (number, provider) in order.enumerated() {
      try bench.set([:], provider: provider)
      try bench.dropToolUse("\(number)", command: "command-\(number)")
      #expect(try await bench.drain().left == 0)
    }
    let requests = bench.server.requests
    let paths = requests.map { $0.path.split(separator: "/").last.map(String.init) ?? "" }
    #expect(paths == ["completions", "gemini-flash-latest:generateContent", "messages", "completions"])
    for (number, request) in requests.enumerated() {
      for before in 0..<number {
        #expect(request.text.components(separatedBy: "command-\(before)").count == 2)
      }
    }
    #expect(requests[3].text.contains("by gemini") && requests[3].text.contains("by claude"))
    let roles = requests[3].messages.map(\.role).joined(separator: " ")
    #expect(roles == "system user assistant user assistant user assistant user")
    let records = try bench.records()
    #expect(records.values.sorted { $0.turn < $1.turn }.map(\.provider) == order)
  }

  @Test func `a change of the model in the file takes effect on the next input of a standing processor`()
    async throws
  {
    let bench = try Workbench { _ in .chat(observation("x")) }
    let engine = try bench.engine()
    let run = Task { try await engine.watch(idleExit: nil) }
    await engine.wake()
    try bench.dropToolUse("1")
    await bench.server.waitForRequests(1)
    try bench.set(["CLAUDE_MEM_OPENROUTER_MODEL": "second/model"])
    try bench.dropToolUse("2")
    await bench.server.waitForRequests(2)
    await engine.stop()
    try await run.value
    #expect(bench.server.requests.map { $0.json["model"]?.string } == ["test/model", "second/model"])
  }

  @Test func `at rest the last conversations are kept, and others are read again`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    let (rests, rested) = AsyncStream<Void>.makeStream()
    let engine = try bench.engine { rested.yield() }
    let response = String(repeating: "y", count: 50_000)
    let sessions = (100..<200).map { "s\($0)" }
    for session in sessions {
      try bench.dropToolUse(session, session: session, command: "command-\(session)", response: response)
    }
    let run = Task { try await engine.watch(idleExit: nil) }
    func waitForRest(done: Int) async throws {
      for await _ in rests where try bench.names(.done).count == done { return }
    }
    try await waitForRest(done: 100)
    let kept = await engine.remembered(of: sessions)
    #expect((1..<100).contains(kept.count))
    #expect(kept.contains("s199") && !kept.contains("s100"))
    // One of which nothing is kept goes on where it was.
    try bench.dropToolUse("t", session: "s100", command: "command-t")
    try await waitForRest(done: 101)
    let last = try #require(bench.server.requests.last?.text)
    #expect(last.contains("command-s100") && last.contains("command-t"))
    await engine.stop()
    try await run.value
  }

  @Test func `a key that works ends the pause of a dead one at once, in a standing processor`() async throws {
    let bench = try Workbench { request in
      request.header("authorization") == "Bearer good-key-123" ? .chat(observation("x")) : .error(401)
    }
    try bench.dropToolUse("1")
    let engine = try bench.engine()
    // It stays while the input waits for the end of the pause, and leaves when that is done.
    let run = Task { try await engine.watch(idleExit: 0) }
    await bench.server.waitForRequests(1)
    try bench.set(["CLAUDE_MEM_OPENROUTER_API_KEY": "good-key-123"])
    try await run.value
    #expect(bench.server.requests.count == 2)
    #expect(try bench.names(.done) == ["1"])
  }

  @Test func `a backlog of one session at 200 ms latency is recorded at 20 a second or more`() async throws {
    // The latency is the server's: what is counted is calls, which alone take time here.
    let bench = try Workbench { .chat(numberedAnswers($0)) }
    for number in 100..<160 { try bench.dropToolUse("\(number)") }
    #expect(try await bench.drain().left == 0)
    let calls = bench.server.requests.count
    let rate = 60 / (Double(calls) * 0.2)
    print("60 inputs of one session: \(calls) calls, \(Int(rate)) a second at 200 ms")
    #expect(rate >= 20)
  }

  @Test func `a message that is longer than the budget is shortened, never dropped`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    try bench.set(["CLAUDE_MEM_OPENROUTER_MAX_TOKENS": "4000"])
    try bench.dropToolUse("1", command: "the-command", response: String(repeating: "y", count: 60_000))
    #expect(try await bench.drain().left == 0)
    let turn = try #require(bench.server.requests.first?.messages.last?.content)
    #expect(turn.contains("the-command"))
    #expect(bench.server.requests[0].body.count < 16_000 + 2000)
    #expect(bench.log.contains { $0.contains("shortened") })
  }
}

extension HTTPRequest {
  /// How many messages of a conversation came before this one's turn.
  var messagesBefore: Int { messages.filter { $0.role == "assistant" }.count }
}

extension Engine {
  /// Those of the sessions whose conversations are in memory.
  fileprivate func remembered(of sessions: [String]) -> Set<String> {
    Set(sessions.filter { conversations[$0] != nil })
  }
}
