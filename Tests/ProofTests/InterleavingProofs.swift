// What others do at the worst moment: a second processor, a producer that takes its file away between the look and the
// claim, a clock that jumps.

import Foundation
import Glibc
import Spool
import TestSupport
import Testing
import Threads

extension Proofs {
  @Suite(.serialized, .enabled(if: FaultLibrary.exists, "no C compiler is here to compile Faults/faults.c"))
  struct Interleavings {
    // MARK: Two processors

    @Test func `Two processors on one spool, again and again`() throws {
      let bench = try Bench()
      #expect(try bench.drain().code == 0)
      for number in 0..<60 { try bench.dropToolUse("i\(number)", session: "s\(number % 6)") }
      let first = try bench.start(["watch"])
      #expect(poll(seconds: 30) { !names("\(bench.spool)/done").isEmpty })
      for _ in 0..<10 {
        let second = try bench.drain()
        #expect(second.code == 75)
        #expect(second.output.contains("process \(first.pid) owns it"), "\(second.output)")
      }
      // The lock goes with the process, however it ends.
      first.send(SIGKILL)
      _ = try first.wait()
      #expect(bench.settle() == [])
    }

    @Test func `Of two that start at once one works`() throws {
      for _ in 0..<10 {
        let bench = try Bench()
        for name in ["a", "b", "c"] { try bench.dropToolUse(name) }
        let both = try (0..<2).map { _ in try bench.start(["drain"]) }
        let codes = try both.map { try $0.wait().code }
        // The second may also come when the first has done everything.
        #expect(codes.contains(0) && codes.allSatisfy { $0 == 0 || $0 == 75 }, "\(codes)")
        #expect(bench.complaintsAtRest(asks: 1) == [])
      }
    }

    // MARK: A producer that changes its mind

    enum Whim: String, CaseIterable, Sendable {
      case removed, renamed, replaced, appended, madeLink, madeDirectory
    }

    /// The processor is stopped before each of its calls after the listing, and the producer does something to the file.
    @Test(arguments: Whim.allCases)
    func `A file that changes at each moment between the listing and the record`(whim: Whim) throws {
      let start = ContinuousClock.now
      let calls = try rehearse()
      let listing = try #require(calls.first { $0.name == "openat" && $0.path == "pending/." }).number
      let last = try #require(calls.first { $0.name == "renameat2" && $0.other == "done/a.json" }).number
      let tally = Locked(Tally())
      sweep(width: 4) { step in
        let point = listing + step
        if point > last { return false }
        let (call, complaints) = Self.disturb(whim, at: point)
        tally.withLock { $0.add(call, complaints.map { "\(whim), call \(point) (\(call)): \($0)" }) }
        return true
      }
      let result = tally.withLock { $0 }
      result.print("a file \(whim.rawValue) before each call", since: start)
      #expect(result.tried > 10)
      result.check()
    }

    private func rehearse() throws -> [CallRecord] {
      let bench = try Bench()
      #expect(try bench.drain().code == 0)
      try bench.dropToolUse("a")
      #expect(try bench.drain(fault: Fault(at: 0)).code == 0)
      return CallRecord.read(bench.log, root: bench.spool)
    }

    private static func disturb(_ whim: Whim, at point: Int) -> (String, [String]) {
      do {
        let bench = try Bench()
        guard try bench.drain().code == 0 else { return ("", ["a drain of nothing fails"]) }
        try bench.dropToolUse("a")
        let drain = try bench.start(["drain"], fault: Fault(at: point, act: .stop))
        guard drain.waitForStop() else { return ("", ["it did not stop"]) }
        let hit = CallRecord.read(bench.log, root: bench.spool).last { $0.result == nil }
        let call = hit?.name ?? "unknown"
        // Nothing helps against a write between the last look at a file and its move to done, or after that.
        let isDone = access("\(bench.spool)/done/a.json", F_OK) == 0
        let isTooLate = whim == .appended && (isDone || hit?.other == "done/a.json")
        let wasPending = access("\(bench.spool)/pending/a.json", F_OK) == 0
        if !isTooLate { try change(whim, bench) }
        drain.send(SIGCONT)
        let outcome = try drain.wait()
        var complaints = outcome.code < 128 ? [] : ["it ended with \(outcome.code)"]
        complaints += bench.settleAfterWhim()
        // What was gone before the claim has never been asked about twice.
        if wasPending, whim == .removed, Contents(bench.spool).records.count > 0 {
          complaints.append("a record of what was gone")
        }
        return (call, complaints)
      } catch {
        return ("unknown", ["\(error)"])
      }
    }

    /// What a producer does that knows its file by the name in pending alone, or still has it open.
    private static func change(_ whim: Whim, _ bench: Bench) throws {
      let path = "\(bench.spool)/pending/a.json"
      let isPending = access(path, F_OK) == 0
      switch whim {
      case .removed:
        if isPending {
          unlink(path)
          bench.inputs.withLock { $0 = [] }
        }
      case .renamed:
        if isPending, rename(path, "\(bench.spool)/pending/b.json") == 0 {
          bench.inputs.withLock { $0[0].name = "b" }
        }
      case .replaced:
        if isPending { bench.inputs.withLock { $0 = [] } }
        let mark = bench.mark("a", "-new")
        try bench.drop("a", bench.toolUse(mark), mark: mark)
      case .appended:
        // It was opened when it was in pending, wherever it is now.
        for state in State.allCases {
          let file = open("\(bench.spool)/\(state.rawValue)/a.json", O_WRONLY | O_APPEND)
          guard file >= 0 else { continue }
          _ = write(file, " ", 1)
          close(file)
          bench.inputs.withLock { $0[0].bytes.append(UInt8(ascii: " ")) }
        }
      case .madeLink, .madeDirectory:
        guard isPending else { return }
        unlink(path)
        bench.inputs.withLock { $0 = [] }
        if whim == .madeLink { symlink("/etc/passwd", path) } else { mkdir(path, 0o755) }
      }
    }

    // MARK: The clock

    @Test(arguments: [3600.0, -3600.0])
    func `The clock jumps while inputs wait and are asked about`(seconds: Double) throws {
      let clock = try WrongClock()
      let bench = try Bench(environment: [
        "OBSPOOL_RETRY_BASE_SECONDS": "5", "OBSPOOL_RETRY_MAX_SECONDS": "6",
      ])
      let watch = try bench.start(["watch"], environment: clock.environment)
      for number in 0..<10 { try bench.dropToolUse("a\(number)", session: "s\(number % 3)") }
      for number in 0..<3 { try bench.dropToolUse("f\(number)", session: "f\(number)", word: "-flaky") }
      #expect(
        poll(seconds: 30) { (0..<3).allSatisfy { bench.model.asked(bench.mark("f\($0)", "-flaky")) > 0 } })
      // Something is due in a moment by the old clock, an hour from now or ago by the new one.
      clock.set(seconds)
      for number in 0..<10 { try bench.dropToolUse("b\(number)", session: "s\(number % 3)") }
      #expect(poll(seconds: 60) { names("\(bench.spool)/done").count == 23 }, "\(watch.written)")
      clock.set(0)
      for number in 0..<10 { try bench.dropToolUse("c\(number)", session: "s\(number % 3)") }
      #expect(poll(seconds: 60) { names("\(bench.spool)/done").count == 33 }, "\(watch.written)")
      watch.send(SIGTERM)
      #expect(try watch.wait().code == 0)
      #expect(bench.complaintsAtRest(asks: 1) == [])
    }
  }
}

extension Bench {
  /// Comes to rest, leaving in pending what is no input.
  fileprivate func settleAfterWhim() -> [String] {
    let path = "\(spool)/pending/a.json"
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      unlink(path)
      rmdir(path)
    }
    return settle()
  }
}

/// A wall clock that is wrong by as much as a test says, for the program that is started with it.
final class WrongClock {
  private let directory: TemporaryDirectory
  private let page: UnsafeMutablePointer<Int64>

  init() throws {
    directory = try TemporaryDirectory()
    let path = directory.appending("clock")
    let file = open(path, O_RDWR | O_CREAT, 0o600)
    ftruncate(file, 8)
    defer { close(file) }
    guard let address = mmap(nil, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), address != MAP_FAILED
    else {
      throw Process.Hangs(description: "mmap")
    }
    page = address.bindMemory(to: Int64.self, capacity: 1)
  }

  deinit { munmap(page, 8) }

  func set(_ seconds: Double) { page.pointee = Int64(seconds * 1e9) }

  var environment: [String: String] {
    ["LD_PRELOAD": FaultLibrary.path ?? "", "FAULT_CLOCK": directory.appending("clock")]
  }
}
