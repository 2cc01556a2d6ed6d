// What a service tells the service manager that started it: sd_notify(3), in a few lines of its own.

import FoundationEssentials
import Glibc
import Pipeline
import Threads

/// The service manager, told over the datagram socket that `$NOTIFY_SOCKET` names: a path, or an abstract address,
/// which is written with `@` for its leading NUL.
///
/// Nothing is said where no one listens, and a message that cannot be sent is dropped: the service does its work all
/// the same.
final class ServiceManager: Sendable {
  /// How often the manager wants a sign of life, in seconds; nil where it does not watch.
  let watchdog: Double?
  private let descriptor: Int32
  private let address: sockaddr_un
  private let length: socklen_t
  private let said = Locked(Said())

  private struct Said {
    var isReady = false
    var status = ""
    var at: ContinuousClock.Instant?
  }

  /// Nil where no service manager has started this process.
  init?(environment: [String: String]) {
    guard let name = environment["NOTIFY_SOCKET"], let first = name.utf8.first,
      first == UInt8(ascii: "/") || first == UInt8(ascii: "@")
    else { return nil }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(name.utf8)
    if first == UInt8(ascii: "@") { bytes[0] = 0 }
    let fits = withUnsafeMutableBytes(of: &address.sun_path) { path in
      guard bytes.count < path.count else { return false }
      path.copyBytes(from: bytes)
      return true
    }
    guard fits else { return nil }
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    self.address = address
    // An abstract address is as long as its name; one that is a path ends in a NUL, which may be counted.
    let head = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    length = socklen_t(head + bytes.count + (bytes[0] == 0 ? 0 : 1))
    watchdog = Self.watchdog(environment)
  }

  deinit { close(descriptor) }

  /// `$WATCHDOG_USEC`, if `$WATCHDOG_PID` does not say that it is for another process (sd_watchdog_enabled(3)).
  private static func watchdog(_ environment: [String: String]) -> Double? {
    guard let text = environment["WATCHDOG_USEC"], let microseconds = Double(text), microseconds > 0,
      environment["WATCHDOG_PID"].map({ $0 == "\(getpid())" }) ?? true
    else { return nil }
    return microseconds / 1e6
  }

  /// Proof that whoever calls this lives.
  func beat() { send("WATCHDOG=1") }

  /// The service is on its way out.
  func stopping() { send("STOPPING=1\nSTATUS=Stopping", waiting: true) }

  /// Tells how far the work is. The first time says that the service is ready.
  ///
  /// Under load the manager hears of it once a second; of a state in which nothing runs, at once.
  func show(_ progress: Progress) {
    let now = ContinuousClock.now
    let status = Self.text(progress)
    let (message, isFirst): (String?, Bool) = said.withLock { said in
      if said.isReady {
        if status == said.status { return (nil, false) }
        if progress.running > 0, let at = said.at, now - at < .seconds(1) { return (nil, false) }
      }
      defer {
        said.isReady = true
        said.status = status
        said.at = now
      }
      return ((said.isReady ? "" : "READY=1\n") + "STATUS=" + status, !said.isReady)
    }
    if let message { send(message, waiting: isFirst) }
  }

  /// The one line of `systemctl status`.
  static func text(_ progress: Progress) -> String {
    var parts = ["\(grouped(progress.waiting)) waiting", "\(grouped(progress.done)) done since the start"]
    if progress.running > 0 { parts.insert("\(grouped(progress.running)) running", at: 1) }
    if progress.failed > 0 { parts.append("\(grouped(progress.failed)) failed") }
    if progress.calls > 0 { parts.append("\(counted(progress.calls, "call")), \(dollars(progress.costUSD))") }
    var text = parts.joined(separator: ", ")
    if let pause = progress.pause {
      text += "; \(pause.provider) paused until \(localTime(pause.until)): \(pause.message)"
    }
    return Printable.line(text)
  }

  /// - Parameter waiting: Whether to wait for a manager that does not read at the moment. What will be said again is
  ///   not worth it: the work goes first.
  private func send(_ message: String, waiting: Bool = false) {
    var address = address
    let bytes = Array(message.utf8)
    _ = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        sendto(
          descriptor, bytes, bytes.count,
          Int32(MSG_NOSIGNAL) | (waiting ? 0 : Int32(MSG_DONTWAIT)), raw, length)
      }
    }
  }
}
