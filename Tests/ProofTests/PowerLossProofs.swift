// The power goes: on a real ext4 at every call and at random, and on every disk that the model of `Disk` allows.

import Foundation
import Glibc
import Spool
import TestSupport
import Testing
import Threads

extension Proofs {
  @Suite(.serialized) struct PowerLoss {
    // MARK: A real file system

    @Test(
      .enabled(if: Here.canMount, "mounting an ext4 on a loop device needs root"),
      .enabled(if: FaultLibrary.exists, "no C compiler is here to compile Faults/faults.c"),
      arguments: [Life.one, .batch, .mixed])
    func `The power goes before each call`(life: Life) throws {
      let start = ContinuousClock.now
      let mount = try Mount(ext4: 32)
      var tally = Tally()
      var point = 1
      while true {
        let bench = try Bench(in: mount.path)
        try life.prepare(bench)
        // Everything up to here was dropped by somebody who waited for it to be on disk.
        try command("sync", "-f", mount.path)
        let outcome = try bench.drain(fault: Fault(at: point, act: .cut))
        let hit = CallRecord.read(bench.log, root: bench.spool).first { $0.result == nil }
        if hit != nil { try mount.restorePower() }
        var complaints = bench.complaints()
        if hit != nil, outcome.code != 128 + SIGKILL { complaints.append("it ended with \(outcome.code)") }
        complaints += bench.settle()
        guard let hit else { break }
        tally.add(
          hit.name, complaints.map { "\(life), call \(point) (\(hit.name) \(hit.path) \(hit.other)): \($0)" })
        point += 1
      }
      tally.print("power cut before each call, \(life)", since: start)
      #expect(tally.tried > 50)
      tally.check()
    }

    /// The proof of the proof: a program whose syncs do nothing loses records when the power goes.
    @Test(
      .enabled(if: Here.canMount, "mounting an ext4 on a loop device needs root"),
      .enabled(if: FaultLibrary.exists, "no C compiler is here to compile Faults/faults.c"))
    func `Without syncs the power cut shows`() throws {
      let mount = try Mount(ext4: 32)
      let bench = try Bench(in: mount.path)
      try Life.batch.prepare(bench)
      try command("sync", "-f", mount.path)
      let fault = Fault(at: 0).environment(root: bench.spool, log: bench.log)
      let outcome = try bench.start(["drain"], environment: fault.merging(["FAULT_NO_SYNC": "1"]) { $1 })
        .wait()
      #expect(outcome.code == 0)
      try mount.cutPower()
      try mount.restorePower()
      #expect(bench.complaintsAtRest() != [])
    }

    /// What a drain has ended over is on disk.
    @Test(.enabled(if: Here.canMount, "mounting an ext4 on a loop device needs root"))
    func `The power goes after a drain`() throws {
      let mount = try Mount(ext4: 32)
      for life in [Life.one, .batch] {
        let bench = try Bench(in: mount.path)
        try life.prepare(bench)
        #expect(try bench.drain().code == 0)
        try mount.cutPower()
        try mount.restorePower()
        #expect(bench.complaintsAtRest(asks: 1) == [])
      }
    }

    /// Producers drop, the processor works, and every now and then the power goes.
    @Test(.enabled(if: Here.canMount, "mounting an ext4 on a loop device needs root"))
    func `The power goes at random under load`() throws {
      let start = ContinuousClock.now
      var random = SeededGenerator(state: Here.seed)
      // Room for all that the producers may drop, three files each.
      let mount = try Mount(ext4: 256)
      let bench = try Bench(in: mount.path)
      var dropped = 0
      var tally = Tally()
      let cuts = 25
      for cut in 1...cuts {
        let watch = try bench.start(["watch"])
        // What is not known to be on disk when the power goes may be gone, and is nobody's loss.
        let pending = Locked<[String]>([])
        let isOff = Locked(false)
        let first = dropped
        let producers = (0..<3).map { producer in
          Thread(name: "producer") {
            for number in 0..<100 {
              if isOff.withLock({ $0 }) { return }
              let name = "i\(cut)-\(producer)-\(number)"
              pending.withLock { $0.append(name) }
              let session = "s\(number % 4)"
              let mark = bench.mark(name)
              let hidden = "\(bench.spool)/pending/.\(name)"
              do {
                try bench.write(bench.toolUse(mark, session: session, padding: 200), to: hidden)
                guard syncIfPossible(hidden), rename(hidden, "\(bench.spool)/pending/\(name).json") == 0,
                  syncIfPossible("\(bench.spool)/pending")
                else { return }
              } catch { return }
              let input = Bench.Dropped(
                name: name, bytes: bench.toolUse(mark, session: session, padding: 200), mark: mark, end: .done
              )
              bench.inputs.withLock { $0.append(input) }
              pending.withLock { $0.removeAll { $0 == name } }
            }
          }
        }
        let moment = Double.random(in: 0.02...0.6, using: &random)
        _ = poll(seconds: moment) { false }
        try mount.cutPower()
        isOff.withLock { $0 = true }
        watch.send(SIGKILL)
        _ = try watch.wait()
        for producer in producers { producer.join() }
        try mount.restorePower()
        // A producer that the power met in the middle may have got its file on disk; then it is one like others.
        for name in pending.withLock({ $0 }) {
          let mark = bench.mark(name)
          let number = Int(name.split(separator: "-").last ?? "") ?? 0
          let input = Bench.Dropped(
            name: name, bytes: bench.toolUse(mark, session: "s\(number % 4)", padding: 200), mark: mark,
            end: .done)
          if State.allCases.contains(where: {
            access("\(bench.spool)/\($0.rawValue)/\(name).json", F_OK) == 0
          }) {
            bench.inputs.withLock { $0.append(input) }
          }
          unlink("\(bench.spool)/pending/.\(name)")
        }
        dropped = bench.inputs.withLock { $0.count }
        let complaints = bench.complaints()
        tally.add("cut", complaints.map { "cut \(cut) after \(moment) s, \(dropped - first) dropped: \($0)" })
      }
      // What was in flight five times went to failed, as it must.
      _ = try bench.drain()
      let retry = try bench.start(["retry", "--all"]).wait()
      #expect(retry.code == 0)
      tally.add("end", bench.settle(tries: 5, asks: cuts))
      tally.print("power cut at random, \(dropped) inputs, 3 producers", since: start)
      #expect(dropped > 100)
      tally.check()
    }

    // MARK: Every disk

    @Test(
      .enabled(if: FaultLibrary.exists, "no C compiler is here to compile Faults/faults.c"),
      arguments: [Life.one, .batch])
    func `Every disk that there may be`(life: Life) throws {
      let start = ContinuousClock.now
      let bench = try Bench()
      // The directories are there and on disk, as in a spool that was used before.
      #expect(try bench.drain().code == 0)
      try life.prepare(bench)
      let inputs = bench.inputs.withLock { $0 }
      let texts = Dictionary(
        uniqueKeysWithValues: inputs.map { ($0.name, String(decoding: $0.bytes, as: UTF8.self)) })
      #expect(try bench.drain(fault: Fault(at: 0)).code == 0)
      let trace = Self.steps(CallRecord.read(bench.log, root: bench.spool))
      try #require(trace.count > 8)
      var disks = Set<Disk>()
      for moment in 0...trace.count { disks.formUnion(Disk.all(after: trace[..<moment], inputs: texts)) }
      let all = Array(disks)
      let tally = Locked(Tally())
      sweep(width: 4) { number in
        guard number <= all.count else { return false }
        let complaints = Self.recover(all[number - 1], inputs)
        tally.withLock { $0.add("disk", complaints.map { "\(all[number - 1]): \($0)" }) }
        return true
      }
      let result = tally.withLock { $0 }
      result.print("every disk after a power cut, \(life): \(trace.count) steps", since: start)
      #expect(result.tried > 10)
      result.check()
    }

    private static func recover(_ disk: Disk, _ inputs: [Bench.Dropped]) -> [String] {
      do {
        let bench = try Bench()
        guard try bench.drain().code == 0 else { return ["a drain of nothing fails"] }
        bench.inputs.withLock { $0 = inputs }
        try disk.build(at: bench.spool)
        // That the model has been asked before counts for the run that was recorded.
        return bench.complaints() + bench.settle(asks: .max)
      } catch {
        return ["\(error)"]
      }
    }

    /// The calls as the disk hears of them.
    private static func steps(_ calls: [CallRecord]) -> [Disk.Step] {
      var steps: [Disk.Step] = []
      var files: [String: Int] = [:]
      var created = 0
      for call in calls where (call.result ?? -1) >= 0 {
        // The probe and the lock are nobody's data.
        if call.path.hasSuffix(".obspool-probe") || call.path == "lock" { continue }
        switch call.name {
        case "openat" where call.flags & O_CREAT != 0 && files[call.path] == nil:
          created += 1
          files[call.path] = created
          steps.append(.create(call.path, file: created))
        case "write": if let file = files[call.path] { steps.append(.write(file: file, call.bytes)) }
        case "fsync": steps.append(files[call.path].map(Disk.Step.syncFile) ?? .syncDirectory(call.path))
        case "syncfs": steps.append(.syncAll)
        case "renameat", "renameat2":
          steps.append(.rename(call.path, call.other))
          if let file = files.removeValue(forKey: call.path) { files[call.other] = file }
        case "unlinkat": steps.append(.remove(call.path))
        case "mkdirat": steps.append(.make(call.path))
        default: break
        }
      }
      return steps
    }
  }
}

/// Brings a file or directory to the disk; false where the disk has gone.
private func syncIfPossible(_ path: String) -> Bool {
  let file = open(path, O_RDONLY)
  guard file >= 0 else { return false }
  defer { close(file) }
  return fsync(file) == 0
}
