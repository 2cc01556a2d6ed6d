import FoundationEssentials
import Glibc
import Pipeline
import TestSupport
import Testing

@testable import Commands

/// What a service manager hears, over a socket of the kind that systemd listens on.
struct ServiceManagerTests {
  /// A datagram socket, bound to a path or to an abstract address.
  private final class Listener {
    let descriptor: Int32

    init(_ name: String) throws {
      descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      var bytes = Array(name.utf8)
      if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
      let length = socklen_t(2 + bytes.count)
      let code = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
      }
      try #require(code == 0)
    }

    deinit { close(descriptor) }

    /// The next message that is there; nil for none.
    func next() -> String? {
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }
  }

  private func progress(waiting: Int, done: Int = 0, running: Int = 0) -> Progress {
    var progress = Progress()
    (progress.waiting, progress.done, progress.running) = (waiting, done, running)
    return progress
  }

  @Test(arguments: [true, false])
  func `It hears of readiness once, of each state, of life and of the end`(isAbstract: Bool) throws {
    let directory = try TemporaryDirectory()
    let name = isAbstract ? "@" + directory.path : directory.appending("notify")
    let listener = try Listener(name)
    let manager = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": name]))
    manager.show(progress(waiting: 2))
    #expect(listener.next() == "READY=1\nSTATUS=2 waiting, 0 done since the start")
    manager.show(progress(waiting: 1, done: 1))
    #expect(listener.next() == "STATUS=1 waiting, 1 done since the start")
    manager.show(progress(waiting: 1, done: 1))
    #expect(listener.next() == nil, "nothing has changed")
    // Under load once a second is enough.
    manager.show(progress(waiting: 1, done: 1, running: 1))
    manager.show(progress(waiting: 5, done: 1, running: 1))
    #expect(listener.next() == nil)
    manager.show(progress(waiting: 0, done: 6))
    #expect(listener.next() == "STATUS=0 waiting, 6 done since the start")
    manager.beat()
    #expect(listener.next() == "WATCHDOG=1")
    manager.stopping()
    #expect(listener.next() == "STOPPING=1\nSTATUS=Stopping")
  }

  @Test func `The status names the pause, on one line`() {
    var progress = progress(waiting: 3)
    progress.pause = Pause(
      provider: "openrouter", failureClass: .auth, status: 401, message: "no\nkey", since: Date(),
      until: Date(),
      failures: 1, fingerprint: "f")
    let text = ServiceManager.text(progress)
    #expect(text.hasPrefix("3 waiting, 0 done since the start; openrouter paused until 20"))
    #expect(text.hasSuffix(": no\\nkey"))
  }

  @Test func `Without a manager there is nobody to tell, and a manager that has gone does no harm`() throws {
    #expect(ServiceManager(environment: [:]) == nil)
    #expect(ServiceManager(environment: ["NOTIFY_SOCKET": "vsock:2:1234"]) == nil)
    #expect(ServiceManager(environment: ["NOTIFY_SOCKET": "/" + String(repeating: "a", count: 200)]) == nil)
    let manager = try #require(ServiceManager(environment: ["NOTIFY_SOCKET": "/nowhere/notify"]))
    manager.show(progress(waiting: 1))
    manager.stopping()
  }

  @Test func `A watchdog is fed only where it is meant for this process`() {
    func watchdog(_ more: [String: String]) -> Double? {
      ServiceManager(environment: ["NOTIFY_SOCKET": "/nowhere"].merging(more) { $1 })?.watchdog
    }
    #expect(watchdog([:]) == nil)
    #expect(watchdog(["WATCHDOG_USEC": "30000000"]) == 30)
    #expect(watchdog(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "\(getpid())"]) == 30)
    #expect(watchdog(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"]) == nil)
    #expect(watchdog(["WATCHDOG_USEC": "soon"]) == nil)
  }
}
