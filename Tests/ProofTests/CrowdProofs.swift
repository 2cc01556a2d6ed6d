// Many at once: kills while producers drop, producers with every way of writing, more events than the kernel keeps.

import Foundation
import Glibc
import Observation
import Spool
import TestSupport
import Testing
import Threads

extension Proofs {
  @Suite(.serialized) struct Crowds {
    @Test func `Forty kills over three hundred inputs`() throws {
      let start = ContinuousClock.now
      var random = SeededGenerator(state: Here.seed &+ 1)
      let bench = try Bench()
      let kills = 40
      let total = 300
      // Producers drop over the whole time; what is left is dropped after each kill.
      let dropped = Locked(0)
      let killed = Locked(0)
      let producers = (0..<3).map { producer in
        Thread(name: "producer") {
          for number in 0..<(total / 3) {
            // A share of the inputs for each kill, whatever the machine's pace.
            _ = poll(seconds: 120) { killed.withLock { $0 } >= number * kills / (total / 3) }
            try? bench.dropToolUse("i\(producer)-\(number)", session: "s\(number % 5)")
            dropped.withLock { $0 += 1 }
          }
        }
      }
      var tally = Tally()
      for kill in 1...kills {
        let watch = try bench.start(["watch"])
        let moment = Double.random(in: 0.003...0.12, using: &random)
        _ = poll(seconds: moment) { false }
        watch.send(SIGKILL)
        _ = try watch.wait()
        // Producers go on dropping while this looks, so an input may be met on its way; once more then.
        var complaints = bench.complaintsAmongProducers()
        if !complaints.isEmpty { complaints = bench.complaintsAmongProducers() }
        tally.add("kill", complaints.map { "kill \(kill) after \(moment) s: \($0)" })
        killed.withLock { $0 = kill }
      }
      for producer in producers { producer.join() }
      // What was in flight five times went to failed, as it must.
      _ = try bench.drain()
      #expect(try bench.start(["retry", "--all"]).wait().code == 0)
      tally.add("end", bench.settle(tries: 5, asks: kills))
      let asked = bench.inputs.withLock { $0 }.compactMap(\.mark).map(bench.model.asked)
      tally.print(
        "kills at random: \(asked.count) inputs, \(asked.reduce(0, +)) asked, the most often asked \(asked.max() ?? 0) times",
        since: start)
      #expect(asked.count == total)
      tally.check()
    }

    /// Ways in which files come to be in pending.
    private enum Way: Int, CaseIterable {
      case rename, inPlace, slowlyInPlace, overAnother
    }

    @Test func `Sixteen producers with every way of writing`() throws {
      let start = ContinuousClock.now
      let bench = try Bench(environment: ["CLAUDE_MEM_PROVIDER": "offline"])
      #expect(try bench.drain().code == 0)
      let watch = try bench.start(["watch"])
      let total = 10_000
      // By name, everything that was ever written under it as a whole, the last one last.
      let written = Locked<[String: [[UInt8]]]>([:])
      let seed = Here.seed
      let producers = (0..<16).map { producer in
        Thread(name: "producer") {
          var random = SeededGenerator(state: seed &+ UInt64(producer) &* 1000)
          for number in 0..<(total / 16) {
            let way = Way.allCases[Int.random(in: 0..<Way.allCases.count, using: &random)]
            let name = "p\(producer)-\(number)"
            let whole = bench.toolUse(
              bench.mark(name), session: "s\(number % 20)", padding: Int.random(in: 0...3000, using: &random))
            let path = "\(bench.spool)/pending/\(name).json"
            written.withLock { $0[name, default: []].append(whole) }
            switch way {
            case .rename: Self.place(whole, path)
            case .inPlace: Self.write(whole, path, pause: 0, random: &random)
            case .slowlyInPlace:
              Self.write(whole, path, pause: UInt32.random(in: 200...4000, using: &random), random: &random)
            case .overAnother:
              Self.place(whole, path)
              let second = bench.toolUse(bench.mark(name, "-second"), session: "s\(number % 20)", padding: 10)
              written.withLock { $0[name, default: []].append(second) }
              // Sometimes the first one has been taken by then.
              usleep(UInt32.random(in: 0...40_000, using: &random))
              Self.place(second, path)
            }
          }
        }
      }
      for producer in producers { producer.join() }
      // However slow the disk is: what counts is that it goes on.
      var progress = (count: 0, at: ContinuousClock.now)
      let isEmpty =
        poll(seconds: 1200) {
          let count = names("\(bench.spool)/done").count
          if count > progress.count { progress = (count, .now) }
          let waiting = ["pending", "inflight"].flatMap { names("\(bench.spool)/\($0)") }
          return waiting.isEmpty || ContinuousClock.now - progress.at > .seconds(60)
        } && names("\(bench.spool)/pending").isEmpty
      watch.send(SIGTERM)
      let outcome = try watch.wait()
      #expect(isEmpty, "\(names("\(bench.spool)/pending").count) still wait; \(outcome.output.suffix(2000))")
      #expect(outcome.code == 0)

      var tally = Tally()
      let contents = Contents(bench.spool)
      let done = contents.states[.done] ?? [:]
      let versions = written.withLock { $0 }
      for (name, all) in versions {
        var complaints: [String] = []
        let family = [name, "\(name)~2", "\(name)~3"].compactMap { done[$0] }
        // What was replaced before it was claimed has become nothing, which its producer wanted.
        if !family.contains(all.last ?? []) {
          complaints.append("\(name): the last that was written is not in done")
        }
        if Set(family).count != family.count { complaints.append("\(name): one file twice") }
        for bytes in family where !all.contains(bytes) {
          complaints.append("\(name): done holds \(bytes.count) bytes that nobody wrote")
        }
        for key in [name, "\(name)~2", "\(name)~3"] {
          guard let bytes = done[key] else { continue }
          let records = contents.records[key] ?? []
          if records.count != 1 { complaints.append("\(key) has \(records.count) records") }
          for record in records where record.inputSHA256 != SHA256.hex(bytes) {
            complaints.append("the record of \(key) is of other bytes")
          }
        }
        tally.add("name", complaints)
      }
      for state in [State.pending, .inflight, .failed] {
        tally.add(state.rawValue, (contents.states[state] ?? [:]).keys.map { "\($0) is in \(state)" })
      }
      tally.add("leftovers", contents.leftovers + contents.complaints)
      tally.print("16 producers, \(versions.count) names, \(done.count) inputs done", since: start)
      #expect(versions.count == total)
      tally.check()
    }

    private static func place(_ bytes: [UInt8], _ path: String) {
      let hidden = (path as NSString).deletingLastPathComponent + "/." + (path as NSString).lastPathComponent
      let file = open(hidden, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
      _ = Glibc.write(file, bytes, bytes.count)
      close(file)
      Glibc.rename(hidden, path)
    }

    /// Writes under the final name, in pieces with pauses between them if there are to be any.
    private static func write(_ bytes: [UInt8], _ path: String, pause: UInt32, random: inout SeededGenerator)
    {
      let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = pause == 0 ? rest.count : Int.random(in: 1...max(1, bytes.count / 2), using: &random)
        _ = Array(rest.prefix(count)).withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        rest = rest.dropFirst(count)
        if pause > 0 { usleep(pause) }
      }
      close(file)
    }

    @Test func `More events than inotify keeps`() throws {
      let start = ContinuousClock.now
      let bench = try Bench(environment: ["CLAUDE_MEM_PROVIDER": "offline"])
      #expect(try bench.drain().code == 0)
      let watch = try bench.start(["watch"])
      try bench.drop("first", bench.toolUse(bench.mark("first")))
      #expect(poll(seconds: 30) { names("\(bench.spool)/done") == ["first.json"] })
      let most =
        Int(text("/proc/sys/fs/inotify/max_queued_events").trimmingCharacters(in: .whitespacesAndNewlines))
        ?? 16384
      watch.send(SIGSTOP)
      // Moves back and forth fill the queue; what is dropped behind them is never told of.
      let path = "\(bench.spool)/pending"
      for name in ["x", "y"] { try bench.write([], to: "\(path)/\(name)") }
      for _ in 0..<(most / 4 + 1000) {
        rename("\(path)/x", "\(path)/z")
        rename("\(path)/z", "\(path)/x")
      }
      for number in 0..<200 { try bench.drop("i\(number)", bench.toolUse(bench.mark("i\(number)"))) }
      for name in ["x", "y"] { unlink("\(path)/\(name)") }
      watch.send(SIGCONT)
      #expect(poll(seconds: 60) { names("\(bench.spool)/done").count == 201 }, "\(watch.written)")
      #expect(watch.written.contains("more files came than inotify can tell of"))
      watch.send(SIGTERM)
      #expect(try watch.wait().code == 0)
      let contents = Contents(bench.spool)
      #expect(contents.leftovers == [])
      #expect(contents.records.count == 201)
      print(
        "inotify's queue of \(most) overflowing: 200 inputs behind it taken, \(Int((ContinuousClock.now - start) / .seconds(1))) s"
      )
    }
  }
}

extension Bench {
  /// What does not hold although producers are dropping: an input that is just being dropped is nowhere yet.
  fileprivate func complaintsAmongProducers() -> [String] {
    complaints().filter {
      !$0.hasSuffix(" is in [], as it was dropped") && !$0.hasSuffix("nothing that was dropped")
    }
  }
}
