// What becomes of inputs that could not be finished, and of the provider that failed.

import FoundationEssentials
import JSONText
import Observation
import Provider
import Spool

extension Engine {
  /// Deals with a call that failed: the gate decides what it means, then each input goes back to pending or, when
  /// it has been charged too often, to failed.
  func settle(
    _ failure: Failure, _ inputs: [Input], _ id: String, _ choice: ProviderChoice, _ settings: Settings,
    wasProbe: Bool
  ) async -> TurnOutcome {
    if isStopping {
      if wasProbe { gates[choice.name]?.abandonProbe() }
      await putBack(inputs, id)
      return .left
    }
    if failure == .withdrawn {
      // As if its turn had not begun.
      if wasProbe { gates[choice.name]?.abandonProbe() }
      await putBack(inputs, id)
      return .advanced
    }
    if failure.failureClass == .spool {
      if wasProbe { gates[choice.name]?.abandonProbe() }
      storageFailed(failure.message)
      await putBack(inputs, id)
      return .left
    }
    let backoff = Backoff(base: settings.retryBase, ceiling: settings.retryMax)
    let now = clock.now()
    var gate = gates[choice.name] ?? Gate()
    let wasPaused = gate.pause != nil
    let verdict = gate.fail(
      failure, provider: choice.name, input: inputs[0].name.text,
      lastAttempt: inputs.compactMap { $0.claimed.note?.lastFailedAt }.min(),
      wasProbe: wasProbe, fingerprint: choice.fingerprint, backoff: backoff, now: now)
    gates[choice.name] = gate
    if verdict.pauses {
      if let pause = gate.pause { publish(pause, quietly: wasPaused) } else { withdrawPause(of: choice.name) }
    }
    if verdict.isCharged, inputs.count > 1 {
      log.notice(
        "\(inputs[0].name): \(inputs.count) inputs asked together failed (\(failure.message)); asked singly")
      if failure.failureClass == .answer { missedNumbers(choice) }
      singly[id] = inputs.count
      await putBack(inputs, id)
      return .advanced
    }
    var isLeft = false
    for input in inputs {
      let isGone = await settle(failure, input, id, verdict, backoff, choice, settings, now)
      if !isGone { isLeft = true }
    }
    return isLeft ? .left : .advanced
  }

  /// One input of a call that failed. True if it went to failed.
  private func settle(
    _ failure: Failure, _ input: Input, _ id: String, _ verdict: Gate.Verdict, _ backoff: Backoff,
    _ choice: ProviderChoice, _ settings: Settings, _ now: Date
  ) async -> Bool {
    let old = input.claimed.note
    var note = ErrorNote(
      name: input.name, attempts: (old?.attempts ?? 0) + (verdict.isCharged ? 1 : 0),
      crashes: old?.crashes ?? 0,
      errorClass: failure.failureClass.rawValue, status: failure.status, message: failure.message,
      firstFailedAt: old?.firstFailedAt ?? now, lastFailedAt: now, nextAttemptAt: nil, answer: failure.answer)
    if verdict.isCharged, note.attempts >= settings.maxAttempts {
      log.error(
        "\(input.name): \(failure.message); failed after \(note.attempts) attempts, now in \(spool.path)/failed"
      )
      misses[input.name] = nil
      await insist { () async throws(SpoolError) in try await self.committer.fail(input.claimed, note: note) }
      progress.failed += 1
      return true
    }
    var due: Date?
    if verdict.waits {
      let failures = verdict.isCharged ? note.attempts : misses[input.name, default: 0] + 1
      if !verdict.isCharged { misses[input.name] = failures }
      let next = now.addingTimeInterval(backoff.delay(afterFailures: failures, random: random()))
      due = next
      note.nextAttemptAt = next
      log.notice("\(input.name): \(failure.message); back in pending until \(next.rfc3339)")
    } else {
      note.nextAttemptAt = gates[choice.name]?.pause?.until
    }
    await giveBack(input, id, due: due, note: note)
    return false
  }

  /// Puts inputs back as they were, due as before, without a word in their errors files.
  func putBack(_ inputs: [Input], _ id: String) async {
    for input in inputs { await giveBack(input, id, due: nil, note: nil) }
  }

  private func giveBack(_ input: Input, _ id: String, due: Date?, note: ErrorNote?) async {
    await insist { () async throws(SpoolError) in
      try await self.committer.giveBack(input.claimed, due: due, note: note)
    }
    // Placed here and now, so that nothing of its session is taken before it; by the clock as it is by now, which
    // somebody may have set meanwhile.
    let stamp = (try? spool.stamp(of: input.name, in: .pending)) ?? nil ?? input.claimed.stamp
    backlog.place(
      input.name, session: id, stamp: stamp, demand: input.demand,
      due: due == nil ? 0 : self.due(stamp, source.current()), alone: suspects.contains(input.name))
  }

  /// Moves a claimed input that can never succeed to failed.
  func reject(_ claimed: Claimed, _ failure: Failure) async {
    log.error("\(claimed.name): \(failure.message); now in \(spool.path)/failed")
    let note = rejection(claimed.name, failure)
    await insist { () async throws(SpoolError) in try await self.committer.fail(claimed, note: note) }
    progress.failed += 1
  }

  /// Moves a waiting file that cannot even be read to failed.
  func reject(_ name: InputName, _ stamp: FileStamp, _ failure: Failure) async {
    log.error("\(name): \(failure.message); now in \(spool.path)/failed")
    let note = rejection(name, failure)
    await insist { () async throws(SpoolError) in
      try await self.committer.reject(name, expecting: stamp, note: note)
    }
    progress.failed += 1
  }

  private func rejection(_ name: InputName, _ failure: Failure) -> ErrorNote {
    let now = clock.now()
    return ErrorNote(
      name: name, attempts: 0, errorClass: failure.failureClass.rawValue, message: failure.message,
      firstFailedAt: now, lastFailedAt: now)
  }

  /// Looks once more at a waiting file for which no session was found.
  func standing(of name: InputName) throws(SpoolError) -> Standing {
    switch try spool.look(at: name) {
    case .tooLarge(let stamp):
      .unusable(
        Failure(
          .input, message: "the file has \(stamp.size) bytes; an input has at most \(Spool.longestInput)"))
    case .unreadable(let error): .unusable(Failure(.input, message: error.description))
    case .file(let bytes, _, _):
      (try? Event.Outline(decoding: Redaction(settings: source.current())(bytes)))
        .map { .event(session: $0.session) } ?? .other
    case .gone, .notTaken: .other
    }
  }

  /// What a waiting file is that no session was found for.
  enum Standing {
    case unusable(Failure)
    /// An event of this session, which may be called anything, also as a queue without one.
    case event(session: String)
    /// To be claimed, which shows what it is.
    case other
  }

  // MARK: Storage

  func storageFailed(_ error: SpoolError) { storageFailed(error.description) }

  /// The spool cannot be written: nothing new is asked for a while. Said once, until it works again.
  func storageFailed(_ message: String) {
    let failures = (storage?.failures ?? 0) + 1
    if failures == 1 { log.error("\(message); nothing new is asked until the spool can be written") }
    let wait = Backoff(base: 1, ceiling: 30).limit(afterFailures: failures)
    storage = (clock.now().addingTimeInterval(wait), failures)
  }

  func storageRecovered() {
    guard storage != nil else { return }
    storage = nil
    log.notice("the spool can be written again")
  }

  /// Waits before a write is tried again. False where it is not to be: the processor stops, or drains and has
  /// waited long enough.
  func waitForStorage(_ failures: Int) async -> Bool {
    if case .drain = mode, failures >= 4 { return false }
    await pause(seconds: Backoff(base: 1, ceiling: 30).limit(afterFailures: failures))
    return !isStopping
  }

  /// Does a move, again and again where the spool cannot be written.
  func insist(_ move: () async throws(SpoolError) -> Void) async {
    var failures = 0
    while true {
      do throws(SpoolError) {
        try await move()
        storageRecovered()
        return
      } catch {
        failures += 1
        storageFailed(error)
        guard await waitForStorage(failures) else {
          log.error("\(error); the input stays in inflight, and the next start takes it up")
          return
        }
      }
    }
  }
}
