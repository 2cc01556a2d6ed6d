// A provider on loopback: a small HTTP/1.1 server on real sockets, whose handler decides what each request
// gets, also what no well-behaved server would send.

import CSystem
import Glibc
import JSONText
import Threads

/// A server on a free port of 127.0.0.1 that lives until `stop` or until nobody holds it.
///
/// Each connection has a thread of its own and is kept alive, so a handler may block. A test that mentions the
/// server no more while it is still to answer should end it itself (`defer { server.stop() }`): Swift may let go of
/// a value after its last mention.
public final class LoopbackServer: Sendable {
  public typealias Handler = @Sendable (HTTPRequest) -> HTTPResponse

  /// The port it listens on.
  public let port: UInt16
  private let shared: Shared

  /// Starts listening.
  ///
  /// - Parameter handler: Gives the answer to each request; called on the connection's thread.
  public init(_ handler: @escaping Handler) throws {
    let (listener, port) = try listenOnLoopback()
    self.port = port
    let shared = try Shared(listener: listener, handler: handler)
    self.shared = shared
    Thread.detached(name: "loopback") { shared.acceptConnections() }
  }

  deinit { stop() }

  /// `http://127.0.0.1:PORT`, without a slash at its end.
  public var url: String { "http://127.0.0.1:\(port)" }

  /// What has been asked so far, in the order in which the requests were complete.
  public var requests: [HTTPRequest] { shared.state.withLock { $0.requests } }

  /// How many connections have been made so far.
  public var connections: Int { shared.state.withLock { $0.accepted } }

  /// How many requests at most were being answered at the same time.
  public var mostAtOnce: Int { shared.state.withLock { $0.mostAtOnce } }

  /// How many requests were given up by the client before their answer was complete.
  public var hangUps: Int { shared.state.withLock { $0.hangUps } }

  /// Waits until at least `count` requests have come.
  public func waitForRequests(_ count: Int) async {
    await shared.wait { $0.requests.count >= count }
  }

  /// Waits until at least `count` requests have been given up by the client.
  public func waitForHangUps(_ count: Int) async {
    await shared.wait { $0.hangUps >= count }
  }

  /// Waits until at least `count` connections have ended.
  public func waitForConnectionEnds(_ count: Int) async {
    await shared.wait { $0.accepted - $0.open.count >= count }
  }

  /// Lets every answer that hangs go on, now and from now on.
  public func release() { shared.release() }

  /// Ends every connection and refuses new ones: from now on the port is dead.
  public func stop() { shared.stop() }
}

/// A socket that listens on a free port of 127.0.0.1, for the caller to close.
public func listenOnLoopback() throws -> (descriptor: Int32, port: UInt16) {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
  guard descriptor >= 0 else { throw LoopbackError(call: "socket", code: errno) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let status = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
      guard bind(descriptor, raw, length) == 0, listen(descriptor, 4096) == 0 else { return false }
      return getsockname(descriptor, raw, &length) == 0
    }
  }
  guard status else {
    close(descriptor)
    throw LoopbackError(call: "listen", code: errno)
  }
  return (descriptor, UInt16(bigEndian: address.sin_port))
}

/// A port of 127.0.0.1 at which nothing listens.
public func refusedPort() throws -> UInt16 {
  let server = try LoopbackServer { _ in .close }
  server.stop()
  return server.port
}

/// A socket call that failed while a server was set up.
public struct LoopbackError: Error {
  public let call: String
  public let code: Int32
}

/// What the connections of one server share.
final class Shared: Sendable {
  struct State: Sendable {
    var requests: [HTTPRequest] = []
    var accepted = 0
    var inProgress = 0
    var mostAtOnce = 0
    var hangUps = 0
    var isStopped = false
    var isReleased = false
    var open: Set<Int32> = []
    var waiters: [(isDue: @Sendable (State) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
  }

  let listener: Int32
  let handler: LoopbackServer.Handler
  let state = Locked(State())
  /// A pipe whose write end is closed on release, which every `poll` on its read end sees.
  let releaseReader: Int32
  private let releaseWriter: Int32

  init(listener: Int32, handler: @escaping LoopbackServer.Handler) throws {
    var ends: [Int32] = [0, 0]
    guard csystem_pipe(&ends) == 0 else { throw LoopbackError(call: "pipe", code: errno) }
    releaseReader = ends[0]
    releaseWriter = ends[1]
    self.listener = listener
    self.handler = handler
  }

  deinit { close(releaseReader) }

  func acceptConnections() {
    while true {
      let descriptor = accept(listener, nil, nil)
      closeOnExec(descriptor)
      guard descriptor >= 0 else {
        if state.withLock({ $0.isStopped }) { break }
        continue
      }
      let isWelcome = state.withLock { state in
        guard !state.isStopped else { return false }
        state.accepted += 1
        state.open.insert(descriptor)
        return true
      }
      guard isWelcome else {
        close(descriptor)
        break
      }
      Thread.detached(name: "loopback-call") { Connection(descriptor: descriptor, shared: self).serve() }
    }
    close(listener)
  }

  func update(_ change: (inout State) -> Void) {
    let due = state.withLock { state in
      change(&state)
      let snapshot = state
      let due = state.waiters.filter { $0.isDue(snapshot) }.map(\.continuation)
      state.waiters.removeAll { $0.isDue(snapshot) }
      return due
    }
    for continuation in due { continuation.resume() }
  }

  func wait(_ isDue: @escaping @Sendable (State) -> Bool) async {
    await withCheckedContinuation { continuation in
      update { $0.waiters.append((isDue, continuation)) }
    }
  }

  func release() {
    let isFirst = state.withLock { state in
      defer { state.isReleased = true }
      return !state.isReleased
    }
    if isFirst { close(releaseWriter) }
  }

  func stop() {
    release()
    state.withLock { state in
      guard !state.isStopped else { return }
      state.isStopped = true
      shutdown(listener, Int32(SHUT_RDWR))
      for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
  }
}

/// Keeps a descriptor from the programs that tests start, which would hold it open.
private func closeOnExec(_ descriptor: Int32) { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
