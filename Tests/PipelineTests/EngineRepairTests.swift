// Stories that once went wrong: each is told with what it looked like from outside.

import Foundation
import JSONText
import Observation
import Spool
import TestSupport
import Testing
import Threads

@testable import Pipeline

@Suite struct EngineRepairTests {
  /// A comma too much, and the input went to the provider that a key in the environment chose.
  @Test func `settings that do not parse send nothing anywhere`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    try bench.dropToolUse("1")
    try Data(#"{"CLAUDE_MEM_PROVIDER":"offline", }"#.utf8).write(to: URL(filePath: bench.settingsPath))
    #expect(try await bench.drain().left == 1)
    #expect(bench.server.requests.isEmpty)
    #expect(try bench.names(.pending) == ["1"])
    #expect(bench.contents("paused/claude.json").contains("nothing is asked until it can be read"))
    try bench.set([:])
    #expect(try await bench.drain().left == 0)
  }

  /// A standing processor said nothing about its settings until the first input came.
  @Test func `settings that do not parse are complained about also while nothing waits`() async throws {
    let bench = try Workbench { _ in .chat("") }
    try Data("{".utf8).write(to: URL(filePath: bench.settingsPath))
    #expect(try await bench.drain().left == 0)
    #expect(bench.log.contains { $0.contains("nothing is asked until it can be read") })
  }

  /// Its record stood without the one before it.
  @Test func `what was answered behind an input that changed is asked again behind it`() async throws {
    let spool = Locked("")
    let bench = try Workbench { request in
      // While it is being asked about the first time, somebody touches the file of the first input.
      if request.number == 0 {
        let times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, "\(spool.withLock { $0 })/inflight/1.json", times, 0) == 0)
      }
      return .chat(observation("answer \(request.number)"))
    }
    spool.withLock { [path = bench.spoolPath] in $0 = path }
    try bench.set(["OBSPOOL_BATCH": "1"])
    try bench.dropToolUse("1", command: "first")
    try bench.dropToolUse("2", command: "second")
    #expect(try await bench.drain().left == 0)
    let asked = bench.server.requests.map { $0.messages.map(\.content) }
    #expect(asked.first?.count == 2)
    // The second of them was on its way when the commit of the first was refused; what came of it is not on record.
    #expect(asked.suffix(2).map(\.count) == [2, 4])
    #expect(asked.last?[1].contains("first") == true && asked.last?[3].contains("second") == true)
    #expect(try bench.records().mapValues(\.turn) == ["1": 1, "2": 2])
    #expect(
      bench.log.contains { $0.hasPrefix("1: the file changed while it was being asked about") },
      "\(bench.log)")
  }

  /// The usage file named the session as the queue did, which still had the key in it.
  @Test func `a key that is set after a session was looked at is taken out of that session's identifier`()
    async throws
  {
    let bench = try Workbench { request in
      request.header("authorization") == "Bearer good-key-123" ? .chat(observation("x")) : .error(401)
    }
    try bench.dropToolUse("1", session: "s-good-key-123")
    let engine = try bench.engine()
    let run = Task { try await engine.watch(idleExit: 0) }
    await bench.server.waitForRequests(1)
    try bench.set(["CLAUDE_MEM_OPENROUTER_API_KEY": "good-key-123"])
    try await run.value
    #expect(try bench.records(of: "s-[key]").keys.sorted() == ["1"])
    let usage = bench.contents("usage/\(UsageLine.day(of: bench.clock.now())).jsonl")
    #expect(usage.contains("s-[key]") && !usage.contains("good-key-123"))
    #expect(!bench.log.contains { $0.contains("good-key-123") })
  }

  /// What a look has kept of an input still has a key in it that was set since: what is sent is searched for keys
  /// again, and what a record takes from the input alone is not.
  @Test func `a key that is set after an input was looked at is taken out of that input`() async throws {
    let bench = try Workbench { request in
      request.header("authorization") == "Bearer good-key-123" ? .chat(observation("x")) : .error(401)
    }
    try bench.set(["OBSPOOL_CONCURRENCY": "1"])
    try bench.dropToolUse("1", session: "a", response: "first")
    try bench.drop(
      "2",
      """
      {"session_id":"b","project":"of good-key-123","tool_name":"Write","tool_input":{"file_path":"/good-key-123"},\
      "tool_response":"this is good-key-123"}
      """)
    bench.clock.advance(60)
    let engine = try bench.engine()
    let run = Task { try await engine.watch(idleExit: 0) }
    await bench.server.waitForRequests(1)
    try bench.set(["OBSPOOL_CONCURRENCY": "1", "CLAUDE_MEM_OPENROUTER_API_KEY": "good-key-123"])
    try await run.value
    #expect(try bench.records(of: "b").keys.sorted() == ["2"])
    #expect(bench.server.requests.contains { $0.text.contains("this is [key]") })
    #expect(!bench.server.requests.contains { $0.text.contains("this is good-key-123") })
    let record = bench.contents("observations/b/2.json")
    #expect(record.contains("of [key]") && record.contains("/[key]") && !record.contains("good-key-123"))
  }

  /// A server that failed every second call brought inputs to failed which it would have answered.
  @Test func `a flaky provider fails nobody`() async throws {
    let bench = try Workbench { $0.number % 2 == 0 ? .error(503) : .chat(observation("x")) }
    try bench.set(["OBSPOOL_CONCURRENCY": "1"])
    for number in 100..<130 { try bench.dropToolUse("\(number)", session: "s\(number)") }
    for _ in 0..<40 {
      bench.clock.advance(1000)
      try await bench.drain()
      try bench.touchAll()
    }
    #expect(try bench.names(.failed) == [])
    #expect(try bench.names(.done).count == 30)
  }

  /// Each start sent the whole conversation again to a server that had refused it before.
  @Test func `what a server found too long is not sent again after a restart`() async throws {
    let bench = try Workbench { request in
      request.body.count > 40_000 ? .error(413) : .chat(observation("answer \(request.number)"))
    }
    try bench.set(["OBSPOOL_BATCH": "1", "CLAUDE_MEM_OPENROUTER_MAX_CONTEXT_MESSAGES": "100"])
    var refused = 0
    for number in 10..<30 {
      let before = bench.server.requests.count
      try bench.dropToolUse("\(number)", response: String(repeating: "word ", count: 800))
      try await bench.drain()
      refused += bench.server.requests.count - before - 1
    }
    print("20 starts beside a server with a short context: \(refused) calls refused")
    let log = bench.log.joined(separator: "\n")
    #expect(refused >= 1 && refused <= 6, "\(log)")
    #expect(try bench.names(.done).count == 20, "\(log)")
  }

  /// One long answer that was no answer made the window small for good.
  @Test func `an answer that is asked for once more leaves the window as it is`() async throws {
    let bench = try Workbench { request in
      request.number == 0
        ? .chat(
          String(repeating: "I am thinking about it. ", count: 2000), inputTokens: request.body.count / 4)
        : .chat(observation("x"), inputTokens: request.body.count / 4)
    }
    try bench.set([
      "OBSPOOL_BATCH": "1", "CLAUDE_MEM_OPENROUTER_MAX_TOKENS": "20000",
      "CLAUDE_MEM_OPENROUTER_MAX_CONTEXT_MESSAGES": "100",
    ])
    for number in 10..<24 {
      try bench.dropToolUse("\(number)", response: String(repeating: "word ", count: 500))
    }
    try await bench.drain()
    let most = bench.server.requests.map(\.messages.count).max() ?? 0
    #expect(most >= 25)
  }

  /// The alarm of a pause that had passed went off again and again while its probe was out.
  @Test func `while a probe is out the engine sleeps`() async throws {
    let bench = try Workbench { $0.number < 3 ? .error(503) : .hang(then: .chat(observation("x"))) }
    try bench.set(["OBSPOOL_CONCURRENCY": "1"])
    for number in 1...4 { try bench.dropToolUse("\(number)", session: "s\(number)") }
    try await bench.drain(random: 0)
    bench.clock.advance(10)
    let engine = try bench.engine()
    let run = Task { try await engine.watch(idleExit: nil) }
    await bench.server.waitForRequests(4)
    let before = await engine.wakeUps
    // Twenty turns of the loop, in each of which an alarm of the past would go off.
    for _ in 0..<20 { await engine.wake() }
    for _ in 0..<2000 { await Task.yield() }
    #expect(await engine.wakeUps - before <= 25)
    bench.server.release()
    await engine.stop()
    try await run.value
  }

  @Test func `what is due in a minute is not due in an hour when the clock is set back`() async throws {
    let bench = try Workbench { $0.number == 0 ? .error(503) : .chat(observation("x")) }
    try bench.set(["OBSPOOL_RETRY_BASE_SECONDS": "60"])
    try bench.dropToolUse("1")
    let engine = try bench.engine(random: 1)
    // It leaves when nothing waits any more.
    let run = Task { try await engine.watch(idleExit: 0) }
    await bench.server.waitForRequests(1)
    while try bench.note("1") == nil { await engine.wake() }
    while try bench.names(.pending) != ["1"] { await engine.wake() }
    bench.clock.advance(-3600)
    await engine.wake()
    try await run.value
    #expect(bench.server.requests.count == 2)
    #expect(try bench.names(.done) == ["1"])
  }

  /// The only file was removed by hand while its provider was paused, and the processor stood on.
  @Test func `an input that is removed by hand under a pause is forgotten`() async throws {
    let bench = try Workbench { _ in .error(401) }
    try bench.dropToolUse("1")
    try await bench.drain()
    let engine = try bench.engine()
    let run = Task { try await engine.watch(idleExit: 0) }
    await engine.wake()
    unlink("\(bench.spoolPath)/pending/1.json")
    try await run.value
    #expect(try bench.names(.pending) == [])
  }

  @Test func `an answer that is prose first and cut short then is still asked for with more room`()
    async throws
  {
    let bench = try Workbench { request in
      switch request.number {
      case 0: .chat("prose")
      case 1: .chat("<observation><title>half", finish: "length")
      default: .chat(observation("whole"))
      }
    }
    try bench.dropToolUse("1")
    #expect(try await bench.drain().left == 0)
    #expect(bench.server.requests.map { $0.json["max_tokens"]?.int } == [4096, 4096, 16_384])
  }

  @Test func `an empty list of tools to skip skips none`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    try bench.set(["CLAUDE_MEM_SKIP_TOOLS": ""])
    try bench.drop("1", #"{"session_id":"s1","tool_name":"TodoWrite","tool_input":{}}"#)
    try await bench.drain()
    #expect(try bench.records()["1"]?.outcome == .observed)
  }

  @Test func `a pause's next attempt is that of the provider that is asked`() async throws {
    let bench = try Workbench { _ in .error(401) }
    _ = try bench.spool()
    let stale = Pause(
      provider: "gemini", failureClass: .auth, status: 401, message: "old", since: bench.clock.now() - 9000,
      until: bench.clock.now() - 8000, failures: 1, fingerprint: "x")
    try Data(stale.json).write(to: URL(filePath: "\(bench.spoolPath)/paused/gemini.json"))
    try bench.dropToolUse("1")
    try await bench.drain()
    #expect(try bench.note("1")?.nextAttemptAt == bench.clock.now() + 900)
  }

  /// Moved back by hand, an input was asked about again and recorded a second time beside its record.
  @Test func `an input that is moved back from done is recognized by its record`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    try bench.dropToolUse("1")
    try await bench.drain()
    #expect(rename("\(bench.spoolPath)/done/1.json", "\(bench.spoolPath)/pending/1.json") == 0)
    #expect(try await bench.drain().left == 0)
    #expect(bench.server.requests.count == 1)
    #expect(try bench.names(.done) == ["1"])
    #expect(try bench.records().count == 1)
  }
}
