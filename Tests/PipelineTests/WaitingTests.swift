import Foundation
import Spool
import TestSupport
import Testing
import Threads

@testable import Pipeline

/// An hour behind, so that each alarm goes off at once, and later by a step whenever somebody looks.
private final class SteppingClock: Clock {
  private let time = Locked(Date(timeIntervalSinceNow: -3600))
  private let step: Double

  init(step: Double) { self.step = step }

  func now() -> Date {
    time.withLock { time in
      defer { time += step }
      return time
    }
  }
}

@Suite struct WaitingTests {
  @Test(.timeLimit(.minutes(5)), arguments: [0.15, 0.25, 0.4, 0.55, 0.7])
  func `a wait ends though its moment comes while the engine looks at something else`(step: Double)
    async throws
  {
    let bench = try Workbench { _ in .close }
    let engine = Engine(
      Engine.Parts(
        spool: try bench.spool(),
        settings: SettingsSource(option: bench.settingsPath, environment: bench.environment),
        clock: SteppingClock(step: step), log: Log(journal: false) { _ in }))
    // A wait that nothing ends is ended with the engine, so that the time limit tells of it.
    await withTaskCancellationHandler {
      for _ in 0..<20 { await engine.pause(seconds: 1) }
    } onCancel: {
      Task { await engine.stop() }
    }
    #expect(await engine.wakeUps >= 20)
  }
}
