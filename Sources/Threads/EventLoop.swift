// One thread that runs everything an actor does, and sleeps in poll(2) when there is nothing to do.

import CSystem
import Glibc

/// Calls what it is given later, once: when those who ask a thread for something have asked for all they will for now.
/// So the thread is woken once for all of it.
public typealias Deferring = @Sendable (@escaping @Sendable () -> Void) -> Void

/// An executor of one thread, for an actor whose work is many short steps and some brief file operations:
/// it never takes a thread of the concurrency pool, and all that the actor touches stays on one core.
///
/// While no step is ready the thread sleeps in poll(2) on the watched descriptors and the alarm; it uses no
/// processor time then.
public final class EventLoop: SerialExecutor, TaskExecutor {
  private struct State {
    var jobs: [UnownedJob] = []
    var sources: [Source] = []
    var afterwards: [@Sendable () -> Void] = []
    var isSleeping = false
    var isStopped = false
  }

  private final class Source: Sendable {
    let descriptor: Int32
    let isReady: @Sendable () -> Void

    init(descriptor: Int32, isReady: @escaping @Sendable () -> Void) {
      self.descriptor = descriptor
      self.isReady = isReady
    }
  }

  private let state = Locked(State())
  private let wakeup = Wakeup()
  private let alarm: Int32
  /// What the alarm is set to, so that setting it to the same moment again costs no system call.
  private let alarmMoment = Locked<Int64>(0)

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - name: The thread's name, at most 15 bytes.
  ///   - alarmed: Called on the thread when the alarm's moment has come, or somebody has set the clock.
  public init(name: String, alarmed: @escaping @Sendable () -> Void = {}) {
    alarm = csystem_alarm_make()
    precondition(alarm >= 0, "the process has no file descriptor left")
    let (alarm, wakeup, alarmMoment) = (alarm, wakeup, alarmMoment)
    watch(alarm) {
      takeCount(outOf: alarm)
      alarmMoment.withLock { $0 = 0 }
      alarmed()
    }
    watch(wakeup.descriptor) { wakeup.drain() }
    Thread.detached(name: name) { [self] in run() }
  }

  deinit { close(alarm) }

  /// Calls `isReady` on the loop's thread whenever `descriptor` can be read. It has to be read there, or
  /// the call comes again at once.
  public func watch(_ descriptor: Int32, isReady: @escaping @Sendable () -> Void) {
    let source = Source(descriptor: descriptor, isReady: isReady)
    state.withLock { $0.sources.append(source) }
    wakeup.wake()
  }

  /// Ends watching a descriptor, before it is closed. Called on the loop's thread, it is the end of calls at once.
  public func unwatch(_ descriptor: Int32) {
    state.withLock { $0.sources.removeAll { $0.descriptor == descriptor } }
    wakeup.wake()
  }

  /// Sets the one alarm: nanoseconds since 1970 on the wall clock, or nil for none. It goes off at that moment
  /// whatever the clock is set to meanwhile, and at once if the moment has passed.
  public func setAlarm(_ nanoseconds: Int64?) {
    let moment = nanoseconds.map { max($0, 1) } ?? 0
    let isNew = alarmMoment.withLock { known in
      defer { known = moment }
      return known != moment
    }
    guard isNew else { return }
    // ECANCELED tells that the clock was set since the last call; the alarm is set all the same.
    _ = csystem_alarm_set(alarm, moment)
  }

  /// Calls `body` on the loop's thread when the steps that were queued beside the one that runs have run too.
  public func afterwards(_ body: @escaping @Sendable () -> Void) {
    let mustWake = state.withLock { state in
      state.afterwards.append(body)
      defer { state.isSleeping = false }
      return state.isSleeping
    }
    if mustWake { wakeup.wake() }
  }

  /// Ends the thread once what is queued has run.
  public func stop() {
    state.withLock { $0.isStopped = true }
    wakeup.wake()
  }

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let mustWake = state.withLock { state in
      state.jobs.append(job)
      defer { state.isSleeping = false }
      return state.isSleeping
    }
    if mustWake { wakeup.wake() }
  }

  public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

  private func run() {
    let serial = asUnownedSerialExecutor()
    let task = asUnownedTaskExecutor()
    var jobs: [UnownedJob] = []
    var busyRounds = 0
    while true {
      jobs.removeAll(keepingCapacity: true)
      let (sources, afterwards, stopped) = state.withLock { state in
        swap(&jobs, &state.jobs)
        var afterwards: [@Sendable () -> Void] = []
        swap(&afterwards, &state.afterwards)
        state.isSleeping = jobs.isEmpty && afterwards.isEmpty
        return (state.sources, afterwards, state.isStopped)
      }
      for body in afterwards { body() }
      if jobs.isEmpty, !afterwards.isEmpty { continue }
      for job in jobs { job.runSynchronously(isolatedTo: serial, taskExecutor: task) }
      busyRounds = jobs.isEmpty ? 0 : busyRounds + 1
      if jobs.isEmpty, stopped { return }
      // Under steady work the descriptors are looked at all the same, now and then.
      if jobs.isEmpty || busyRounds % 64 == 0 { poll(sources, patiently: jobs.isEmpty) }
    }
  }

  private func poll(_ sources: [Source], patiently: Bool) {
    var waits = sources.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    let ready = Glibc.poll(&waits, nfds_t(waits.count), patiently ? -1 : 0)
    state.withLock { $0.isSleeping = false }
    guard ready > 0 else { return }
    for (wait, source) in zip(waits, sources) where wait.revents != 0 {
      // One source may have ended the watching of another.
      guard state.withLock({ state in state.sources.contains { $0 === source } }) else { continue }
      source.isReady()
    }
  }
}
