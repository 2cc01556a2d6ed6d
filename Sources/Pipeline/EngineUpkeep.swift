// What the engine keeps beside the inputs: pauses, and what has been spent.

import FoundationEssentials
import JSONText
import Observation
import Provider
import Spool

extension Engine {
  // MARK: Pauses

  /// The provider has answered: a pause may be over.
  func answered(_ choice: ProviderChoice, wasProbe: Bool) {
    var gate = gates[choice.name] ?? Gate()
    let ended = gate.succeed(now: clock.now(), wasProbe: wasProbe)
    gates[choice.name] = gate
    guard ended else { return }
    log.notice("\(choice.name) answers again; the pause is over")
    withdrawPause(of: choice.name)
  }

  /// Takes over the pauses that the files tell of. One whose file has gone is over.
  func loadPauses() {
    // While one of ours is being written the files are behind.
    guard chores == 0 else {
      pausesChanged = true
      return
    }
    pausesChanged = false
    guard let files = try? spool.pauses() else { return }
    var found: Set<String> = []
    for file in files {
      guard var pause = Pause(json: file.json) else { continue }
      // No hint is longer than a day: a time further ahead is somebody's clock.
      pause.until = min(pause.until, clock.now().addingTimeInterval(86_400))
      found.insert(pause.provider)
      guard gates[pause.provider]?.pause != pause else { continue }
      gates[pause.provider, default: Gate()].close(pause)
    }
    for (name, gate) in gates where gate.pause != nil && !found.contains(name) {
      gates[name]?.reopen()
      log.notice("\(name): the pause was ended by hand")
    }
  }

  /// Writes a pause's file and, unless it only goes on, says why.
  func publish(_ pause: Pause, quietly: Bool = false) {
    if !quietly {
      log.warning("\(pause.provider) is paused until \(pause.until.rfc3339): \(pause.message)")
    }
    let bytes = pause.json
    enqueue { (committer) async throws(SpoolError) in
      try await committer.publish(bytes, at: .pause(provider: pause.provider))
    }
  }

  func withdrawPause(of provider: String) {
    enqueue { (committer) async throws(SpoolError) in try await committer.withdraw(.pause(provider: provider))
    }
  }

  // MARK: Money

  /// Adds a call to what was spent today and to the usage file.
  func spent(_ line: UsageLine) {
    if line.costUSD == nil, source.current().dailyBudgetUSD != nil, unpriced.insert(line.model).inserted {
      log.warning(
        "no price is known for \(line.model), so OBSPOOL_DAILY_BUDGET_USD does not see what it costs; set OBSPOOL_PRICES"
      )
    }
    progress.calls += 1
    progress.costUSD += line.costUSD ?? 0
    money.add(line)
    unwrittenUsage[line.day, default: []].append(line.json)
    // The lines that come while others are being written are written together.
    guard !isUsageEnqueued else { return }
    isUsageEnqueued = true
    enqueue { (committer) async throws(SpoolError) in
      var unwritten = await self.takeUnwrittenUsage()
      for day in unwritten.keys.sorted() {
        do throws(SpoolError) {
          try await committer.append(lines: unwritten[day] ?? [], toUsageOf: day)
        } catch {
          // They are taken again when this is tried again, which it is only where that may help.
          if error.isStorage { await self.keepUnwrittenUsage(unwritten) }
          throw error
        }
        unwritten[day] = nil
      }
    }
  }

  private func takeUnwrittenUsage() -> [String: [[UInt8]]] {
    isUsageEnqueued = false
    defer { unwrittenUsage.removeAll() }
    return unwrittenUsage
  }

  private func keepUnwrittenUsage(_ lines: [String: [[UInt8]]]) {
    unwrittenUsage.merge(lines) { newer, older in older + newer }
  }

  /// Reads what was spent today before this start, and when each provider answered last.
  func loadSpending() {
    let day = UsageLine.day(of: clock.now())
    guard let bytes = (try? spool.usage(of: day)) ?? nil else { return }
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      guard let line = UsageLine(json: Array(line)) else { continue }
      money.add(line)
      gates[line.provider, default: Gate()].remember(success: line.at)
    }
  }

  // MARK: One after another

  /// Writes something beside the inputs, after what was to be written before. It is no input: where it cannot
  /// be written the log says so, and nothing waits for it.
  private func enqueue(_ write: @escaping @Sendable (Committer) async throws(SpoolError) -> Void) {
    let before = chore
    let (committer, log) = (committer, log)
    chores += 1
    chore = Task(executorPreference: loop) {
      await before?.value
      var failures = 0
      while true {
        do throws(SpoolError) {
          try await write(committer)
          break
        } catch {
          failures += 1
          guard error.isStorage, await self.waitForStorage(failures) else {
            log.warning(error.description)
            break
          }
        }
      }
      await self.choreEnded()
    }
  }

  private func choreEnded() {
    chores -= 1
    guard chores == 0 else { return }
    if pausesChanged { loadPauses() }
    // It may have been all that was left to do.
    pump()
  }
}
