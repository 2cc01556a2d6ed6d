import Glibc

/// A value that one thread at a time may touch.
///
/// It is a pthread mutex rather than `Synchronization.Mutex`, because ThreadSanitizer knows the one and
/// reports false races in the other.
public final class Locked<Value>: @unchecked Sendable {
  // Unchecked because the compiler cannot see that `value` is only touched while `mutex` is held; it is
  // private, and `withLock` is the only way to it.
  private var value: Value
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  public init(_ value: sending Value) {
    self.value = value
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Runs `body` with the value while no other thread has it.
  public func withLock<Result, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&value)
  }

  /// Waits, without using the processor, until `body` gives something; it is asked now and after each `signal`.
  public func wait<Result>(_ body: (inout sending Value) -> sending Result?) -> sending Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&value) { return result }
      pthread_cond_wait(condition, mutex)
    }
  }

  /// Wakes those who wait, to look again.
  public func signal() { pthread_cond_broadcast(condition) }
}
