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

@Suite(.timeLimit(.minutes(5))) struct WaitingTests {
  private func engine(_ bench: Workbench, _ clock: any Clock) throws -> Engine {
    Engine(
      Engine.Parts(
        spool: try bench.spool(),
        settings: SettingsSource(option: bench.settingsPath, environment: bench.environment),
        clock: clock, log: Log(journal: false) { _ in }))
  }

  /// Waits so many seconds. A wait that nothing ends is ended with the engine, so that the time limit tells of it.
  private func wait(seconds: Double, times: Int = 1, on engine: Engine) async {
    await withTaskCancellationHandler {
      for _ in 0..<times { await engine.pause(seconds: seconds) }
    } onCancel: {
      Task { await engine.stop() }
    }
  }

  @Test(arguments: [0.15, 0.25, 0.4, 0.55, 0.7])
  func `a wait ends though its moment comes while the engine looks at something else`(step: Double)
    async throws
  {
    let engine = try engine(Workbench { _ in .close }, SteppingClock(step: step))
    await wait(seconds: 1, times: 20, on: engine)
    #expect(await engine.wakeUps >= 20)
  }

  @Test func `a wait ends that begins after the clock was set back`() async throws {
    let bench = try Workbench { _ in .close }
    let engine = try engine(bench, bench.clock)
    await engine.wake()
    bench.clock.advance(-7200)
    await wait(seconds: 1, on: engine)
    #expect(await engine.wakeUps >= 2)
  }
}
