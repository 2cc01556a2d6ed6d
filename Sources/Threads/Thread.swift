import CSystem
import Glibc

/// A thread of the operating system that runs one closure. Blocking work belongs on one, never on the
/// concurrency pool, which has no more threads than there are cores.
public struct Thread: Sendable {
  private let handle: pthread_t

  /// Starts a thread.
  ///
  /// - Parameter name: What debuggers and `ps -L` show; of a longer one, what fits in 15 bytes.
  public init(name: String, _ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Body(name: name, run: body))
    var handle = pthread_t()
    let status = pthread_create(
      &handle, nil,
      { argument in
        guard let argument else { return nil }
        let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
        csystem_name_thread(body.shortName)
        body.run()
        return nil
      }, box.toOpaque())
    precondition(status == 0, "the system has no thread left: \(String(cString: strerror(status)))")
    self.handle = handle
  }

  /// Waits until the closure has returned. To be called once, and not after `detach`.
  public func join() { pthread_join(handle, nil) }

  /// Lets what the thread holds go with its end, since nobody will wait for it. A thread that is neither joined nor
  /// detached keeps its stack for as long as the program runs.
  public func detach() { pthread_detach(handle) }

  /// Starts a thread that nobody waits for.
  public static func detached(name: String, _ body: @escaping @Sendable () -> Void) {
    Thread(name: name, body).detach()
  }
}

private final class Body: Sendable {
  let name: String
  let run: @Sendable () -> Void

  init(name: String, run: @escaping @Sendable () -> Void) {
    self.name = name
    self.run = run
  }

  /// The kernel refuses a name of more than 15 bytes.
  var shortName: String {
    var short = name
    while short.utf8.count > 15 { short.removeLast() }
    return short
  }
}
