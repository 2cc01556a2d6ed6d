// The same faults from outside, by strace(1): that the fault library sees every call, and that a kill by another hand
// comes out alike.

import Foundation
import Glibc
import TestSupport
import Testing
import Threads

extension Proofs {
  @Suite(.serialized, .enabled(if: Here.findProgram("strace") != nil, "there is no strace here"))
  struct Strace {
    private static let calls = [
      "write", "fsync", "syncfs", "ftruncate", "renameat", "renameat2", "openat", "mkdirat", "unlinkat",
      "utimensat",
    ]

    @Test(.enabled(if: FaultLibrary.exists, "no C compiler is here to compile Faults/faults.c"))
    func `The fault library sees every call that strace sees`() throws {
      let bench = try Bench()
      try Life.batch.prepare(bench)
      let trace = bench.holder.appending("trace")
      let library = Fault(at: 0).environment(root: bench.spool, log: bench.log)
      let outcome = try start(
        bench,
        ["-y", "-o", trace, "-e", "trace=\(Self.calls.joined(separator: ","))"]
          + library.flatMap { ["-E", "\($0.key)=\($0.value)"] }
      ).wait()
      #expect(outcome.code == 0, "\(outcome.output)")
      var seen: [String: Int] = [:]
      for line in text(trace).split(separator: "\n") where line.contains(bench.spool) {
        // Behind the thread's number; a call that another thread has interrupted is told of twice.
        let call = line.drop { !$0.isLetter && $0 != "<" }
        if !call.hasPrefix("<") { seen[String(call.prefix { $0 != "(" }), default: 0] += 1 }
      }
      var counted: [String: Int] = [:]
      for call in CallRecord.read(bench.log, root: bench.spool) { counted[call.name, default: 0] += 1 }
      #expect(counted == seen)
      #expect(counted.values.reduce(0, +) > 60)
    }

    /// Strace counts by thread, so the call that dies is the first of any thread to be its thread's Nth.
    @Test(arguments: [Life.one, .batch])
    func `Killed by strace`(life: Life) throws {
      let start = ContinuousClock.now
      let tally = Locked(Tally())
      for call in Self.calls {
        sweep(width: 4) { number in
          do {
            let bench = try Bench()
            try life.prepare(bench)
            let outcome = try self.start(
              bench,
              ["-P", bench.spool] + Self.places(bench) + ["-e", "inject=\(call):signal=KILL:when=\(number)"]
            ).wait()
            // Strace ends as the program does.
            if outcome.code == 0 { return false }
            var complaints =
              outcome.code == 128 + SIGKILL ? [] : ["it ended with \(outcome.code): \(outcome.output)"]
            complaints += bench.complaints() + bench.settle()
            tally.withLock { $0.add(call, complaints.map { "\(life), \(call) \(number): \($0)" }) }
          } catch {
            tally.withLock { $0.add(call, ["\(error)"]) }
          }
          return number < 200
        }
      }
      let result = tally.withLock { $0 }
      result.print("killed by strace at the Nth call of a thread, \(life)", since: start)
      #expect(result.tried > 40)
      result.check()
    }

    /// Paths for strace to look at, beside the spool itself: calls relative to a directory are told by it.
    private static func places(_ bench: Bench) -> [String] {
      ["pending", "inflight", "done", "failed", "errors", "observations", "paused", "usage", "tmp", "lock"]
        .flatMap {
          ["-P", "\(bench.spool)/\($0)"]
        }
    }

    private func start(_ bench: Bench, _ options: [String]) throws -> Process {
      try Process(
        Here.findProgram("strace") ?? "",
        ["-f", "-qq", "-e", "signal=none"] + options + [Bench.program, "drain", "--spool", bench.spool],
        environment: bench.environment, output: bench.holder.appending("strace"))
    }
  }
}
