// Calls that wait for others, where only so many are made at once.

import Foundation
import JSONText
import TestSupport
import Testing
import Threads

@testable import Provider

@Suite(.timeLimit(.minutes(5)))
struct WaitingCallsTests {
  /// A client that makes so many calls at once, and calls that have been handed to it on a loop.
  private func calls(_ count: Int, most: Int, at server: LoopbackServer, on loop: EventLoop) async throws -> (
    http: HTTPClient, tasks: [Task<Result<Reply, ProviderError>, Never>]
  ) {
    let http = HTTPClient { loop.afterwards($0) }
    http.limit(to: most)
    let provider = try provider(at: server.url, http: http)
    let tasks = (0..<count).map { number in
      Task(executorPreference: loop) { () async -> Result<Reply, ProviderError> in
        do throws(ProviderError) {
          return .success(try await provider.ask(request([message(.user, "\(number)")])))
        } catch {
          return .failure(error)
        }
      }
    }
    // Behind their first steps.
    await Task(executorPreference: loop) {}.value
    return (http, tasks)
  }

  @Test func `so many calls are made at once, and more in order as soon as one is answered`() async throws {
    let server = try LoopbackServer { $0.number < 3 ? .hang(then: .chat("first")) : .chat("later") }
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    let (_, tasks) = try await calls(9, most: 3, at: server, on: loop)
    await server.waitForRequests(3)
    #expect(server.requests.count == 3)
    server.release()
    var replies: [Reply] = []
    for task in tasks { replies.append(try await task.value.get()) }
    #expect(replies.map(\.text) == Array(repeating: "first", count: 3) + Array(repeating: "later", count: 6))
    #expect(
      replies.map { $0.waited > 0 } == Array(repeating: false, count: 3) + Array(repeating: true, count: 6))
    #expect(server.connections == 3)
  }

  @Test(arguments: [HTTPResponse.error(401), .close])
  func `where a call fails none is made that waited for it`(response: HTTPResponse) async throws {
    let server = try LoopbackServer { $0.number == 0 ? .hang(then: response) : .chat("yes") }
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    let (http, tasks) = try await calls(4, most: 1, at: server, on: loop)
    await server.waitForRequests(1)
    server.release()
    let first = await tasks[0].value
    #expect(throws: ProviderError.self) { try first.get() }
    #expect(first != .failure(.withdrawn))
    for task in tasks.dropFirst() { #expect(await task.value == .failure(.withdrawn)) }
    #expect(server.requests.count == 1)
    #expect(try await provider(at: server.url, http: http).ask(request()).text == "yes")
  }

  @Test func `a call that waits can be cancelled, and those behind it go on`() async throws {
    let server = try LoopbackServer { _ in .hang(then: .chat("yes")) }
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    let (_, tasks) = try await calls(4, most: 1, at: server, on: loop)
    await server.waitForRequests(1)
    tasks[2].cancel()
    #expect(await tasks[2].value == .failure(.cancelled))
    server.release()
    for number in [0, 1, 3] { #expect(try await tasks[number].value.get().text == "yes") }
    #expect(server.requests.count == 3)
  }
}
