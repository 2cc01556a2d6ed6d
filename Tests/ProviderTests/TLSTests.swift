// Certificates that must be refused, and one that must not, shown by openssl's own server; and bodies over HTTP/2.

import Foundation
import JSONText
import TestSupport
import Testing

@testable import Provider

@Suite(.timeLimit(.minutes(5)))
struct TLSTests {
  @Test func `a certificate is taken for its own name, in its own time, from an authority that is known`()
    async throws
  {
    let authority = try await Authority()
    let good = try await authority.certificate("good", names: "IP:127.0.0.1")
    #expect(try await check(good, trusting: authority.path) == "127.0.0.1 answers")
    #expect(
      try await check(good, trusting: nil).contains("the certificate of 127.0.0.1 is not to be trusted"))

    let other = try await authority.certificate("other", names: "DNS:example.org,IP:127.0.0.2")
    let wrongName = try await check(other, trusting: authority.path)
    #expect(wrongName.contains("the certificate of 127.0.0.1 is not to be trusted"))
    #expect(wrongName.contains("127.0.0.1'"), "\(wrongName)")

    let expired = try await authority.certificate("expired", names: "IP:127.0.0.1", days: -1)
    let tooLate = try await check(expired, trusting: authority.path)
    #expect(tooLate.contains("the certificate of 127.0.0.1 is not to be trusted"))
    #expect(tooLate.contains("expired"), "\(tooLate)")

    let alone = try await authority.selfSigned("alone", names: "IP:127.0.0.1")
    let unknown = try await check(alone, trusting: authority.path)
    #expect(unknown.contains("the certificate of 127.0.0.1 is not to be trusted"))
    #expect(unknown.contains("self-signed"), "\(unknown)")
  }

  @Test func `a server without TLS is not spoken to in the clear`() async throws {
    let server = try LoopbackServer { _ in .chat("stolen") }
    let error = await failure(of: try provider(at: "https://127.0.0.1:\(server.port)"))
    #expect(error?.class == .transient)
    #expect(server.requests.isEmpty)
  }

  @Test func `bodies of all lengths arrive over HTTP/2 as they were written`() async throws {
    let authority = try await Authority()
    let server = try await TLSServer(try await authority.certificate("good", names: "IP:127.0.0.1"), .http2)
    let http = HTTPClient(limits: HTTPClient.Limits(trustedCertificates: authority.path))
    let base = try BaseURL("https://127.0.0.1:\(server.port)", allowHTTP: false)
    let answers = try await withThrowingTaskGroup(of: (sent: [UInt8], status: Int, received: [UInt8]).self) {
      group in
      for length in [1, 1000, 65_000, 65_536, 70_000, 200_000, 1_000_000] {
        let body = Self.body(length)
        group.addTask {
          let answer = try await http.send(
            HTTPClient.Call(base: base, path: "/\(length)", headers: [], body: body, timeout: 300))
          return (body.joined().bytes, answer.status, answer.body)
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    await server.stop()
    #expect(answers.count == 7)
    for answer in answers {
      #expect(answer.status == 200)
      #expect(answer.received == answer.sent, "\(answer.sent.count) bytes")
    }
  }

  @Test func `a long body that could not be sent on one HTTP/2 connection goes out whole on the next`()
    async throws
  {
    let authority = try await Authority()
    let certificate = try await authority.certificate("good", names: "IP:127.0.0.1")
    let server = try await TLSServer(certificate, .fickle)
    let http = HTTPClient(limits: HTTPClient.Limits(trustedCertificates: authority.path))
    let base = try BaseURL("https://127.0.0.1:\(server.port)", allowHTTP: false)
    // The second is refused when as much of it has been read as libcurl takes at once, and nothing was sent.
    for (length, connection) in [(10, "0"), (200_000, "1"), (300_000, "1")] {
      let body = Self.body(length)
      let answer = try await http.send(
        HTTPClient.Call(base: base, path: "/", headers: [], body: body, timeout: 300))
      #expect(answer.headers["x-connection"] == connection)
      #expect(answer.body == body.joined().bytes, "\(length)")
    }
    await server.stop()
  }

  /// A request body with a text of so many bytes in it.
  private static func body(_ length: Int) -> SplicedBytes {
    let text = String(decoding: (0..<length).map { UInt8(97 + $0 % 26) }, as: UTF8.self)
    var writer = JSONWriter(splicing: 0)
    writer.array {
      $0.raw(JSONString(text).literal)
      $0.value(length)
    }
    return writer.finishSpliced()
  }

  /// What `check` says first about a server with a certificate.
  private func check(_ certificate: Certificate, trusting file: String?) async throws -> String {
    let server = try await TLSServer(certificate)
    let limits = HTTPClient.Limits(trustedCertificates: file)
    let lines = try await provider(at: "https://127.0.0.1:\(server.port)", model: "m", limits: limits).check()
    await server.stop()
    return lines.first?.text ?? ""
  }
}

/// A certificate and its key, in a directory with a file that a server can give away.
private struct Certificate {
  let directory: TemporaryDirectory
  let name: String
}

/// An authority that nobody knows.
private struct Authority {
  let directory = try? TemporaryDirectory()
  var path: String { directory?.appending("ca.pem") ?? "" }

  init() async throws {
    try await openssl(
      ["req", "-x509"] + Self.newKey + [
        "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2",
      ])
  }

  private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

  func certificate(_ name: String, names: String, days: Int = 2) async throws -> Certificate {
    try await openssl(
      ["req", "-new"] + Self.newKey + ["-keyout", "\(name).key", "-out", "\(name).csr", "-subj", "/CN=x"])
    let directory = try #require(directory)
    try "subjectAltName=\(names)".write(
      toFile: directory.appending("names"), atomically: false, encoding: .utf8)
    try await openssl(
      ["x509", "-req", "-in", "\(name).csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "\(days)"]
        + ["-extfile", "names", "-out", "\(name).pem"])
    return try served(name)
  }

  func selfSigned(_ name: String, names: String) async throws -> Certificate {
    try await openssl(
      ["req", "-x509"] + Self.newKey + ["-keyout", "\(name).key", "-out", "\(name).pem", "-subj", "/CN=x"]
        + ["-addext", "subjectAltName=\(names)", "-days", "2"])
    return try served(name)
  }

  private func served(_ name: String) throws -> Certificate {
    let directory = try #require(directory)
    let body = #"{"data":[{"id":"m"}]}"#
    let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    try answer.write(toFile: directory.appending("models"), atomically: false, encoding: .utf8)
    return Certificate(directory: directory, name: name)
  }

  private func openssl(_ arguments: [String]) async throws {
    let outcome = await command(["openssl"] + arguments, in: try #require(directory).path).run(input: [])
    try #require(outcome.ending == .exited(status: 0), "openssl \(arguments)")
  }
}

/// A server on a free port.
private final class TLSServer {
  enum Kind {
    /// `openssl s_server`, which gives files away over HTTP/1.1.
    case http1
    /// Sends bodies back over HTTP/2, with the number of the connection in a header.
    case http2
    /// The same; but on its first connection it answers one request, lets no more of a body come, and refuses the next.
    case fickle
  }

  /// Nothing is left to be set when the server runs, so that it ends with this object also where it says nothing.
  private(set) var port = 0
  private let running: Task<Subprocess.Outcome, Never>

  init(_ certificate: Certificate, _ kind: Kind = .http1) async throws {
    let name = certificate.name
    let said = certificate.directory.appending("\(name).said")
    try #require(mkfifo(said, 0o600) == 0)
    let reader = open(said, O_RDONLY | O_NONBLOCK)
    defer {
      close(reader)
      unlink(said)
    }
    let program =
      switch kind {
      case .http1: "exec openssl s_server -accept 127.0.0.1:0 -HTTP -cert \(name).pem -key \(name).key"
      case .http2: "exec python3 \(Self.http2) \(name).pem \(name).key"
      case .fickle: "exec python3 \(Self.http2) \(name).pem \(name).key fickle"
      }
    let server = command(["sh", "-c", "\(program) >\(name).said"], in: certificate.directory.path)
    running = Task { await server.run(input: []) }
    // It says `ACCEPT 127.0.0.1:PORT`, or `listen 127.0.0.1:PORT`, when it listens.
    let listening = /(?:ACCEPT|listen) .*:([0-9]+)\n/
    var text = ""
    while !text.contains(listening) {
      let more = await onThread {
        var wait = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, 30_000) == 1 else { return "" }
        return String(
          decoding: [UInt8](unsafeUninitializedCapacity: 1024) {
            $1 = max(0, read(reader, $0.baseAddress, 1024))
          },
          as: UTF8.self)
      }
      try #require(!more.isEmpty, "the server has not started: \(text)")
      text += more
    }
    port = try #require(text.firstMatch(of: listening).flatMap { Int($0.output.1) })
  }

  deinit { running.cancel() }

  private static let http2 =
    #filePath.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/http2.py"

  /// Ends the server, and waits for its end.
  func stop() async {
    running.cancel()
    _ = await running.value
  }
}
