import Glibc
import Threads

/// The signals that ask a command to end: SIGTERM, SIGINT and SIGHUP. They are taken by a thread of their own that
/// waits for them (sigwait), not by handlers, so that whatever runs is not interrupted.
struct Signals: Sendable {
  private let taken: [Int32]

  /// Holds the signals back, in this thread and all that it starts. To be called before any other thread is there.
  ///
  /// SIGINT and SIGHUP that were ignored when the program started, by `nohup` or for a job in the background,
  /// stay ignored.
  static func held() -> Signals {
    let taken = [SIGTERM] + [SIGINT, SIGHUP].filter { !isIgnored($0) }
    var set = signalSet(taken)
    pthread_sigmask(SIG_BLOCK, &set, nil)
    return Signals(taken: taken)
  }

  /// Has `stop` called at the first signal. A second one ends the program at once, as if nothing were held.
  func first(_ stop: @escaping @Sendable () -> Void) {
    Thread.detached(name: "signals") { [taken] in
      var set = signalSet(taken)
      var signal: Int32 = 0
      guard sigwait(&set, &signal) == 0 else { return }
      stop()
      guard sigwait(&set, &signal) == 0 else { return }
      Glibc.signal(signal, SIG_DFL)
      pthread_sigmask(SIG_UNBLOCK, &set, nil)
      raise(signal)
    }
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}

private func signalSet(_ signals: [Int32]) -> sigset_t {
  var set = sigset_t()
  sigemptyset(&set)
  for signal in signals { sigaddset(&set, signal) }
  return set
}
