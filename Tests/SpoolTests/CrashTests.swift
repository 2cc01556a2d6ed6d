// A crash at every single call: whatever the last call was, the next start finds everything and nothing twice.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import Spool

struct CrashTests {
  /// What comes in, by name.
  private static let inputs = ["a": "s|first", "b": "s|second", "c": "s|third"]

  @Test(arguments: [1, 3])
  func `A crash before any call loses nothing and records nothing twice`(batch: Int) async throws {
    var point = 0
    var points = 0
    while true {
      let system = FaultySystem()
      let directory = try TemporaryDirectory()
      let path = directory.appending("spool")
      try prepare(path)
      system.crash(at: point)
      await run(path, system, batch: batch)
      let isComplete = system.count <= point
      check(Inventory(path), "after a crash at call \(point)")

      // The next start, without a fault.
      let healthy = FaultySystem()
      await run(path, healthy, batch: batch)
      let after = Inventory(path)
      check(after, "after the start that follows a crash at call \(point)")
      for (name, text) in Self.inputs {
        #expect(after.states[name] == [.done: text], "\(name) after a crash at call \(point)")
        #expect(after.json["s/\(name)"] != nil)
      }
      #expect(after.leftovers == [], "call \(point)")
      #expect(after.json.count == Self.inputs.count, "call \(point)")
      #expect(after.xml == Set(after.json.keys), "call \(point)")
      #expect(Fixture.names("\(path)/errors") == [], "call \(point)")
      points += 1
      if isComplete { break }
      point += 1
    }
    #expect(points > 60)
  }

  @Test(arguments: [EIO, ENOSPC, EMFILE])
  func `Each call that fails once, by itself, loses nothing and records nothing twice`(code: Int32)
    async throws
  {
    var point = 0
    while true {
      let system = FaultySystem()
      let directory = try TemporaryDirectory()
      let path = directory.appending("spool")
      try prepare(path)
      let failing = point
      system.set { _, number, _ in number == failing ? Errno(code) : nil }
      await run(path, system, batch: 3)
      let isComplete = system.count <= point
      check(Inventory(path), "after call \(point) failed")
      await run(path, FaultySystem(), batch: 3)
      let after = Inventory(path)
      for (name, text) in Self.inputs {
        #expect(after.states[name] == [.done: text], "\(name) after call \(point) failed")
      }
      #expect(after.json.count == Self.inputs.count, "call \(point)")
      #expect(after.xml == Set(after.json.keys), "call \(point)")
      #expect(after.leftovers == [], "call \(point)")
      if isComplete { break }
      point += 1
    }
  }

  private func prepare(_ path: String) throws {
    _ = try Spool(path: path)
    for (name, text) in Self.inputs {
      let file = try #require(fopen("\(path)/pending/\(name).json", "w"))
      fputs(text, file)
      fclose(file)
    }
  }

  /// One processor's life: it starts, recovers, gives one input back once, commits the rest, and ends.
  private func run(_ path: String, _ system: FaultySystem, batch: Int) async {
    do {
      let clock = SystemClock()
      let spool = try Spool(path: path, system: system, clock: clock)
      try spool.own()
      let committer = Committer(spool: spool)
      do {
        _ = try spool.recover(reading: TestReader())
        var hasGivenBack = false
        for _ in 0..<4 {
          var names = try spool.names(in: .pending)
          names.sort()
          var claimed: [Claimed] = []
          for name in names {
            guard case .file(let bytes, let stamp, let seen) = try spool.look(at: name) else { continue }
            let session = TestReader().session(ofInput: bytes)
            // Every other one is read again.
            guard
              case .claimed(let input) = try spool.claim(
                name, session: session, expecting: stamp,
                knowing: claimed.count.isMultiple(of: 2) ? seen : nil)
            else { continue }
            claimed.append(input)
          }
          if !hasGivenBack, let first = claimed.first {
            hasGivenBack = true
            claimed.removeFirst()
            let note = ErrorNote(
              name: first.name, attempts: 1, errorClass: "transient", message: "no",
              firstFailedAt: clock.now(),
              lastFailedAt: clock.now())
            try await committer.giveBack(first, due: clock.now().addingTimeInterval(30), note: note)
          }
          while !claimed.isEmpty {
            let inputs = Array(claimed.prefix(batch))
            claimed.removeFirst(inputs.count)
            let work = TestReader.batch(inputs)
            if case .failed = await committer.commit(work), case .failed = await committer.commit(work) {
              for input in inputs { try await committer.giveBack(input, due: nil, note: nil) }
            }
          }
        }
      } catch {}
      await committer.close()
    } catch {}
  }

  /// What holds at any moment, also between a crash and the next start.
  private func check(_ inventory: Inventory, _ moment: String) {
    #expect(Set(inventory.states.keys) == Set(Self.inputs.keys), "\(moment)")
    for (name, states) in inventory.states {
      #expect(states.count == 1, "\(name) is in \(states.keys) \(moment)")
      #expect(states.values.first == Self.inputs[name], "\(name) \(moment)")
      if states[.done] != nil { #expect(inventory.json["s/\(name)"] != nil, "\(name) \(moment)") }
      if states[.pending] != nil { #expect(inventory.json["s/\(name)"] == nil, "\(name) \(moment)") }
    }
    for (name, text) in inventory.json {
      #expect(TestReader().facts(ofRecord: Array(text.utf8)) != nil, "\(name) is torn \(moment)")
    }
  }
}
