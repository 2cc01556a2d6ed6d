// What drain, watch and demo share: an engine that runs on the pool while the main thread waits, its progress on a
// terminal, and signals that wind it up.

import CSystem
import FoundationEssentials
import Pipeline
import Spool
import Threads

extension Call {
  /// The settings that `--settings` names, or that are found without it.
  var settings: SettingsSource {
    SettingsSource(option: arguments.value(.settings), environment: environment)
  }

  /// Where the command `claude` is, which answers for the provider `claude` where there is no key.
  var claudeCommand: String? {
    (environment["PATH"] ?? "").split(separator: ":").lazy.map { $0 + "/claude" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs an engine on a spool until `work` returns, and winds it up at a signal.
  @discardableResult
  func run<Result: Sendable>(
    _ spool: Spool, settings: SettingsSource,
    _ work: @escaping @Sendable (Engine) async throws(SpoolError) -> Result
  ) throws(CommandError) -> Result {
    let messages = messages
    let progress = ProgressLine(messages: messages)
    // The progress line stands for what would be a line a call in a log.
    var onProgress: (@Sendable (Progress) -> Void)?
    if messages.isTerminal { onProgress = { progress.show($0) } }
    let manager = ServiceManager(environment: environment)
    if let manager { onProgress = { manager.show($0) } }
    // Twice as often as the manager wants it (sd_watchdog_enabled(3)).
    let heartbeat = manager?.watchdog.map { seconds in
      Engine.Heartbeat(every: seconds / 2) { manager?.beat() }
    }
    let log = Log(
      journal: messages.isJournal(environment["JOURNAL_STREAM"]), upTo: messages.isTerminal ? .notice : .info
    ) { messages.write($0) }
    let engine = Engine(
      Engine.Parts(
        spool: spool, settings: settings, clock: clock, log: log, onProgress: onProgress,
        onRest: csystem_rest,
        command: claudeCommand, heartbeat: heartbeat))
    signals?.first {
      manager?.stopping()
      messages.write("stopping; what is in flight goes back to pending")
      Task.detached(executorPreference: engine.executor) { await engine.stop() }
    }
    defer {
      manager?.stopping()
      progress.end()
    }
    return try awaiting(on: engine.executor) { () async throws(SpoolError) in try await work(engine) }
  }
}

extension Call {
  /// The exit code of a command that has drained a spool, with a word on standard error about what is left in it.
  ///
  /// - Parameter directory: The spool, where `obspool status` has to be told.
  func code(forLeft count: Int, in directory: String?) -> ExitCode {
    guard count > 0 else { return .ok }
    let status = "obspool status" + (directory.map { " --spool \($0)" } ?? "")
    messages.warning(
      "\(counted(count, "input")) \(count == 1 ? "waits or is" : "wait or are") in flight; `\(status)` tells why"
    )
    return .tryAgain
  }
}

/// The line that tells a person at a terminal how far the work is.
final class ProgressLine: Sendable {
  private let messages: Messages
  private let state = Locked(State())

  private struct State {
    let begun = ContinuousClock.now
    var latest: Progress?
    var drawn: ContinuousClock.Instant?
  }

  init(messages: Messages) { self.messages = messages }

  /// Draws the line, at most ten times a second.
  func show(_ progress: Progress) {
    let now = ContinuousClock.now
    let seconds: Double? = state.withLock { state in
      state.latest = progress
      if let drawn = state.drawn, now - drawn < .milliseconds(100) { return nil }
      state.drawn = now
      return (now - state.begun) / .seconds(1)
    }
    if let seconds { messages.show(progress: Self.text(progress, after: seconds)) }
  }

  /// Draws the last state of affairs and leaves it there.
  func end() {
    let now = ContinuousClock.now
    let (latest, seconds) = state.withLock { ($0.latest, (now - $0.begun) / .seconds(1)) }
    if let latest { messages.show(progress: Self.text(latest, after: seconds)) }
    messages.endProgress()
  }

  /// The line, so many seconds after the start.
  static func text(_ progress: Progress, after seconds: Double) -> String {
    let rate = Double(progress.done) / max(seconds, 0.001)
    var parts = ["\(grouped(progress.done)) done"]
    if progress.failed > 0 { parts.append("\(grouped(progress.failed)) failed") }
    parts.append("\(grouped(progress.waiting)) waiting")
    if progress.running > 0 { parts.append("\(grouped(progress.running)) running") }
    parts.append("\(decimal(rate, places: rate < 10 ? 1 : 0))/s")
    parts.append(dollars(progress.costUSD))
    if let pause = progress.pause { parts.append("\(Printable.line(pause.provider)) paused") }
    return parts.joined(separator: ", ")
  }
}
