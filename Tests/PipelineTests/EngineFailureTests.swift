// What happens when asking fails: four inputs in two sessions under each fault, and when the fault is over.

import Foundation
import JSONText
import Observation
import Spool
import TestSupport
import Testing
import Threads

@testable import Pipeline

/// A way in which a provider can fail.
struct Fault: Sendable, CustomTestStringConvertible {
  var name: String
  /// What the errors file of a tried input must say.
  var failureClass: FailureClass
  var response: HTTPResponse
  /// How often the provider may be called at most while the fault lasts.
  var calls = 4
  /// Whether nothing more is sent to the provider until the pause is over.
  var pauses = false
  var status: Int?

  var testDescription: String { name }

  static let all: [Fault] = [
    Fault(name: "429 bare", failureClass: .rateLimit, response: .error(429), pauses: true, status: 429),
    Fault(
      name: "429 Retry-After", failureClass: .rateLimit,
      response: .error(429, headers: [("Retry-After", "37")]),
      pauses: true, status: 429),
    Fault(
      name: "429 Retry-After as a date", failureClass: .rateLimit,
      response: .error(429, headers: [("Retry-After", "Fri, 31 Dec 2100 23:59:59 GMT")]), pauses: true,
      status: 429),
    Fault(
      name: "429 X-RateLimit-Reset", failureClass: .rateLimit,
      response: .error(429, headers: [("X-RateLimit-Reset", "4102444800000")]), pauses: true, status: 429),
    Fault(name: "500", failureClass: .transient, response: .error(500), status: 500),
    Fault(name: "502", failureClass: .transient, response: .error(502), status: 502),
    Fault(name: "503", failureClass: .transient, response: .error(503), status: 503),
    Fault(name: "504", failureClass: .transient, response: .error(504), status: 504),
    Fault(name: "529", failureClass: .transient, response: .error(529), status: 529),
    Fault(name: "408", failureClass: .transient, response: .error(408), status: 408),
    Fault(name: "401", failureClass: .auth, response: .error(401), pauses: true, status: 401),
    Fault(name: "402", failureClass: .quota, response: .error(402), pauses: true, status: 402),
    Fault(name: "403", failureClass: .auth, response: .error(403), pauses: true, status: 403),
    Fault(name: "404", failureClass: .auth, response: .error(404), pauses: true, status: 404),
    Fault(
      name: "302 elsewhere", failureClass: .auth,
      response: .reply(status: 302, headers: [("Location", "http://127.0.0.1:1/")], body: []), pauses: true,
      status: 302),
    Fault(name: "400", failureClass: .request, response: .error(400), status: 400),
    Fault(name: "413", failureClass: .context, response: .error(413), calls: 20, status: 413),
    Fault(name: "socket closed early", failureClass: .transient, response: .close),
    Fault(name: "socket reset", failureClass: .transient, response: .reset),
    Fault(
      name: "short body", failureClass: .transient,
      response: .raw(Array("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"choices\":".utf8))),
    Fault(
      name: "error under 200", failureClass: .transient,
      response: .json(#"{"error":{"code":502,"message":"upstream is down"}}"#), status: 502),
    Fault(
      name: "HTML", failureClass: .transient,
      response: .reply(
        status: 200, headers: [("Content-Type", "text/html")], body: Array("<html>hi</html>".utf8)),
      status: 200),
    Fault(
      name: "no body", failureClass: .transient, response: .reply(status: 200, headers: [], body: []),
      status: 200),
    Fault(
      name: "prose", failureClass: .answer, response: .chat("I'm ready to continue observing."), calls: 8),
    Fault(
      name: "cut short", failureClass: .answer,
      response: .chat("<observation><type>change</type><title>Half a", finish: "length"), calls: 8),
    Fault(name: "refusal", failureClass: .refused, response: .chat("", finish: "content_filter"), calls: 8),
  ]
}

@Suite struct EngineFailureTests {
  @Test(arguments: Fault.all)
  func `under a fault nothing is done, nothing is lost, and all is recorded in order when it is over`(
    fault: Fault
  ) async throws {
    let isOver = Locked(false)
    let bench = try Workbench { request in
      isOver.withLock { $0 } ? .chat(observation("answer")) : fault.response
    }
    try bench.set(["OBSPOOL_BATCH": "1", "OBSPOOL_CONCURRENCY": "1"])
    for number in 1...4 {
      try bench.dropToolUse(
        "\(number)", session: number % 2 == 1 ? "odd" : "even", command: "command-\(number)")
    }
    let result = try await bench.drain(random: 1)
    let calls = bench.server.requests.count
    #expect(result.left == 4)
    #expect(try bench.names(.done) == [])
    #expect(try bench.names(.pending) == ["1", "2", "3", "4"])
    #expect(calls >= 1 && calls <= fault.calls, "\(calls) calls")
    let note = try #require(try bench.note("1"))
    #expect(note.errorClass == fault.failureClass.rawValue)
    #expect(note.status == fault.status)
    #expect(!note.message.isEmpty)
    let pause = bench.contents("paused/openrouter.json")
    #expect(pause.isEmpty == !fault.pauses)
    print(
      "fault \(fault.name): class \(note.errorClass), \(calls) calls, \(fault.pauses ? "paused" : "not paused")"
    )

    isOver.withLock { $0 = true }
    bench.clock.advance(2 * 86_400)
    try bench.touchAll()
    let after = try await bench.drain()
    #expect(after.left == 0)
    #expect(try bench.names(.done) == ["1", "2", "3", "4"])
    #expect(try bench.records(of: "odd").values.sorted { $0.turn < $1.turn }.map(\.name) == ["1", "3"])
    #expect(try bench.records(of: "even").values.sorted { $0.turn < $1.turn }.map(\.name) == ["2", "4"])
    #expect(bench.contents("paused/openrouter.json").isEmpty)
    #expect(try bench.note("1") == nil)
  }

  /// As above with the defaults: calls at once, and inputs of a session asked together.
  @Test(arguments: Fault.all)
  func `the same holds for batches and for calls at once`(fault: Fault) async throws {
    let isOver = Locked(false)
    let bench = try Workbench { request in
      isOver.withLock { $0 } ? .chat(numberedAnswers(request)) : fault.response
    }
    for number in 1...4 {
      try bench.dropToolUse(
        "\(number)", session: number % 2 == 1 ? "odd" : "even", command: "command-\(number)")
    }
    let result = try await bench.drain(random: 1)
    #expect(result.left == 4)
    #expect(try bench.names(.done) == [])
    #expect(try bench.names(.pending) == ["1", "2", "3", "4"])
    #expect(bench.server.requests.count <= 24)
    isOver.withLock { $0 = true }
    bench.clock.advance(2 * 86_400)
    try bench.touchAll()
    #expect(try await bench.drain().left == 0)
    #expect(try bench.names(.done) == ["1", "2", "3", "4"])
    #expect(
      try bench.records(of: "odd").values.sorted { ($0.turn, $0.name) < ($1.turn, $1.name) }.map(\.name) == [
        "1", "3",
      ])
  }

  @Test(arguments: ["refused port", "no such host"])
  func `without a connection nothing is lost`(kind: String) async throws {
    let bench = try Workbench { _ in .close }
    let base =
      kind == "refused port" ? "http://127.0.0.1:\(try refusedPort())" : "https://no-such-host.invalid"
    try bench.set(["CLAUDE_MEM_OPENROUTER_BASE_URL": base])
    try bench.dropToolUse("1")
    let result = try await bench.drain()
    #expect(result.left == 1)
    let note = try #require(try bench.note("1"))
    #expect(note.errorClass == "transient")
    #expect(note.attempts == 0)
  }

  @Test func `a dead provider costs one probe a pause, and the log says it once`() async throws {
    let bench = try Workbench { _ in .error(503) }
    for number in 1...20 { try bench.dropToolUse("\(number)", session: "s\(number)") }
    try bench.set(["OBSPOOL_CONCURRENCY": "1"])
    try await bench.drain()
    #expect(bench.server.requests.count == 3)
    #expect(bench.log.filter { $0.contains("is paused until") }.count == 1)
    // Within the pause: nothing.
    try await bench.drain()
    #expect(bench.server.requests.count == 3)
    // After it: one.
    bench.clock.advance(6)
    try await bench.drain()
    #expect(bench.server.requests.count == 4)
    // The pause has doubled.
    bench.clock.advance(6)
    try await bench.drain()
    #expect(bench.server.requests.count == 4)
    bench.clock.advance(5)
    try await bench.drain()
    #expect(bench.server.requests.count == 5)
  }

  @Test func `a poisonous input is charged and fails alone; the next of its session goes on`() async throws {
    let bench = try Workbench { request in
      request.text.contains("poison") && !request.text.contains("innocent-2")
        ? .error(400, "cannot") : .chat(observation("fine"))
    }
    try bench.set(["OBSPOOL_BATCH": "1"])
    try bench.dropToolUse("1", command: "poison")
    try bench.dropToolUse("2", command: "innocent-2")
    try bench.dropToolUse("3", session: "s2", command: "innocent-3")
    for _ in 1...5 {
      try await bench.drain()
      try bench.touchAll()
    }
    #expect(try bench.names(.failed) == ["1"])
    #expect(try bench.names(.done) == ["2", "3"])
    #expect(try bench.note("1")?.attempts == 5)
    #expect(try bench.note("1")?.message.contains("cannot") == true)
  }

  @Test func `a failure that only one input has is charged to it once others were answered`() async throws {
    let bench = try Workbench { $0.text.contains("poison") ? .error(500) : .chat(observation("fine")) }
    try bench.set(["OBSPOOL_CONCURRENCY": "1"])
    try bench.dropToolUse("1", session: "bad", command: "poison")
    try await bench.drain()
    #expect(try bench.note("1")?.attempts == 0)
    for number in 2...8 {
      bench.clock.advance(1000)
      try bench.dropToolUse("\(number)", session: "good-\(number)")
      try bench.touchAll()
      try await bench.drain()
      #expect(bench.contents("paused/openrouter.json").isEmpty)
    }
    #expect(try bench.names(.failed) == ["1"])
    #expect(try bench.names(.done).count == 7)
  }

  @Test func `the errors file and the file's time are the retry schedule`() async throws {
    let bench = try Workbench { _ in .error(400) }
    try bench.dropToolUse("1")
    try await bench.drain(random: 1)
    let note = try #require(try bench.note("1"))
    #expect(note.attempts == 1)
    #expect(note.nextAttemptAt == bench.clock.now() + 5)
    let name = try #require(InputName("1"))
    #expect(try bench.spool().stamp(of: name, in: .pending)?.modified == bench.clock.now() + 5)
    // Not due yet: not tried.
    bench.clock.advance(4)
    try await bench.drain()
    #expect(bench.server.requests.count == 1)
    bench.clock.advance(1)
    try await bench.drain(random: 1)
    #expect(bench.server.requests.count == 2)
    #expect(try bench.note("1")?.nextAttemptAt == bench.clock.now() + 10)
  }

  @Test func `without a key nothing is claimed, and a key in the settings ends the pause`() async throws {
    let bench = try Workbench { _ in .chat(observation("x")) }
    try bench.set(["CLAUDE_MEM_OPENROUTER_API_KEY": ""])
    try bench.dropToolUse("1")
    #expect(try await bench.drain().left == 1)
    #expect(bench.contents("paused/openrouter.json").contains("auth"))
    #expect(try bench.note("1") == nil)
    try bench.set([:])
    #expect(try await bench.drain().left == 0)
    #expect(bench.contents("paused/openrouter.json").isEmpty)
  }

  @Test(.timeLimit(.minutes(5)))
  func `a call that waits for many others is not made once one was refused, and is nobody's failure`()
    async throws
  {
    let bench = try Workbench { _ in .hang(then: .error(401)) }
    try bench.set(["OBSPOOL_CONCURRENCY": "32", "OBSPOOL_BATCH": "1"])
    for number in 10..<60 { try bench.dropToolUse("\(number)", session: "s\(number)") }
    async let result = bench.drain()
    await bench.server.waitForRequests(32)
    // Two more are in hand.
    while try bench.names(.inflight).count < 34 { await Task.yield() }
    bench.server.release()
    #expect(try await result.left == 50)
    #expect(bench.server.requests.count == 32)
    #expect(try (10..<60).count { try bench.note("\($0)") != nil } == 32)
    #expect(try bench.names(.pending).count == 50)
  }

  @Test func `removing the pause's file ends the pause`() async throws {
    let fails = Locked(true)
    let bench = try Workbench { _ in fails.withLock { $0 } ? .error(401) : .chat(observation("x")) }
    try bench.dropToolUse("1")
    try await bench.drain()
    fails.withLock { $0 = false }
    try await bench.drain()
    #expect(bench.server.requests.count == 1)
    unlink("\(bench.spoolPath)/paused/openrouter.json")
    #expect(try await bench.drain().left == 0)
  }

  @Test func `a spent budget pauses until the day is over, a larger one ends that at once`() async throws {
    let bench = try Workbench { _ in .chat(observation("x"), cost: 0.6) }
    try bench.set(["OBSPOOL_DAILY_BUDGET_USD": "1", "OBSPOOL_CONCURRENCY": "1", "OBSPOOL_BATCH": "1"])
    for number in 1...4 { try bench.dropToolUse("\(number)") }
    #expect(try await bench.drain().left == 2)
    #expect(bench.contents("paused/openrouter.json").contains("quota"))
    try bench.set(["OBSPOOL_DAILY_BUDGET_USD": "1.5", "OBSPOOL_CONCURRENCY": "1", "OBSPOOL_BATCH": "1"])
    #expect(try await bench.drain().left == 1)
    bench.clock.advance(86_400)
    #expect(try await bench.drain().left == 0)
  }
}
