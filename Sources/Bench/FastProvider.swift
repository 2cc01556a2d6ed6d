// A provider on loopback that costs as little as it can: one thread, poll(2), and one answer for all.
import Glibc
import Threads

/// Answers every POST with the same completion, so many milliseconds after the request was whole.
///
/// All answers are late by the same time, so those that wait are a queue, and no timer is kept for each.
struct FastProvider {
  private let board: Board
  private let latency: UInt64
  private let answer: [UInt8]
  private var watched: [pollfd] = []
  private var connections: [Int32: Connection] = [:]
  private var late: [(due: UInt64, descriptor: Int32, number: Int)] = []
  private var firstLate = 0
  private var accepted = 0
  private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)

  private struct Connection {
    /// Tells a connection from a later one with the same descriptor.
    let number: Int
    /// The head of a request, as far as it has come.
    var head: [UInt8] = []
    /// How much of the body is to come; nil while the head is read.
    var missing: Int?
    var size = 0
  }

  /// Serves until standard input ends, which it does when the benchmark does.
  ///
  /// - Parameter inputs: How many inputs a call has, each of which is answered.
  static func run(board path: String, latencyMilliseconds: Int, inputs: Int) -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    guard let board = Board(path: path) else { return 1 }
    var provider = FastProvider(board: board, latencyMilliseconds: latencyMilliseconds, inputs: inputs)
    return provider.serve()
  }

  private init(board: Board, latencyMilliseconds: Int, inputs: Int) {
    self.board = board
    latency = UInt64(latencyMilliseconds) * 1_000_000
    let body = Workload.completion(inputs: inputs)
    answer =
      Array("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n".utf8)
      + body
  }

  private mutating func serve() -> Int32 {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listens = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        bind(listener, raw, length) == 0 && listen(listener, 4096) == 0
          && getsockname(listener, raw, &length) == 0
      }
    }
    guard listens else { return 1 }
    watch(listener)
    watch(STDIN_FILENO)
    board.port = Int(UInt16(bigEndian: address.sin_port))
    while true {
      var ready = Int(poll(&watched, nfds_t(watched.count), patience()))
      // From behind, so that those that are dropped or added leave the others where they are.
      for index in watched.indices.reversed() where ready > 0 && watched[index].revents != 0 {
        ready -= 1
        switch watched[index].fd {
        case STDIN_FILENO: return 0
        case listener: accept(from: listener)
        case let descriptor: receive(descriptor)
        }
      }
      sendLate()
    }
  }

  private mutating func watch(_ descriptor: Int32) {
    watched.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
  }

  /// Milliseconds until the next answer is due; -1 where none is.
  private func patience() -> Int32 {
    guard firstLate < late.count else { return -1 }
    let now = monotonicNanoseconds()
    return late[firstLate].due <= now ? 0 : Int32((late[firstLate].due - now + 999_999) / 1_000_000)
  }

  private mutating func accept(from listener: Int32) {
    while true {
      let descriptor = Glibc.accept(listener, nil, nil)
      guard descriptor >= 0 else { return }
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
      var yes: Int32 = 1
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
      accepted += 1
      connections[descriptor] = Connection(number: accepted)
      watch(descriptor)
    }
  }

  private mutating func receive(_ descriptor: Int32) {
    while true {
      let count = read(descriptor, scratch.baseAddress, scratch.count)
      guard count > 0 else {
        if count == 0 || errno != EAGAIN { drop(descriptor) }
        return
      }
      take(UnsafeRawBufferPointer(rebasing: scratch[..<count]), from: descriptor)
      // Less than there is room for was all there is.
      if count < scratch.count { return }
    }
  }

  private mutating func drop(_ descriptor: Int32) {
    connections[descriptor] = nil
    watched.removeAll { $0.fd == descriptor }
    close(descriptor)
  }

  private mutating func take(_ received: UnsafeRawBufferPointer, from descriptor: Int32) {
    guard var connection = connections[descriptor] else { return }
    var rest = received.count
    if connection.missing == nil {
      let before = connection.head.count
      connection.head.append(contentsOf: received.prefix(16 * 1024))
      guard let end = Self.end(of: connection.head) else {
        connections[descriptor] = connection
        return
      }
      connection.size = Self.contentLength(connection.head[..<end])
      connection.missing = connection.size
      rest = received.count - (end - before)
      connection.head.removeAll(keepingCapacity: true)
    }
    // A client that waits for answers sends no second request behind the first.
    let missing = (connection.missing ?? 0) - rest
    connection.missing = missing > 0 ? missing : nil
    connections[descriptor] = connection
    if missing <= 0 { answer(descriptor, connection) }
  }

  private mutating func answer(_ descriptor: Int32, _ connection: Connection) {
    board.note(bytes: connection.size)
    if latency == 0 {
      send(to: descriptor)
    } else {
      late.append((monotonicNanoseconds() + latency, descriptor, connection.number))
    }
  }

  private mutating func sendLate() {
    let now = latency == 0 ? 0 : monotonicNanoseconds()
    while firstLate < late.count, late[firstLate].due <= now {
      let next = late[firstLate]
      firstLate += 1
      if connections[next.descriptor]?.number == next.number { send(to: next.descriptor) }
    }
    if firstLate > 4096 {
      late.removeFirst(firstLate)
      firstLate = 0
    }
  }

  /// An answer is a few kilobytes and always finds room in the socket's buffer.
  private mutating func send(to descriptor: Int32) {
    if write(descriptor, answer, answer.count) != answer.count { drop(descriptor) }
  }

  /// Where the body begins.
  private static func end(of head: [UInt8]) -> Int? {
    let mark: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
    guard head.count >= mark.count else { return nil }
    return head.withUnsafeBufferPointer { bytes in
      for start in 0...bytes.count - mark.count where bytes[start] == mark[0] {
        if bytes[start..<start + mark.count].elementsEqual(mark) { return start + mark.count }
      }
      return nil
    }
  }

  private static func contentLength(_ head: ArraySlice<UInt8>) -> Int {
    for line in head.split(separator: UInt8(ascii: "\n")) {
      let text = String(decoding: line, as: UTF8.self).lowercased()
      guard text.hasPrefix("content-length:") else { continue }
      return Int(text.dropFirst(15).filter(\.isNumber)) ?? 0
    }
    return 0
  }
}
