// The main path: a file dropped becomes a record, over a real connection.

import Foundation
import JSONText
import Observation
import Spool
import TestSupport
import Testing
import Threads

@testable import Pipeline

@Suite struct EngineTests {
  @Test func `a tool use becomes a record, and the input goes to done byte for byte`() async throws {
    let bench = try Workbench { _ in
      .chat(observation("Lists files"), model: "served/model", cost: 0.002, id: "gen-7")
    }
    let json =
      #"{"session_id":"s1","cwd":"/a/proj","tool_name":"Bash","tool_input":{"command":"ls"},"extra":[1, 2]}  "#
    try bench.drop("0001", json)
    let result = try await bench.drain()
    #expect(result.left == 0)
    #expect(try bench.names(.done) == ["0001"])
    #expect(bench.contents("done/0001.json") == json)
    let record = try #require(try bench.records()["0001"])
    #expect(record.outcome == .observed)
    #expect(record.project == "proj")
    #expect(record.turn == 1)
    #expect(record.findings.map(\.title) == ["Lists files"])
    #expect(record.provider == "openrouter")
    #expect(record.model == "test/model")
    #expect(record.servedModel == "served/model")
    #expect(record.requestID == "gen-7")
    #expect(
      record.usage
        == Record.Usage(inputTokens: 10, outputTokens: 5, cachedTokens: 0, costUSD: 0.002, estimated: false))
    #expect(bench.contents("observations/s1/0001.xml").contains("Lists files"))
  }

  @Test func `the request is the seed's, with no field more`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    try bench.dropToolUse("1")
    try await bench.drain()
    let request = try #require(bench.server.requests.first)
    #expect(request.method == "POST")
    #expect(request.path == "/api/v1/chat/completions")
    #expect(request.header("authorization") == "Bearer \(Workbench.key)")
    #expect(request.header("http-referer") == "https://github.com/thedotmack/claude-mem")
    #expect(request.header("x-title") == "claude-mem")
    #expect(request.header("content-type") == "application/json")
    let members = try #require(request.json.object)
    #expect(members.map(\.key).sorted() == ["max_tokens", "messages", "model", "temperature"])
    #expect(request.json["max_tokens"]?.int == 4096)
    #expect(request.json["temperature"]?.double == 0.3)
    #expect(request.messages.map(\.role) == ["system", "user"])
    #expect(request.messages[0].content == Prompt.system)
  }

  @Test func `the second tool use carries the first and its answer once, another session's does not`()
    async throws
  {
    let bench = try Workbench { .chat(observation("answer \($0.number)")) }
    try bench.set(["OBSPOOL_BATCH": "1", "OBSPOOL_CONCURRENCY": "1"])
    try bench.dropToolUse("1", session: "s1", command: "first-command")
    try bench.dropToolUse("2", session: "s1", command: "second-command")
    try bench.dropToolUse("3", session: "s2", command: "third-command")
    try await bench.drain()
    let requests = bench.server.requests
    let second = try #require(requests.first { $0.text.contains("second-command") })
    #expect(second.messages.map(\.role) == ["system", "user", "assistant", "user"])
    #expect(second.text.components(separatedBy: "first-command").count == 2)
    #expect(second.text.components(separatedBy: "answer 0").count == 2)
    let other = try #require(requests.first { $0.text.contains("third-command") })
    #expect(!other.text.contains("first-command"))
    #expect(other.messages.count == 2)
  }

  @Test func `a restart sends the same conversation, from the records alone`() async throws {
    let bench = try Workbench { .chat(observation("answer \($0.number)")) }
    try bench.dropToolUse("1", command: "first-command")
    try await bench.drain()
    try bench.dropToolUse("2", command: "second-command")
    try await bench.drain()
    let requests = bench.server.requests
    #expect(requests.count == 2)
    #expect(requests[1].messages.prefix(2).map(\.content) == requests[0].messages.map(\.content))
    #expect(requests[1].messages[2].content == observation("answer 0"))
    #expect(try bench.records()["2"]?.turn == 2)
  }

  @Test func `a prompt is noted without a call and leads the next one, also after a restart`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    try bench.drop(
      "1", #"{"hook_event_name":"UserPromptSubmit","session_id":"s1","prompt":"please fix the teapot"}"#)
    try await bench.drain()
    #expect(bench.server.requests.isEmpty)
    #expect(try bench.records()["1"]?.outcome == .noted)
    try bench.dropToolUse("2")
    try await bench.drain()
    try bench.dropToolUse("3")
    try await bench.drain()
    let requests = bench.server.requests
    #expect(requests[0].messages[1].content.contains("please fix the teapot"))
    #expect(requests[1].messages.last?.content.contains("please fix the teapot") == false)
    #expect(requests[1].text.components(separatedBy: "please fix the teapot").count == 2)
  }

  @Test func `a stop asks for a summary; notes and skipped tools cost no call`() async throws {
    let bench = try Workbench { _ in
      .chat("<summary><request>r</request><learned>l</learned><next_steps>n</next_steps></summary>")
    }
    try bench.drop("1", #"{"hook_event_name":"SessionStart","session_id":"s1"}"#)
    try bench.drop("2", #"{"session_id":"s1","tool_name":"TodoWrite","tool_input":{}}"#)
    try bench.drop("3", #"{"hook_event_name":"Stop","session_id":"s1","last_assistant_message":"all done"}"#)
    try await bench.drain()
    #expect(bench.server.requests.count == 1)
    let records = try bench.records()
    #expect(records["1"]?.outcome == .noted)
    #expect(records["2"]?.outcome == .skipped)
    #expect(records["3"]?.outcome == .summarized)
    #expect(records["3"]?.summary?.nextSteps == "n")
  }

  @Test func `what is no input goes to failed with the reason, and stops nobody`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    try bench.drop("1-text", "hello")
    try bench.drop("2-list", "[1]")
    try bench.dropToolUse("3-good")
    try await bench.drain()
    #expect(try bench.names(.failed) == ["1-text", "2-list"])
    #expect(try bench.names(.done) == ["3-good"])
    #expect(try bench.note("1-text")?.errorClass == "input")
    #expect(bench.contents("failed/1-text.json") == "hello")
  }

  @Test func `the same file delivered again is moved to done and the model is not asked`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    try bench.dropToolUse("1")
    try await bench.drain()
    try bench.dropToolUse("1")
    try await bench.drain()
    #expect(bench.server.requests.count == 1)
    #expect(try bench.names(.done) == ["1"])
    #expect(try bench.records().count == 1)
    try bench.dropToolUse("1", command: "another")
    try await bench.drain()
    #expect(try bench.names(.done) == ["1", "1~2"])
    #expect(try bench.records().keys.sorted() == ["1", "1~2"])
  }

  @Test func `each call is logged in the seed's form and appended to the usage file`() async throws {
    let bench = try Workbench { _ in .chat(observation("x"), inputTokens: 60_000, outputTokens: 40, cost: 0.5)
    }
    try bench.dropToolUse("1")
    try await bench.drain()
    #expect(
      bench.log.contains {
        $0.hasPrefix(
          "OpenRouter API usage: { model: \"test/model\", inputTokens: 60000, outputTokens: 40, totalTokens: 60040"
        )
          && $0.contains("estimatedCostUSD: \"0.50\"") && $0.contains("messagesInContext: 1")
      })
    #expect(bench.log.contains { $0.contains("high token usage") })
    let day = UsageLine.day(of: bench.clock.now())
    let line = try #require(UsageLine(json: Array(bench.contents("usage/\(day).jsonl").utf8.dropLast())))
    #expect(line.inputTokens == 60_000)
    #expect(line.costUSD == 0.5)
    #expect(line.session == "s1")
  }

  @Test func `how long a call took leaves out its wait for others`() async throws {
    let bench = try Workbench {
      $0.number < 16 ? .hang(then: .chat(observation("x"))) : .chat(observation("y"))
    }
    try bench.set(["OBSPOOL_CONCURRENCY": "16"])
    for number in 0..<17 { try bench.dropToolUse("\(number)", session: "s\(number)") }
    let drain = Task { try await bench.drain() }
    await bench.server.waitForRequests(16)
    bench.clock.advance(10)
    bench.server.release()
    #expect(try await drain.value.left == 0)
    let day = UsageLine.day(of: bench.clock.now())
    let lines = bench.contents("usage/\(day).jsonl").split(separator: "\n")
    let durations = lines.compactMap { UsageLine(json: Array($0.utf8))?.durationMilliseconds }.sorted()
    // The seventeenth was made ready with the others, and by the clock it took as long as they did.
    #expect(durations.count == 17 && durations[0] < 10_000)
    #expect(durations.dropFirst().allSatisfy { $0 == 10_000 })
  }

  @Test func `without a model each record says offline and nothing is sent`() async throws {
    let bench = try Workbench { _ in .close }
    try bench.set([:], provider: "offline")
    try bench.drop(
      "1",
      #"{"session_id":"s1","tool_name":"Edit","tool_input":{"file_path":"/a/b.swift","old_string":"x","new_string":"y"}}"#
    )
    try await bench.drain()
    let record = try #require(try bench.records()["1"])
    #expect(record.provider == "offline")
    #expect(record.findings.first?.filesModified == ["/a/b.swift"])
    #expect(bench.server.connections == 0)
  }

  @Test func `the key appears nowhere but in the request`() async throws {
    let bench = try Workbench { request in
      request.number == 0 ? .error(401, "bad key \(Workbench.key)") : .chat("prose with \(Workbench.key)")
    }
    try bench.dropToolUse("1", response: "the settings hold \(Workbench.key)")
    try await bench.drain()
    try bench.set(["CLAUDE_MEM_OPENROUTER_MODEL": "other/model"])
    try bench.touchAll()
    try await bench.drain()
    #expect(bench.server.requests.count >= 2)
    #expect(!bench.server.requests.contains { $0.text.contains(Workbench.key) })
    #expect(try bench.note("1")?.answer == "prose with [key]")
    #expect(!bench.log.joined().contains(Workbench.key))
    let files = try #require(FileManager.default.enumerator(atPath: bench.spoolPath))
    for case let file as String in files where !file.hasPrefix("pending") {
      #expect(!bench.contents(file).contains(Workbench.key), "\(file)")
    }
  }

  @Test func `large inputs are looked at a few at a time`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    let response = String(repeating: "a", count: 600_000)
    for number in 1...5 { try bench.dropToolUse("\(number)", response: response) }
    let (steps, inputs) = try await bench.engine().lookAtAll()
    #expect(steps == 3 && inputs == 5)
  }

  @Test func `watch takes what comes and leaves when nothing waits`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    let engine = try bench.engine()
    let run = Task { try await engine.watch(idleExit: nil) }
    await engine.wake()
    try bench.dropToolUse("1")
    await bench.server.waitForRequests(1)
    try bench.dropToolUse("2")
    await bench.server.waitForRequests(2)
    await engine.stop()
    try await run.value
    #expect(try bench.names(.inflight) == [])
    #expect(try bench.names(.pending).count + bench.names(.done).count == 2)
  }

  @Test func `stopping gives back what is in flight, as it was`() async throws {
    let bench = try Workbench { _ in .hang(then: .chat(observation("late"))) }
    try bench.dropToolUse("1")
    let before = bench.contents("pending/1.json")
    let engine = try bench.engine()
    let run = Task { try await engine.drain() }
    await bench.server.waitForRequests(1)
    #expect(try bench.names(.inflight) == ["1"])
    await engine.stop()
    let result = try await run.value
    #expect(result.left == 1)
    #expect(try bench.names(.pending) == ["1"])
    #expect(bench.contents("pending/1.json") == before)
    #expect(try bench.note("1") == nil)
    await bench.server.waitForHangUps(1)
  }
}

extension Engine {
  /// Looks at all that waits: in how many steps, and how many inputs that were.
  fileprivate func lookAtAll() throws(SpoolError) -> (steps: Int, inputs: Int) {
    try list()
    var steps = 0
    while backlog.hasUnseen {
      scan()
      steps += 1
    }
    return (steps, backlog.count)
  }
}
