// Several inputs in one call, and what happens when the answer does not fit them.

import Foundation
import JSONText
import Observation
import Spool
import TestSupport
import Testing
import Threads

@testable import Pipeline

/// Numbered answers to the inputs that a request frames.
func numberedAnswers(_ request: HTTPRequest, leavingOut: Set<Int> = []) -> String {
  let turn = request.messages.last { $0.role == "user" }?.content ?? ""
  let count = turn.components(separatedBy: "<observed n=").count - 1
  return (1...max(count, 1)).filter { !leavingOut.contains($0) }
    .map {
      "<observation input=\"\($0)\"><type>change</type><title>answer \($0)</title><narrative>n</narrative></observation>"
    }
    .joined(separator: "\n")
}

@Suite struct EngineBatchTests {
  @Test func `what queued up for one session is asked in one call, each input with its own record`()
    async throws
  {
    let bench = try Workbench { .chat(numberedAnswers($0)) }
    for number in 1...8 { try bench.dropToolUse("\(number)", command: "command-\(number)") }
    #expect(try await bench.drain().left == 0)
    #expect(bench.server.requests.count == 2)
    let records = try bench.records()
    #expect(records["1"]?.turn == 1)
    #expect(records["6"]?.turn == 1)
    #expect(records["7"]?.turn == 2)
    #expect(records["3"]?.findings.map(\.title) == ["answer 3"])
    #expect(records["3"]?.batch == ["1", "2", "3", "4", "5", "6"])
    #expect(records["3"]?.exchange == .within("6"))
    #expect(records["3"]?.usage == nil)
    #expect(records["6"]?.usage != nil)
    guard case .said(let user, _) = records["6"]?.exchange else {
      throw Problem("the last record has the exchange")
    }
    #expect(user.text.contains("command-1") && user.text.contains("command-6"))
    // The next call carries it once.
    #expect(bench.server.requests[1].text.components(separatedBy: "command-4").count == 2)
  }

  @Test func `a prompt ends a batch and leads the next one; a stop is asked by itself`() async throws {
    let bench = try Workbench { request in
      request.messages.last?.content.contains("the end") == true
        ? .chat("<summary><request>r</request></summary>") : .chat(numberedAnswers(request))
    }
    try bench.dropToolUse("1")
    try bench.dropToolUse("2")
    try bench.drop(
      "3", #"{"session_id":"s1","hook_event_name":"UserPromptSubmit","prompt":"now the teapot"}"#)
    try bench.dropToolUse("4")
    try bench.drop(
      "5", #"{"session_id":"s1","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{}}"#)
    try bench.dropToolUse("6")
    try bench.drop("7", #"{"session_id":"s1","hook_event_name":"Stop","last_assistant_message":"the end"}"#)
    #expect(try await bench.drain().left == 0)
    let requests = bench.server.requests
    #expect(requests.count == 3)
    #expect(!requests[0].text.contains("now the teapot"))
    #expect(requests[1].messages.last?.content.contains("now the teapot") == true)
    let records = try bench.records()
    #expect(records["4"]?.batch == ["4", "6"])
    #expect(records["5"]?.outcome == .noted)
    #expect(records["7"]?.outcome == .summarized)
  }

  @Test func `an input that got no answer is asked by itself`() async throws {
    let bench = try Workbench { .chat(numberedAnswers($0, leavingOut: $0.number == 0 ? [2] : [])) }
    for number in 1...3 { try bench.dropToolUse("\(number)", command: "command-\(number)") }
    #expect(try await bench.drain().left == 0)
    #expect(bench.server.requests.count == 2)
    let records = try bench.records()
    #expect(records["1"]?.batch == ["1", "3"])
    #expect(records["2"]?.batch == nil)
    #expect(records["2"]?.turn == 2)
    #expect(records["2"]?.outcome == .observed)
  }

  @Test func `a poisonous input in a batch fails alone`() async throws {
    let bench = try Workbench { request in
      request.messages.last?.content.contains("poison") == true
        ? .error(400) : .chat(numberedAnswers(request))
    }
    for number in 1...4 {
      try bench.dropToolUse("\(number)", command: number == 2 ? "poison" : "fine-\(number)")
    }
    for _ in 1...6 {
      try await bench.drain(random: 0)
      try bench.touchAll()
    }
    #expect(try bench.names(.done) == ["1", "3", "4"])
    #expect(try bench.names(.failed) == ["2"])
    #expect(try bench.note("2")?.attempts == 5)
  }

  @Test func `a model that never numbers its answers is asked singly after the second time`() async throws {
    let bench = try Workbench { request in
      let turn = request.messages.last?.content ?? ""
      let count = turn.components(separatedBy: "<observed n=").count - 1
      return .chat((0..<max(count, 1)).map { observation("plain \($0)") }.joined())
    }
    try bench.set(["OBSPOOL_BATCH": "2"])
    for number in 1...7 { try bench.dropToolUse("\(number)") }
    #expect(try await bench.drain().left == 0)
    // Two batches in order (as many blocks as inputs), then one by one.
    #expect(bench.server.requests.count == 2 + 3)
    #expect(bench.log.contains { $0.contains("one input a call from now on") })
  }

  @Test func `an answer that is prose is asked for once more, and none of it enters the history`()
    async throws
  {
    let bench = try Workbench { request in
      switch request.number {
      case 0: .chat("I am ready to continue observing.")
      default: .chat(observation("answer \(request.number)"))
      }
    }
    try bench.dropToolUse("1")
    #expect(try await bench.drain().left == 0)
    let requests = bench.server.requests
    #expect(requests.count == 2)
    #expect(requests[1].messages.map(\.role) == ["system", "user", "assistant", "user"])
    #expect(requests[1].messages[2].content == "I am ready to continue observing.")
    try bench.dropToolUse("2")
    try await bench.drain()
    #expect(!bench.server.requests[2].text.contains("ready to continue"))
    #expect(bench.server.requests[2].messages.count == 4)
  }

  @Test func `an answer that was cut short is asked for with more room`() async throws {
    let bench = try Workbench { request in
      request.json["max_tokens"]?.int == 4096
        ? .chat(observation("whole") + "<observation><title>half", finish: "length")
        : .chat(observation("one") + observation("two"))
    }
    try bench.dropToolUse("1")
    try await bench.drain()
    #expect(bench.server.requests.map { $0.json["max_tokens"]?.int } == [4096, 16_384])
    #expect(try bench.records()["1"]?.findings.map(\.title) == ["one", "two"])
  }

  @Test func `an empty answer twice with a normal end is skipped, and logged`() async throws {
    let bench = try Workbench { _ in .chat("") }
    try bench.dropToolUse("1")
    #expect(try await bench.drain().left == 0)
    #expect(bench.server.requests.count == 2)
    #expect(try bench.records()["1"]?.outcome == .skipped)
    #expect(bench.log.contains { $0.contains("answered with nothing, twice") })
  }

  @Test func `a conversation that is too long for the server is halved, then the turn is shortened`()
    async throws
  {
    let bench = try Workbench { request in
      request.body.count > 30_000
        ? .error(400, "This endpoint's maximum context length is 8192 tokens") : .chat(observation("x"))
    }
    try bench.set(["OBSPOOL_BATCH": "1"])
    let text = String(repeating: "word ", count: 1000)
    for number in 1...6 { try bench.dropToolUse("\(number)", response: text) }
    try bench.dropToolUse("7", response: String(repeating: "long ", count: 10_000))
    #expect(try await bench.drain().left == 0)
    #expect(bench.log.contains { $0.contains("finds the conversation too long; dropped") })
    #expect(bench.log.contains { $0.contains("shortened in the middle") })
    #expect(try bench.names(.done).count == 7)
  }
}

struct Problem: Error {
  let message: String

  init(_ message: String) { self.message = message }
}
