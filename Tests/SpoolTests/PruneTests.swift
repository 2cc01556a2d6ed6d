// What a prune removes and what it spares, whatever happens meanwhile.

import FoundationEssentials
import Glibc
import TestSupport
import Testing
import Threads

@testable import Spool

struct PruneTests {
  /// A moment after everything that is in the spool and before everything that comes, by the file system's clock.
  private static func moment(_ fixture: Fixture) throws -> Int64 {
    func changed() throws -> Int64 {
      try fixture.write("", to: fixture.directory.appending("clock"))
      let status = try Linux().status(of: fixture.directory.appending("clock"), in: AT_FDCWD)
      return status.changed
    }
    let before = try changed()
    while true {
      let now = try changed()
      if now > before { return now }
    }
  }

  /// A spool with an input in every state, and records of a session of its own for each.
  private static func filled() throws -> Fixture {
    let fixture = try Fixture()
    for session in ["s", "waits", "flies", "goes on"] {
      let name = SessionPlace(session: session).directory
      _ = try fixture.spool.observations.makeDirectory(name)
      for file in ["1.json", "1.xml", "2.json", "2.xml"] {
        try fixture.write("record", to: "\(fixture.spool.path)/observations/\(name)/\(file)")
      }
    }
    for name in ["1", "2"] { try fixture.put("s|\(name)", name, in: "done") }
    try fixture.put("[]", "bad", in: "failed")
    try fixture.write("{}", to: "\(fixture.spool.path)/errors/bad.json")
    for day in ["2026-10-01", "2026-11-23", "2026-11-24"] {
      try fixture.write("{}\n", to: "\(fixture.spool.path)/usage/\(day).jsonl")
    }
    try fixture.put("waits|3", "3")
    try fixture.put("flies|4", "4", in: "inflight")
    return fixture
  }

  private static func prune(_ fixture: Fixture, before moment: Int64, dryRun: Bool = false) throws -> Pruned {
    try fixture.spool.prune(before: moment, today: "2026-11-24", reading: TestReader(), dryRun: dryRun)
  }

  @Test func `What is old goes, and the sessions in use keep all their records`() throws {
    let fixture = try Self.filled()
    let moment = try Self.moment(fixture)
    try fixture.write("record", to: "\(fixture.spool.path)/observations/goes%20on/3.json")
    try fixture.put("s|5", "5", in: "done")
    try fixture.put("[]", "bad too", in: "failed")
    let pruned = try Self.prune(fixture, before: moment)
    var expected = Pruned()
    (expected.done, expected.failed, expected.records, expected.sessions) = (2, 1, 2, 1)
    (expected.spared, expected.usageDays) = (3, 2)
    #expect(pruned == expected)
    #expect(fixture.names("observations") == ["flies", "goes%20on", "waits"])
    for session in ["flies", "goes%20on", "waits"] {
      #expect(fixture.names("observations/\(session)").count >= 4, "\(session)")
    }
    #expect(fixture.names("done") == ["5.json"])
    #expect(fixture.names("failed") == ["bad too.json"])
    #expect(fixture.names("errors") == [])
    #expect(fixture.names("usage") == ["2026-11-24.jsonl"])
    #expect(fixture.names("pending") == ["3.json"])
    #expect(fixture.names("inflight") == ["4.json"])
  }

  /// A producer may copy files with their times.
  @Test func `A modification time long ago makes nothing old`() throws {
    let fixture = try Fixture()
    let moment = try Self.moment(fixture)
    let name = try fixture.put("s|1", "1", in: "done")
    try Linux().setModified(0, of: "\(fixture.spool.path)/done/1.json", in: AT_FDCWD)
    #expect(try Self.prune(fixture, before: moment) == Pruned())
    #expect(try fixture.spool.place(of: name) == .done)
  }

  @Test func `A dry run counts the same and changes nothing`() throws {
    let fixture = try Self.filled()
    let moment = try Self.moment(fixture)
    let before = Inventory(fixture.spool.path)
    let counted = try Self.prune(fixture, before: moment, dryRun: true)
    let after = Inventory(fixture.spool.path)
    #expect(before.states == after.states)
    #expect(before.json == after.json)
    #expect(fixture.names("usage").count == 3)
    #expect(try Self.prune(fixture, before: moment) == counted)
  }

  @Test func `Killed at any call, the next prune removes the rest and nothing else`() throws {
    let reference = try Self.filled()
    let calls = reference.system.count
    _ = try Self.prune(reference, before: try Self.moment(reference))
    let needed = reference.system.count - calls
    for call in stride(from: 0, to: needed, by: 1) {
      let fixture = try Self.filled()
      let moment = try Self.moment(fixture)
      fixture.system.crash(at: fixture.system.count + call)
      _ = try? Self.prune(fixture, before: moment)
      fixture.system.pass()
      // What has a record still has its input.
      let state = Inventory(fixture.spool.path)
      for name in ["1", "2"] where state.json["s/\(name)"] != nil {
        #expect(state.states[name]?[.done] != nil, "call \(call)")
      }
      _ = try Self.prune(fixture, before: moment)
      for directory in ["observations", "done", "failed", "errors", "usage", "pending", "inflight"] {
        #expect(fixture.names(directory) == reference.names(directory), "\(directory), call \(call)")
      }
    }
  }

  /// The processor makes a session's directory, and the prune sees it empty before the record is in it.
  @Test func `A commit makes a directory anew that a prune has removed under it`() async throws {
    let fixture = try Fixture()
    let claimed = try fixture.claim(fixture.put("s|one", "a"))
    let path = "\(fixture.spool.path)/observations/s"
    let seen = Locked(0)
    fixture.system.set { call, _, name in
      guard call == .rename, name.hasPrefix("s/") else { return nil }
      // The first try finds no directory; before the second it goes again.
      if seen.withLock({ count in
        count += 1; return count
      }) == 2 {
        rmdir(path)
      }
      return nil
    }
    let committer = Committer(spool: fixture.spool)
    guard case .done = await committer.commit(TestReader.batch([claimed])) else {
      Issue.record("not done")
      return
    }
    await committer.close()
    #expect(fixture.names("observations/s") == ["a.json", "a.xml"])
  }
}
