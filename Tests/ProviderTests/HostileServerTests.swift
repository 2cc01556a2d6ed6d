// The client against servers that break off, never end, or send too much.

import Foundation
import JSONText
import TestSupport
import Testing
import Threads

@testable import Provider

/// Servers that break off, never end, or send too much: each costs its call alone and no more than its limits.
@Suite(.timeLimit(.minutes(5)))
struct HostileServerTests {
  @Test func `a connection closed before the answer`() async throws {
    let error = try #require(try await failure(after: .close))
    #expect(error.class == .transient)
    #expect(error.message.hasPrefix("127.0.0.1 closed the connection without an answer"))
  }

  @Test func `a connection reset`() async throws {
    #expect(try await failure(after: .reset)?.class == .transient)
  }

  @Test func `a body shorter than its Content-Length`() async throws {
    let error = try #require(
      try await failure(
        after: .raw(Array("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"choices\"".utf8))))
    #expect(error.class == .transient)
    #expect(error.message.hasPrefix("127.0.0.1 closed the connection in the middle of its answer"))
  }

  @Test func `a body longer than its Content-Length does not become the next answer`() async throws {
    let body = #"{"choices":[{"message":{"content":"first"}}]}"#
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    let server = try LoopbackServer { request in
      request.number == 0
        ? .raw(Array("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)\(smuggled)".utf8))
        : .chat("second")
    }
    let provider = try provider(at: server.url)
    #expect(try await provider.ask(request()).text == "first")
    #expect(try await provider.ask(request()).text == "second")
  }

  @Test func `a body that is announced as too long`() async throws {
    let server = try LoopbackServer { _ in
      .raw(Array("HTTP/1.1 200 OK\r\nContent-Length: 8388609\r\n\r\n".utf8))
    }
    let error = try #require(await failure(of: provider(at: server.url)))
    #expect(error.class == .transient)
    #expect(error.message == "127.0.0.1 sent an answer of more than 8 MiB")
  }

  @Test func `a body without an end`() async throws {
    let error = try await failure(after: .endless(headers: [], chunk: [UInt8](repeating: 0x20, count: 65536)))
    #expect(error?.class == .transient)
    #expect(error?.message == "127.0.0.1 sent an answer of more than 8 MiB")
  }

  @Test func `a body that unpacks to a hundred megabytes`() async throws {
    let bomb = try await gzip([UInt8](repeating: 0x20, count: 100 << 20))
    #expect(bomb.count < 200_000)
    let error = try await failure(
      after: .reply(status: 200, headers: [("Content-Encoding", "gzip")], body: bomb))
    #expect(error?.class == .transient)
    #expect(error?.message == "127.0.0.1 sent an answer of more than 8 MiB")
  }

  @Test func `a body that says gzip and is none`() async throws {
    let error = try await failure(
      after: .reply(status: 200, headers: [("Content-Encoding", "gzip")], body: Array("{}".utf8)))
    #expect(error?.class == .transient)
    #expect(error?.message.hasPrefix("127.0.0.1 sent an answer that does not unpack") == true)
  }

  @Test func `a flood of headers`() async throws {
    let headers = (0..<2000).map { (name: "X-\($0)", value: String(repeating: "x", count: 50)) }
    let error = try await failure(after: .reply(status: 200, headers: headers, body: Array("{}".utf8)))
    #expect(error?.class == .transient)
    #expect(error?.message == "127.0.0.1 sent more than 64 KiB of headers")
  }

  @Test func `a flood of interim answers`() async throws {
    let interim = String(repeating: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", count: 5000)
    let error = try await failure(after: .raw(Array("\(interim)HTTP/1.1 200 OK\r\n\r\n{}".utf8)))
    #expect(error?.class == .transient)
    #expect(error?.message == "127.0.0.1 sent more than 64 KiB of headers")
  }

  @Test func `a trickling body ends with the time of the call`() async throws {
    let error = try await failure(after: .trickle, timeout: 1)
    #expect(error?.class == .transient)
    #expect(error?.message.hasPrefix("127.0.0.1 did not answer within a second") == true)
  }

  @Test func `a server that says nothing`() async throws {
    let error = try await failure(after: .hang(then: .close), timeout: 1)
    #expect(error?.class == .transient)
    #expect(error?.message.hasPrefix("127.0.0.1 did not answer within a second") == true)
  }

  @Test func `something that is no HTTP`() async throws {
    #expect(try await failure(after: .raw(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8)))?.class == .transient)
    #expect(try await failure(after: .raw(Array("HTTP/1.1 banana\r\n\r\n".utf8)))?.class == .transient)
  }

  @Test func `a port at which nobody listens`() async throws {
    let error = await failure(of: try provider(at: "http://127.0.0.1:\(refusedPort())"))
    #expect(error?.class == .transient)
    #expect(error?.message.hasPrefix("no connection to 127.0.0.1") == true)
  }

  @Test func `a name that does not resolve`() async throws {
    let error = await failure(of: try provider(at: "https://provider.invalid/v1"))
    #expect(error?.class == .transient)
    #expect(error?.message.hasPrefix("the name provider.invalid does not resolve") == true)
  }
}

/// What `gzip -9` makes of bytes.
func gzip(_ bytes: [UInt8]) async throws -> [UInt8] {
  let outcome = await command(["gzip", "-9"]).run(input: bytes)
  try #require(outcome.ending == .exited(status: 0))
  return outcome.output
}
