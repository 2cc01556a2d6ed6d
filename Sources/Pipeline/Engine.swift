// The engine drains a spool: it looks at what waits, lets sessions take turns, and stops when it is told to.

import FoundationEssentials
import Observation
import Provider
import Spool
import Threads

/// Drains one spool. All its work is done on one thread of its own, in short steps: the calls wait on the HTTP
/// client's thread, and what must reach the disk on the committer's.
public actor Engine {
  /// Whether the engine ends when nothing can be done now, or stands.
  enum Mode {
    case drain
    case watch(idleExit: Double?)
  }

  nonisolated let loop: EventLoop
  /// Where whoever waits for the engine can run, so that the concurrency pool is never used: once it is, Dispatch wakes
  /// the process every second to look after it.
  nonisolated public var executor: any TaskExecutor { loop }
  nonisolated public var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  let spool: Spool
  let committer: Committer
  let source: SettingsSource
  let clock: any Clock
  let log: Log
  let random: @Sendable () -> Double
  private let onProgress: (@Sendable (Progress) -> Void)?
  private let onRest: (@Sendable () -> Void)?
  let command: String?
  private let heartbeat: Heartbeat?
  private var lastBeat: Date?
  private var lastLook: Date?
  let http: HTTPClient

  var mode = Mode.drain
  var backlog = Backlog()
  var gates: [String: Gate] = [:]
  var money: Money
  /// Models of which nobody knows the price, said once.
  var unpriced: Set<String> = []
  var progress = Progress()
  /// Inputs that were in flight when the processor died, three times or more: each is tried alone.
  var suspects: Set<InputName> = []
  /// Sessions that are asked one input a call for so many inputs, after a batch has failed.
  var singly: [String: Int] = [:]
  /// Models that did not number their answers, how often in a row.
  var unnumbered: [String: Int] = [:]
  var pacing = Pacing()
  /// The last commit of each session that has one under way.
  var lastCommit: [String: CommitUnderWay] = [:]
  /// Until when nothing new is asked because the spool could not be written, and how often in a row.
  var storage: (until: Date, failures: Int)?
  /// Some eighty messages of 500 kB, or the conversations of a thousand sessions. One that is not among them is read
  /// from the session's records again.
  var conversations = Recent<Conversation>(budget: 40_000_000) { $0.window.length + 1000 }
  var choice: (settings: Settings, choice: ProviderChoice)?
  var complained: Set<String> = []
  private var running: [Backlog.Session: Task<Void, Never>] = [:]
  private var exclusive = false
  /// Files that were still being written when they were looked at, and when to look again.
  var unsettled: [InputName: Date] = [:]
  var named: Set<String> = []
  /// Commits under way.
  var commits = 0
  /// Failures in a row that may pass, by input, since the start.
  var misses: [InputName: Int] = [:]
  /// What is being written beside the inputs, one after another.
  var chore: Task<Void, Never>?
  var chores = 0
  /// Whether the pauses' files have changed while one of ours was being written.
  var pausesChanged = false
  /// Calls that no usage file tells of yet, by day, and whether a chore that writes them is to come.
  var unwrittenUsage: [String: [[UInt8]]] = [:]
  var isUsageEnqueued = false
  var watcher: Watcher?
  private var sleepers: [(until: Date, continuation: CheckedContinuation<Void, Never>)] = []
  private var idle: CheckedContinuation<Void, Never>?
  private var idleSince: Date?
  private(set) var isStopping = false
  private var pumping = false
  private var isResting = false
  /// How often it has looked at the clock because it was told to.
  private(set) var wakeUps = 0
  /// Whether `pump` is going to be called.
  private var pumpsLater = false

  public init(_ parts: Parts) {
    spool = parts.spool
    source = parts.settings
    clock = parts.clock
    log = parts.log
    random = parts.random
    onProgress = parts.onProgress
    onRest = parts.onRest
    command = parts.command
    heartbeat = parts.heartbeat
    money = Money()
    let alarm = Locked<(@Sendable () -> Void)?>(nil)
    loop = EventLoop(name: "engine") { alarm.withLock { $0 }?() }
    http = HTTPClient { [loop] in loop.afterwards($0) }
    committer = Committer(spool: parts.spool) { [loop] in loop.afterwards($0) }
    alarm.withLock {
      $0 = { [weak self] in
        guard let self else { return }
        Task(executorPreference: self.loop) { await self.wake() }
      }
    }
  }

  // MARK: Running

  /// Tries each input that is due once. An engine runs once.
  ///
  /// - Throws: An error where another processor owns the spool, or it cannot be read at all.
  public func drain() async throws(SpoolError) -> DrainResult {
    mode = .drain
    try start()
    await untilIdle()
    await finish()
    let left = try spool.names(in: .pending).count + spool.names(in: .inflight).count
    return DrainResult(left: left, progress: progress)
  }

  /// Stands and takes what comes, until `stop`, or until nothing has waited for `idleExit` seconds.
  public func watch(idleExit: Double?) async throws(SpoolError) {
    mode = .watch(idleExit: idleExit)
    let watcher = try spool.watch(settingsFile: source.path)
    self.watcher = watcher
    loop.watch(watcher.descriptor) { [weak self] in
      guard let self else { return }
      Task(executorPreference: self.loop) { await self.hear() }
    }
    defer {
      loop.unwatch(watcher.descriptor)
      self.watcher = nil
    }
    try start()
    await untilIdle()
    await finish()
  }

  /// Stops taking new inputs, gives back what is in flight, and lets `drain` or `watch` return. What is being
  /// committed is committed.
  public func stop() {
    isStopping = true
    for task in running.values { task.cancel() }
    let sleeping = sleepers
    sleepers.removeAll()
    for sleeper in sleeping { sleeper.continuation.resume() }
    pump()
  }

  /// Looks at the clock again. Called when the alarm goes off, and by tests that have moved the clock.
  public func wake() {
    wakeUps += 1
    pump()
  }

  private func start() throws(SpoolError) {
    try spool.own()
    try recover()
    loadPauses()
    loadSpending()
    lookAtSettings()
    try list()
  }

  private func untilIdle() async {
    await withCheckedContinuation { continuation in
      idle = continuation
      pump()
    }
  }

  private func finish() async {
    await chore?.value
    await committer.close()
    loop.setAlarm(nil)
    loop.stop()
    spool.release()
  }

  // MARK: Turns

  var hasTurns: Bool { !running.isEmpty }

  /// Whether turns may begin: not before somebody waits for the end, and not once that has come.
  private var isRunning: Bool { idle != nil && !isStopping }

  /// Does all that can be done now: looks at names, starts turns, sets the alarm.
  func pump() {
    guard !pumping else { return }
    pumping = true
    defer { pumping = false }
    let now = clock.now()
    if let lastLook, lastLook.timeIntervalSince(now) > 1 {
      clockWasSetBack(by: lastLook.timeIntervalSince(now))
    }
    lastLook = now
    beat(now)
    wakeSleepers(now)
    for (name, moment) in unsettled where moment <= now {
      unsettled[name] = nil
      backlog.add(arrival: name)
    }
    if isRunning {
      if backlog.hasUnseen { scan() }
      startTurns(now)
    }
    if running.isEmpty, backlog.count == 0 {
      backlog.forgetIfLarge()
      rest()
    }
    report()
    if endsIdle(now) { return }
    setAlarm()
    if backlog.hasUnseen, isRunning { pumpLater() }
  }

  /// Tells once that there is nothing to do, when the last commit has ended.
  private func rest() {
    guard let onRest, !isResting, commits == 0, chores == 0, case .watch = mode else { return }
    isResting = true
    // Those of the sessions that go on now and then.
    conversations.shrink(to: 2_000_000)
    onRest()
  }

  /// Does all that can be done now after whatever else waits on the loop: once for all turns and commits that end beside
  /// each other, whose sessions go on together.
  func pumpLater() {
    guard !pumpsLater else { return }
    pumpsLater = true
    Task(executorPreference: loop) { await self.goOn() }
  }

  private func goOn() {
    pumpsLater = false
    pump()
  }

  private func startTurns(_ now: Date) {
    if let storage, storage.until > now { return }
    guard backlog.mayHaveReady, !exclusive else { return }
    let (settings, choice) = lookAtSettings()
    let moment = Int64(now.timeIntervalSince1970 * 1e9)
    while running.count < turnsAtOnce(choice, settings), !exclusive, backlog.mayHaveReady {
      let admission = admission(choice, settings, now)
      if admission != .closed { backlog.releaseHeld() }
      guard let session = backlog.takeReady(now: moment, admitsCalls: admission != .closed) else { return }
      guard let head = backlog.head(of: session, now: moment) else {
        backlog.finish(session, shelving: false)
        continue
      }
      if head.alone {
        guard running.isEmpty else { return backlog.putBack(session) }
        exclusive = true
      }
      let isProbe = head.demand.needsCall && admission == .probe
      if isProbe { gates[choice.name]?.beginProbe() }
      if head.demand.needsCall { pacing.take(choice, now) }
      idleSince = nil
      isResting = false
      running[session] = Task(executorPreference: loop) {
        let outcome = await self.takeTurn(of: session, choice, settings, isProbe: isProbe)
        await self.turnEnded(session, outcome)
      }
    }
  }

  /// As many as there may be calls, and where these are many some more: their calls wait on the HTTP client's thread,
  /// which makes one as soon as another has ended, whatever the engine has to do first.
  private func turnsAtOnce(_ choice: ProviderChoice, _ settings: Settings) -> Int {
    settings.concurrency + (choice.isHTTP ? settings.concurrency / 16 : 0)
  }

  private func turnEnded(_ session: Backlog.Session, _ outcome: TurnOutcome) {
    running[session] = nil
    exclusive = false
    let isDrain = if case .drain = mode { true } else { false }
    backlog.finish(session, shelving: isDrain && outcome == .left)
    pumpLater()
  }

  // MARK: Waiting

  /// Waits by the engine's clock. Returns early when the engine stops.
  func pause(seconds: Double) async {
    guard !isStopping else { return }
    let until = clock.now().addingTimeInterval(seconds)
    await withCheckedContinuation { continuation in
      sleepers.append((until, continuation))
      setAlarm()
    }
  }

  /// Every moment that something waits for has moved away by so much: all are moved along, and what waits in pending is
  /// looked at again, since a time far ahead is no schedule.
  private func clockWasSetBack(by seconds: Double) {
    log.notice("the clock was set back by \(Int(seconds)) seconds; looking at everything again")
    for index in sleepers.indices { sleepers[index].until -= seconds }
    for name in unsettled.keys { unsettled[name]? -= seconds }
    storage?.until -= seconds
    for (name, var gate) in gates {
      guard let pause = gate.clockWasSetBack(by: seconds) else { continue }
      gates[name] = gate
      publish(pause, quietly: true)
    }
    do throws(SpoolError) { try list() } catch { log.error(error.description) }
  }

  private func wakeSleepers(_ now: Date) {
    let due = sleepers.filter { $0.until <= now }
    sleepers.removeAll { $0.until <= now }
    for sleeper in due { sleeper.continuation.resume() }
  }

  private func setAlarm() {
    // What had come by the last look was dealt with then, and would go off again and again. What has come since goes off
    // at once: nobody else looks at it. Where somebody has set the clock back since, nothing of the new time was.
    let looked = min(lastLook ?? .distantPast, clock.now())
    var moments = sleepers.map(\.until) + unsettled.values
    if let due = backlog.nextDue() { moments.append(Date(timeIntervalSince1970: Double(due) / 1e9)) }
    if backlog.hasHeld || backlog.hasReady {
      // While a probe is out its end decides; a moment that has passed would go off at once, again and again.
      if let gate = choice.flatMap({ gates[$0.choice.name] }), let pause = gate.pause, !gate.isProbing {
        moments.append(pause.until)
      }
      if let call = pacing.nextCall { moments.append(call) }
    }
    if let storage { moments.append(storage.until) }
    moments.removeAll { $0 <= looked }
    if case .watch(let idleExit?) = mode, let idleSince {
      moments.append(idleSince.addingTimeInterval(idleExit))
    }
    if let heartbeat, let lastBeat { moments.append(lastBeat.addingTimeInterval(heartbeat.seconds)) }
    loop.setAlarm(moments.min().map { Int64($0.timeIntervalSince1970 * 1e9) + 1 })
  }

  private func beat(_ now: Date) {
    guard let heartbeat else { return }
    // Somebody may have set the clock back.
    if let lastBeat, now >= lastBeat, now.timeIntervalSince(lastBeat) < heartbeat.seconds { return }
    lastBeat = now
    heartbeat.beat()
  }

  /// Ends the run if nothing is left to do. True if it has ended.
  private func endsIdle(_ now: Date) -> Bool {
    guard running.isEmpty, commits == 0, sleepers.isEmpty, idle != nil else { return false }
    switch mode {
    case _ where isStopping: break
    case .drain:
      if backlog.hasUnseen || waitsInDrain(now) { return false }
    case .watch(let idleExit):
      guard backlog.count == 0, unsettled.isEmpty, let idleExit else {
        idleSince = nil
        return false
      }
      let since = idleSince ?? now
      idleSince = since
      // Somebody may have set the clock back.
      if now < since { idleSince = now }
      guard now.timeIntervalSince(since) >= idleExit else { return false }
      guard nothingVisible() else {
        // It is no use to look again before something changes, which is heard of.
        idleSince = nil
        return false
      }
    }
    idle?.resume()
    idle = nil
    return true
  }

  /// Whether a drain goes on although no turn is being taken: when the next call only has to be paced.
  private func waitsInDrain(_ now: Date) -> Bool {
    (backlog.hasReady || backlog.hasHeld) && pacing.nextCall != nil
  }

  /// Whether pending and inflight show no name of any kind, as systemd's `DirectoryNotEmpty=` sees them: else a
  /// path unit would start the processor again at once, and for ever.
  private func nothingVisible() -> Bool {
    for state in [State.pending, .inflight] {
      guard let names = try? spool.names(in: state), names.isEmpty, names.others.isEmpty else { return false }
    }
    return true
  }

  private func report() {
    guard let onProgress else { return }
    progress.waiting = backlog.count
    progress.running = running.count
    progress.pause = choice.flatMap { gates[$0.choice.name]?.pause }
    onProgress(progress)
  }
}
