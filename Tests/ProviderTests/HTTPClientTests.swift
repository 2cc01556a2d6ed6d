// The client against servers that behave, and that do not.

import Foundation
import JSONText
import TestSupport
import Testing
import Threads

@testable import Provider

@Suite(.timeLimit(.minutes(5)))
struct HTTPClientTests {
  @Test func `one connection serves one call after another`() async throws {
    let server = try LoopbackServer { _ in .chat("yes") }
    let provider = try provider(at: server.url)
    for _ in 0..<20 { #expect(try await provider.ask(request()).text == "yes") }
    #expect(server.requests.count == 20)
    #expect(server.connections == 1)
  }

  @Test func `a handle that is used again sends what its own call says`() async throws {
    let server = try LoopbackServer { _ in .chat("yes") }
    let http = HTTPClient()
    let first = try provider(at: server.url, key: "first-key", http: http)
    let second = try provider("claude", at: server.url, key: "second-key", http: http)
    for provider in [first, second, second, first] {
      _ = await failure(of: provider)
      _ = await provider.check()
    }
    let seen = server.requests.map { request in
      [request.header("Authorization"), request.header("x-api-key"), request.header("Content-Type")]
    }
    let json = "application/json"
    let firsts = [["Bearer first-key", nil, json], ["Bearer first-key", nil, nil]]
    let seconds = [[nil, "second-key", json], [nil, "second-key", nil]]
    #expect(seen == firsts + seconds + seconds + firsts)
    #expect(server.connections == 1)
  }

  @Test func `256 calls are under way at once, and their connections serve the next`() async throws {
    let server = try LoopbackServer { $0.number < 256 ? .hang(then: .chat("\($0.number)")) : .chat("again") }
    let provider = try provider(at: server.url)
    let texts = try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<256 { group.addTask { try await provider.ask(request()).text } }
      await server.waitForRequests(256)
      server.release()
      return try await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(texts == Set((0..<256).map(String.init)))
    #expect(server.mostAtOnce == 256)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<100 { group.addTask { _ = try await provider.ask(request()) } }
      try await group.waitForAll()
    }
    #expect(server.connections == 256)
  }

  @Test func `calls that are made in one round of a loop are handed over at its end, all at once`()
    async throws
  {
    let server = try LoopbackServer { _ in .chat("yes") }
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    let wakes = Locked(0)
    let http = HTTPClient { wake in
      wakes.withLock { $0 += 1 }
      loop.afterwards(wake)
    }
    let provider = try provider(at: server.url, http: http)
    for round in 1...3 {
      let texts = try await Task(executorPreference: loop) {
        try await withThrowingTaskGroup(of: String.self) { group in
          for _ in 0..<10 { group.addTask { try await provider.ask(request()).text } }
          return try await group.reduce(into: []) { $0.append($1) }
        }
      }.value
      #expect(texts == Array(repeating: "yes", count: 10))
      #expect(wakes.withLock { $0 } == round)
    }
    #expect(server.requests.count == 30)
  }

  @Test func `a connection that the server has closed is made again`() async throws {
    let body = #"{"choices":[{"message":{"content":"yes"}}]}"#
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    // It closes after each answer without saying so.
    let server = try LoopbackServer { _ in .raw(Array(answer.utf8)) }
    let provider = try provider(at: server.url)
    for _ in 0..<50 { #expect(try await provider.ask(request()).text == "yes") }
    #expect(server.connections >= 50)
  }

  @Test(arguments: [5, 300_000])
  func `a call whose connection closes under it is sent again, however often that was so before`(length: Int)
    async throws
  {
    // The first request of each connection is answered, the second finds it closed and is sent again on another.
    let server = try LoopbackServer { $0.number.isMultiple(of: 2) ? .chat("yes") : .close }
    let provider = try provider(at: server.url)
    let text = String(repeating: "again ", count: length / 5)
    for _ in 0..<20 { #expect(try await provider.ask(request([message(.user, text)])).text == "yes") }
    #expect(server.requests.count == 39)
    #expect(server.connections == 20)
    #expect(server.requests.allSatisfy { $0.json["messages"]?.array?.last?["content"]?.string == text })
  }

  @Test func `bodies of all lengths arrive as they were written`() async throws {
    let server = try LoopbackServer { _ in .chat("yes") }
    let provider = try provider(at: server.url)
    func send(_ length: Int) async throws -> Int {
      let texts = ["a\n" + String(repeating: "b", count: 300), "é", String(repeating: "c", count: length)]
      _ = try await provider.ask(
        request([message(.user, texts[0]), message(.assistant, texts[1]), message(.user, texts[2])]))
      let sent = try #require(server.requests.last)
      let messages = sent.json["messages"]?.array ?? []
      #expect(messages.compactMap { $0["content"]?.string } == ["be brief"] + texts)
      return sent.body.count
    }
    let least = try await send(1) - 1
    // On both sides of what is sent in one piece, and of what libcurl reads at once.
    for length in [1000, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 1_000_000, 2000] {
      #expect(try await send(length - least) == length)
    }
    #expect(server.connections == 1)
  }

  @Test func `a call that is sent again on another idle connection counts for no later one`() async throws {
    let server = try LoopbackServer {
      $0.number < 9 ? .hang(then: .chat("yes")) : $0.number.isMultiple(of: 2) ? .chat("yes") : .close
    }
    let provider = try provider(at: server.url)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<9 { group.addTask { _ = try await provider.ask(request()) } }
      await server.waitForRequests(9)
      server.release()
      try await group.waitForAll()
    }
    // As long as there are idle connections no new one is made.
    for _ in 0..<8 { #expect(try await provider.ask(request()).text == "yes") }
    #expect(server.connections == 9)
  }

  @Test func `connections that come and go under many calls give each call its own answer`() async throws {
    let server = try LoopbackServer { request in
      let said = request.json["messages"]?.array?.last?["content"]?.string ?? ""
      guard request.number % 3 == 0 else { return .chat(said) }
      // Every third connection is closed behind its answer without a word.
      let body = #"{"choices":[{"message":{"content":"\#(said)"}}]}"#
      return .raw(Array("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8))
    }
    let provider = try provider(at: server.url)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for caller in 0..<16 {
        group.addTask {
          for call in 0..<20 {
            let text = "\(caller)-\(call)"
            let reply = try await provider.ask(request([message(.user, text)]))
            #expect(reply.text == text)
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(server.requests.count == 320)
    #expect(server.connections >= 106)
  }

  @Test func `a large body goes out whole, without waiting for leave`() async throws {
    let server = try LoopbackServer { _ in .chat("yes") }
    let text = String(repeating: "0123456789", count: 200_000)
    let reply = try await provider(at: server.url).ask(request([message(.user, text)]))
    let sent = try #require(server.requests.first)
    #expect(sent.body.count > text.utf8.count && reply.text == "yes")
    #expect(sent.json["messages"]?.array?.last?["content"]?.string == text)
    #expect(sent.header("Expect") == nil)
  }

  @Test func `cancelling the task ends the transfer at once`() async throws {
    let server = try LoopbackServer { _ in .hang(then: .close) }
    let provider = try provider(at: server.url)
    let task = Task { await failure(of: provider) }
    await server.waitForRequests(1)
    task.cancel()
    #expect(await task.value == .cancelled)
    await server.waitForHangUps(1)
  }

  @Test func `cancelling in the middle of a body ends the transfer at once`() async throws {
    let (listener, port) = try listenOnLoopback()
    defer { close(listener) }
    let http = HTTPClient()
    let asked = try provider(at: "http://127.0.0.1:\(port)/v1", http: http)
    let long = request([message(.user, String(repeating: "x", count: 24 << 20))])
    let task = Task { await failure(of: asked, long) }
    // Something of the request has come, and nobody reads it: no socket takes as much as the body has.
    let connection = await onThread {
      let connection = accept(listener, nil, nil)
      var wait = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
      poll(&wait, 1, -1)
      return connection
    }
    task.cancel()
    #expect(await task.value == .cancelled)
    let received = await onThread {
      var buffer = [UInt8](repeating: 0, count: 1 << 20)
      var total = 0
      while case let count = read(connection, &buffer, buffer.count), count > 0 { total += count }
      close(connection)
      return total
    }
    #expect(received > 0 && received < 24 << 20)

    // The next calls are made on the same handle.
    let server = try LoopbackServer { _ in .chat("yes") }
    let next = try provider(at: server.url, http: http)
    for length in [300_000, 10, 200_000] {
      let text = String(repeating: "y", count: length)
      #expect(try await next.ask(request([message(.user, text)])).text == "yes")
      #expect(server.requests.last?.json["messages"]?.array?.last?["content"]?.string == text)
    }
    _ = await next.check()
    #expect(server.requests.last?.method == "GET")
    #expect(server.requests.allSatisfy { $0.method == "POST" || $0.body.isEmpty })
  }

  @Test func `an answer that comes before the body has been read is the answer`() async throws {
    let (listener, port) = try listenOnLoopback()
    defer { close(listener) }
    let served = Task {
      await onThread {
        let connection = accept(listener, nil, nil)
        var buffer = [UInt8](repeating: 0, count: 1000)
        guard read(connection, &buffer, buffer.count) > 0 else { return }
        let answer = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        _ = write(connection, answer, answer.utf8.count)
        shutdown(connection, Int32(SHUT_WR))
        while read(connection, &buffer, buffer.count) > 0 {}
        close(connection)
      }
    }
    let long = request([message(.user, String(repeating: "x", count: 24 << 20))])
    let error = await failure(of: try provider(at: "http://127.0.0.1:\(port)/v1"), long)
    #expect(error?.status == 413, "\(String(describing: error))")
    await served.value
  }

  @Test func `a call of a task that is cancelled already ends`() async throws {
    let server = try LoopbackServer { $0.number == 0 ? .chat("yes") : .hang(then: .close) }
    let provider = try provider(at: server.url)
    _ = try await provider.ask(request())
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return await failure(of: provider)
    }
    #expect(await task.value == .cancelled)
  }

  @Test func `a client that nobody holds lets its connections go`() async throws {
    let server = try LoopbackServer { _ in .chat("yes") }
    _ = try await provider(at: server.url).ask(request())
    await server.waitForConnectionEnds(1)
  }

  @Test func `a compressed answer is unpacked`() async throws {
    let plain = Array(#"{"choices":[{"message":{"content":"packed"}}]}"#.utf8)
    let packed = try await gzip(plain)
    let server = try LoopbackServer { _ in
      .reply(status: 200, headers: [("Content-Encoding", "gzip")], body: packed)
    }
    #expect(try await provider(at: server.url).ask(request()).text == "packed")
    #expect(server.requests.first?.header("Accept-Encoding") == "gzip")
  }

  @Test(arguments: [300, 301, 302, 303, 305, 307, 308])
  func `a redirect is an answer, and the key does not follow it`(_ status: Int) async throws {
    let other = try LoopbackServer { _ in .chat("stolen") }
    let server = try LoopbackServer { request in
      .reply(status: status, headers: [("Location", "\(other.url)/v1?key=\(testKey)")], body: [])
    }
    let error = try #require(await failure(of: provider(at: server.url)))
    #expect(error.class == .auth)
    #expect(error.status == status)
    #expect(error.message.contains("\(other.url)/v1"))
    #expect(!error.message.contains(testKey))
    #expect(other.requests.isEmpty)
  }
}
