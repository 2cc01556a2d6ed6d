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

  public func drain() { takeCount(outOf: descriptor) }
}

/// Reads an eventfd or a timerfd, so that it is readable no more.
func takeCount(outOf descriptor: Int32) {
  var count: UInt64 = 0
  _ = read(descriptor, &count, 8)
}
