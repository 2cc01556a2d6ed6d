// One connection of the loopback server: reads requests, writes what the handler wants, and knows when the
// client has gone.

import Glibc
import JSONText
import Threads

/// A request as it came.
public struct HTTPRequest: Sendable {
  /// The how manyth request of this server it is, from 0.
  public let number: Int
  public let method: String
  /// The path with its query, such as `/v1/models?limit=1`.
  public let path: String
  /// Names as they were sent, in their order.
  public let headers: [(name: String, value: String)]
  public let body: [UInt8]

  /// The value of a header, whatever the case of its name.
  public func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// The body as text.
  public var text: String { String(decoding: body, as: UTF8.self) }

  /// The body as JSON; null where it is none.
  public var json: JSON { (try? JSON(parsing: body)) ?? .null }
}

/// What a request gets.
public indirect enum HTTPResponse: Sendable {
  /// A whole answer; Content-Length is added unless a header says how long the body is.
  case reply(status: Int, headers: [(name: String, value: String)], body: [UInt8])
  /// These bytes as they are, head included; then the connection is closed.
  case raw([UInt8])
  /// The connection is closed without a byte.
  case close
  /// The connection is reset without a byte.
  case reset
  /// Nothing until `release`, or until the client goes; then what follows.
  case hang(then: HTTPResponse)
  /// The head of a 200 answer, then a byte every five milliseconds, for ever.
  case trickle
  /// The head of a 200 answer with these headers, then these bytes again and again, for ever.
  case endless(headers: [(name: String, value: String)], chunk: [UInt8])

  /// An answer of JSON text.
  public static func json(
    _ text: String, status: Int = 200, headers: [(name: String, value: String)] = []
  ) -> HTTPResponse {
    .reply(status: status, headers: [("Content-Type", "application/json")] + headers, body: Array(text.utf8))
  }

  /// An answer in the form of OpenAI's chat completions, as OpenRouter gives it.
  public static func chat(
    _ content: String, model: String = "test/model", finish: String = "stop", inputTokens: Int = 10,
    outputTokens: Int = 5, cost: Double? = nil, id: String = "gen-1"
  ) -> HTTPResponse {
    var writer = JSONWriter()
    writer.object {
      $0.member("id", id)
      $0.member("model", model)
      $0.key("choices")
      $0.array {
        $0.object {
          $0.key("message")
          $0.object {
            $0.member("role", "assistant")
            $0.member("content", content)
          }
          $0.member("finish_reason", finish)
        }
      }
      $0.key("usage")
      $0.object {
        $0.member("prompt_tokens", inputTokens)
        $0.member("completion_tokens", outputTokens)
        $0.member("total_tokens", inputTokens + outputTokens)
        if let cost { $0.member("cost", cost) }
      }
    }
    return .json(String(decoding: writer.bytes, as: UTF8.self))
  }

  /// An error in OpenRouter's form under a status.
  public static func error(
    _ status: Int, _ message: String = "no", headers: [(name: String, value: String)] = []
  ) -> HTTPResponse {
    .json(
      #"{"error":{"code":\#(status),"message":\#(JSON.string(message).text)}}"#, status: status,
      headers: headers)
  }
}

struct Connection: Sendable {
  let descriptor: Int32
  let shared: Shared

  func serve() {
    var input = Input(descriptor: descriptor)
    while let head = input.head() {
      guard let request = read(head, from: &input) else { break }
      let response = shared.handler(request)
      let isComplete = write(response)
      shared.update { state in
        state.inProgress -= 1
        if isComplete == .clientGone, !state.isStopped { state.hangUps += 1 }
      }
      guard isComplete == .keepAlive else { break }
    }
    // Closed under the lock, so that `stop` never shuts down a number that is somebody else's by now.
    shared.update { state in
      state.open.remove(descriptor)
      close(descriptor)
    }
  }

  private func read(_ head: [UInt8], from input: inout Input) -> HTTPRequest? {
    let lines = String(decoding: head, as: UTF8.self).split(
      separator: "\r\n", omittingEmptySubsequences: true)
    guard let first = lines.first else { return nil }
    let words = first.split(separator: " ")
    guard words.count == 3 else { return nil }
    let headers = lines.dropFirst().compactMap { line -> (name: String, value: String)? in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (String(line[..<colon]), String(line[line.index(after: colon)...].drop(while: { $0 == " " })))
    }
    let length = headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
    guard let body = input.bytes(length) else { return nil }
    var request: HTTPRequest?
    shared.update { state in
      let received = HTTPRequest(
        number: state.requests.count, method: String(words[0]), path: String(words[1]), headers: headers,
        body: body)
      state.requests.append(received)
      state.inProgress += 1
      state.mostAtOnce = max(state.mostAtOnce, state.inProgress)
      request = received
    }
    return request
  }

  private enum Outcome { case keepAlive, closed, clientGone }

  private func write(_ response: HTTPResponse) -> Outcome {
    switch response {
    case .reply(let status, let headers, let body):
      return send(head(status, headers, length: body.count) + body) ? .keepAlive : .clientGone
    case .raw(let bytes):
      return send(bytes) ? .closed : .clientGone
    case .close:
      return .closed
    case .reset:
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
      return .closed
    case .hang(let next):
      return waitForRelease() ? write(next) : .clientGone
    case .trickle:
      guard send(head(200, [("Content-Type", "application/json")], length: 1 << 20)) else {
        return .clientGone
      }
      while !clientHasGone(within: 5) {
        guard send([UInt8(ascii: " ")]) else { break }
      }
      return .clientGone
    case .endless(let headers, let chunk):
      guard send(head(200, headers, length: nil)) else { return .clientGone }
      while send(chunk) {}
      return .clientGone
    }
  }

  private func head(_ status: Int, _ headers: [(name: String, value: String)], length: Int?) -> [UInt8] {
    var text = "HTTP/1.1 \(status) Loopback\r\n"
    for header in headers { text += "\(header.name): \(header.value)\r\n" }
    if let length, !headers.contains(where: { $0.name.lowercased() == "content-length" }) {
      text += "Content-Length: \(length)\r\n"
    }
    return Array((text + "\r\n").utf8)
  }

  /// Waits for `release`; false when the client went before.
  private func waitForRelease() -> Bool {
    var watched = [
      pollfd(fd: shared.releaseReader, events: Int16(POLLIN), revents: 0),
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
    ]
    while poll(&watched, 2, -1) < 0, errno == EINTR {}
    return watched[0].revents != 0
  }

  private func clientHasGone(within milliseconds: Int32) -> Bool {
    var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&watched, 1, milliseconds) > 0
  }

  private func send(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var sent = 0
      while sent < buffer.count {
        let rest = UnsafeRawBufferPointer(rebasing: buffer[sent...])
        let count = Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        sent += count
      }
      return true
    }
  }
}

/// Buffered reading from a socket.
private struct Input {
  let descriptor: Int32
  private var buffer: [UInt8] = []
  private var start = 0

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Everything up to an empty line; nil at the end.
  mutating func head() -> [UInt8]? {
    var looked = start
    while true {
      var position = looked
      while position + 3 < buffer.count {
        if buffer[position] == 13, buffer[position + 1] == 10, buffer[position + 2] == 13,
          buffer[position + 3] == 10
        {
          defer { start = position + 4 }
          return Array(buffer[start..<position])
        }
        position += 1
      }
      // What does not begin with a method's letters, such as a TLS handshake, is no request.
      if start < buffer.count, buffer[start] < UInt8(ascii: "A") { return nil }
      looked = position
      let before = start
      guard fill() else { return nil }
      looked -= before - start
    }
  }

  mutating func bytes(_ count: Int) -> [UInt8]? {
    while buffer.count - start < count { guard fill() else { return nil } }
    defer { start += count }
    return Array(buffer[start..<start + count])
  }

  private mutating func fill() -> Bool {
    if start > 0 {
      buffer.removeFirst(start)
      start = 0
    }
    // Read into memory that nobody has cleared: byte by byte, that would take unoptimized code longer than all else.
    let part = [UInt8](unsafeUninitializedCapacity: 65536) { chunk, count in
      var received: Int
      repeat {
        received = recv(descriptor, chunk.baseAddress, chunk.count, 0)
      } while received < 0 && errno == EINTR
      count = max(received, 0)
    }
    buffer += part
    return !part.isEmpty
  }
}
