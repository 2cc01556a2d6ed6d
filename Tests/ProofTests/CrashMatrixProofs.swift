// The crash matrix: the program is killed before each single call that changes the spool, or the call fails, in the
// life of one input, of a batch, and of inputs that take every other way through the spool.
//
// Calls are counted over all threads and on files of the spool alone. A point is survived if everything holds right
// after it, and a clean start brings every input to its end.

import Foundation
import Spool
import TestSupport
import Testing
import Threads

/// What is in pending when the program starts.
struct Life: Sendable, CustomStringConvertible {
  var description: String
  var prepare: @Sendable (Bench) throws -> Void

  static let one = Life(description: "one input") { try $0.dropToolUse("a") }

  static let batch = Life(description: "a batch of three") { bench in
    for name in ["a", "b", "c"] { try bench.dropToolUse(name) }
  }

  /// Given back until later, another user's, no input at all, delivered again, without a call, with a name that is taken.
  static let mixed = Life(description: "six other ways") { bench in
    try bench.dropToolUse("again", session: "again")
    try bench.dropToolUse("taken", session: "taken")
    guard try bench.drain().code == 0 else { throw Process.Hangs(description: "the first drain failed") }
    try bench.drop("again", bench.toolUse(bench.mark("again"), session: "again"))
    try bench.dropToolUse("taken", session: "taken", word: "-other")
    try bench.dropToolUse("flaky", session: "flaky", word: "-flaky")
    try bench.dropToolUse("foreign", session: "foreign", owner: Here.isRoot ? 65534 : nil)
    try bench.drop("broken", Array("no input".utf8), end: .failed)
    try bench.drop("note", Array(#"{"session_id":"note","kind":"note"}"#.utf8))
  }
}

extension Proofs {
  @Suite(.serialized, .enabled(if: FaultLibrary.exists, "no C compiler is here to compile Faults/faults.c"))
  struct CrashMatrix {
    @Test(arguments: [Life.one, .batch, .mixed])
    func `Killed before each call`(life: Life) throws {
      try matrix(life, "killed before each call, \(life)") { _ in Fault(at: 0, act: .kill) }
    }

    @Test(arguments: [Life.one, .batch, .mixed])
    func `Killed in the middle of each write`(life: Life) throws {
      try matrix(life, "killed in the middle of each write, \(life)") { _ in
        Fault(at: 0, act: .tear, calls: ["write"])
      }
    }

    /// After each kind of unfinished work: the start that recovers from it is killed before each of its calls too.
    @Test func `Killed again in each call of the recovery`() throws {
      let firsts = [
        ("before the record", "renameat", "observations/s/a.xml"),
        ("between XML and JSON", "renameat", "observations/s/a.json"),
        ("in the middle of a batch", "renameat", "observations/s/b.json"),
        ("before done", "renameat2", "done/a.json"),
        ("with a part of the batch in done", "renameat2", "done/b.json"),
      ]
      for (moment, call, path) in firsts {
        let life = Life(description: moment) { bench in
          try Life.batch.prepare(bench)
          guard try bench.drain(fault: Fault(at: 1, calls: [call], path: path)).code == 128 + SIGKILL else {
            throw Process.Hangs(description: "it was not killed \(moment)")
          }
        }
        try matrix(life, "killed again in the recovery, after a kill \(moment)", kills: 2) { _ in
          Fault(at: 0, act: .kill)
        }
      }
    }

    @Test(arguments: [EIO, ENOSPC, EDQUOT, EMFILE, EINTR])
    func `Each call fails once`(code: Int32) throws {
      let word = String(cString: strerror(code))
      for life in [Life.one, .batch, .mixed] {
        // These two are told apart from EIO only by what is said of them.
        let stride = code == EDQUOT || code == EMFILE ? 4 : 1
        try matrix(life, "\(word) in each call\(stride > 1 ? " of \(stride)" : ""), \(life)", stride: stride)
        { _ in
          Fault(at: 0, act: .fail(code))
        }
      }
    }

    @Test func `Each read fails once`() throws {
      try matrix(.batch, "I/O error in each read, \(Life.batch)") { _ in
        Fault(at: 0, act: .fail(EIO), calls: ["read"])
      }
    }

    // MARK: How

    /// The calls of a run without a fault.
    private func rehearse(_ life: Life, calls: [String]? = nil) throws -> [CallRecord] {
      let bench = try Bench()
      try life.prepare(bench)
      _ = try bench.drain(fault: Fault(at: 0, calls: calls))
      return CallRecord.read(bench.log, root: bench.spool)
    }

    /// Hits one call after another, each in a fresh spool, until a run goes through untouched.
    private func matrix(
      _ life: Life, _ title: String, stride: Int = 1, kills: Int = 1,
      _ fault: @escaping @Sendable (Int) -> Fault
    ) throws {
      let start = ContinuousClock.now
      let calls = try rehearse(life, calls: fault(1).calls)
      try #require(calls.count > 1, "the program made no call that counts")
      let offset = stride > 1 ? Int(Here.seed % UInt64(stride)) : 0
      let tally = Locked(Tally())
      // Runs that wait after an error cost no processor time.
      var waits = false
      if case .fail = fault(1).act { waits = true }
      sweep(width: waits ? 16 : 4) { step in
        let point = (step - 1) * stride + 1 + offset
        var fault = fault(point)
        fault.at = point
        let (call, complaints) = Self.hit(life, fault, asks: kills + 1)
        if let call {
          tally.withLock { $0.add(call, complaints.map { "\(title), call \(point) (\(call)): \($0)" }) }
        }
        return call != nil || point <= calls.count
      }
      let result = tally.withLock { $0 }
      result.print(title, since: start)
      #expect(result.tried > 0)
      result.check()
    }

    /// One point. The call that was hit, nil where there was none, and what did not hold.
    private static func hit(_ life: Life, _ fault: Fault, asks: Int) -> (call: String?, complaints: [String])
    {
      do {
        let bench = try Bench()
        try life.prepare(bench)
        let outcome = try bench.drain(fault: fault)
        guard let hit = CallRecord.read(bench.log, root: bench.spool).first(where: { $0.result == nil })
        else {
          return (nil, [])
        }
        var complaints = bench.complaints()
        if case .fail = fault.act {
          if outcome.code >= 128 { complaints.append("it ended with \(outcome.code)") }
          if outcome.code != 0, outcome.output.isEmpty {
            complaints.append("it ended with \(outcome.code) and no word")
          }
        } else if outcome.code != 128 + SIGKILL {
          complaints.append("it ended with \(outcome.code)")
        }
        complaints += bench.settle(asks: asks)
        return (hit.name, complaints.map { "\($0) [\(hit.path) \(hit.other)]" })
      } catch {
        return ("unknown", ["\(error)"])
      }
    }
  }
}
