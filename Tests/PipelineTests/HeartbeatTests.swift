import Foundation
import TestSupport
import Testing
import Threads

@testable import Pipeline

struct HeartbeatTests {
  @Test func `The engine's thread beats as often as it is told, by its own clock`() async throws {
    let bench = try Workbench { _ in .close }
    let beats = Locked(0)
    let (started, start) = AsyncStream.makeStream(of: Void.self)
    let engine = Engine(
      Engine.Parts(
        spool: try bench.spool(),
        settings: SettingsSource(option: bench.settingsPath, environment: bench.environment),
        clock: bench.clock, log: Log(journal: false) { _ in },
        heartbeat: Engine.Heartbeat(every: 10) {
          beats.withLock { $0 += 1 }
          start.yield()
        }))
    let run = Task { try await engine.watch(idleExit: nil) }
    for await _ in started { break }
    for (seconds, expected) in [(0.0, 1), (9, 1), (1, 2), (9.5, 2), (0.5, 3), (-3600, 4), (5, 4), (5, 5)] {
      bench.clock.advance(seconds)
      await engine.wake()
      #expect(beats.withLock { $0 } == expected, "after \(seconds) s more")
    }
    await engine.stop()
    try await run.value
  }
}
