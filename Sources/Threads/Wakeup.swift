import CSystem
import Glibc

/// Wakes a thread that sleeps in poll(2); eventfd(2).
public final class Wakeup: Sendable {
  /// Readable from a call of `wake` to the next of `drain`.
  public let descriptor: Int32

  public init() {
    descriptor = csystem_wakeup_make()
    precondition(descriptor >= 0, "the process has no file descriptor left")
  }

  deinit { close(descriptor) }

  /// From any thread; once is as good as many times.
  public func wake() {
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  public func drain() { EventLoop.drain(descriptor) }
}
