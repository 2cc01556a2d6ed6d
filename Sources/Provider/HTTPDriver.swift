// The thread that drives all transfers of a client, and the inbox through which other threads reach it.

import CLibcurl
import Threads

/// Drives libcurl's multi handle on one thread. Everybody else only puts something in its inbox, and wakes it
/// where it sleeps: while it is busy it looks into the inbox by itself.
final class HTTPDriver: Sendable {
  typealias Outcome = Result<HTTPClient.Answer, HTTPFailure>

  /// A call that somebody waits for.
  final class Job: Sendable {
    let id: UInt64
    let call: HTTPClient.Call
    let continuation: CheckedContinuation<Outcome, Never>

    init(id: UInt64, call: HTTPClient.Call, continuation: CheckedContinuation<Outcome, Never>) {
      self.id = id
      self.call = call
      self.continuation = continuation
    }
  }

  private struct Inbox: Sendable {
    var lastID: UInt64 = 0
    var jobs: [Job] = []
    var cancelled: [UInt64] = []
    var most = Int.max
    var isStarted = false
    var isStopped = false
    /// Whether somebody is going to wake the thread for what is in the inbox.
    var isToWake = false
    /// Set while the thread sleeps, or is about to, with nothing in the inbox.
    var sleeper: Wakeup?

    var isEmpty: Bool { jobs.isEmpty && cancelled.isEmpty && !isStopped }
  }

  private let limits: HTTPClient.Limits
  private let waking: Deferring
  private let inbox = Locked(Inbox())

  init(limits: HTTPClient.Limits, waking: @escaping Deferring) {
    self.limits = limits
    self.waking = waking
  }

  func nextID() -> UInt64 {
    inbox.withLock { inbox in
      inbox.lastID += 1
      return inbox.lastID
    }
  }

  func start(_ job: Job) {
    let (isFirst, mustWake) = inbox.withLock { inbox in
      inbox.jobs.append(job)
      defer {
        inbox.isStarted = true
        inbox.isToWake = true
      }
      return (!inbox.isStarted, !inbox.isToWake)
    }
    if mustWake {
      waking { [self] in
        inbox.withLock { inbox in
          inbox.isToWake = false
          wake(&inbox)
        }
      }
    }
    if isFirst { Thread.detached(name: "http") { self.run() } }
    inbox.signal()
  }

  func cancel(_ id: UInt64) {
    inbox.withLock { inbox in
      inbox.cancelled.append(id)
      wake(&inbox)
    }
  }

  func limit(to calls: Int) {
    inbox.withLock { inbox in
      inbox.most = max(1, calls)
      wake(&inbox)
    }
  }

  func stop() {
    inbox.withLock { inbox in
      inbox.isStopped = true
      wake(&inbox)
    }
    inbox.signal()
  }

  private func wake(_ inbox: inout Inbox) {
    guard let sleeper = inbox.sleeper else { return }
    inbox.sleeper = nil
    sleeper.wake()
  }

  private func run() {
    // libcurl's resolver threads inherit it.
    blockBrokenPipeSignal()
    guard let libcurl = Libcurl.shared, let multi = libcurl.makeMulti() else { return refuseAll() }
    // Kept however few transfers run at the moment; by default libcurl closes what is more than four times as
    // many, so that each lull would cost the next burst its connections.
    libcurl.set(multi, CURLMOPT_MAXCONNECTS, 256)
    var transfers = Transfers(libcurl: libcurl, multi: multi, limits: limits)
    let wakeup = Wakeup()
    let sockets = Sockets(libcurl, multi, wakeup: wakeup)
    while true {
      let news = inbox.withLock { inbox in
        defer {
          inbox.jobs = []
          inbox.cancelled = []
        }
        return inbox
      }
      if news.isStopped {
        for job in news.jobs { job.continuation.resume(returning: .failure(.cancelled)) }
        break
      }
      transfers.most = news.most
      for job in news.jobs { transfers.add(job) }
      for id in news.cancelled { transfers.cancel(id) }
      transfers.startWaiting()
      sockets.actIfDue()
      transfers.finishDone()
      let maySleep = inbox.withLock { inbox in
        if inbox.isEmpty { inbox.sleeper = wakeup }
        return inbox.isEmpty
      }
      sockets.act(patiently: maySleep)
      inbox.withLock { $0.sleeper = nil }
    }
    // Ending a transfer ends the wait for its socket, of which libcurl tells.
    withExtendedLifetime(sockets) {
      transfers.end()
      libcurl.free(multi: multi)
    }
  }

  /// Answers every call that the library is missing.
  private func refuseAll() {
    let failure = HTTPFailure(
      cause: .installation,
      message: "libcurl 7.85 or later is not installed (libcurl.so.4); on Debian: apt-get install libcurl4")
    while true {
      let jobs = inbox.wait { inbox -> [Job]? in
        defer { inbox.jobs = [] }
        if inbox.isStopped { return [] }
        return inbox.jobs.isEmpty ? nil : inbox.jobs
      }
      if jobs.isEmpty { return }
      for job in jobs { job.continuation.resume(returning: .failure(failure)) }
    }
  }
}
