// What the promises of the design rest on, shown with the built program under real faults: kills, failing calls, power
// cuts, full disks, crowds. They take minutes and partly root, so they are run only where OBSPOOL_PROOFS is set.

import Foundation
import TestSupport
import Testing
import Threads

/// All proofs, one after another: each wants the machine for itself.
@Suite(.serialized, .enabled(if: Here.areWanted, "they take minutes; set OBSPOOL_PROOFS=1 to run them"))
struct Proofs {}

/// What this machine and this run allow.
enum Here {
  static let areWanted = getenv("OBSPOOL_PROOFS") != nil
  static let isRoot = geteuid() == 0
  /// Whether a file system can be mounted here, from a file through a loop device.
  static let canMount = isRoot && access("/dev/loop-control", F_OK) == 0 && findProgram("mkfs.ext4") != nil

  /// What the random choices of a run begin with; another run can repeat them with OBSPOOL_SEED.
  static let seed: UInt64 = {
    let seed =
      ProcessInfo.processInfo.environment["OBSPOOL_SEED"].flatMap(UInt64.init)
      ?? UInt64.random(in: 0..<1_000_000)
    print("proofs: OBSPOOL_SEED=\(seed)")
    return seed
  }()

  static func findProgram(_ name: String) -> String? {
    ["/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/", "/usr/local/bin/", "/opt/swift/usr/bin/"].map { $0 + name }
      .first { access($0, X_OK) == 0 }
  }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

/// A table of what was tried and survived, printed at the end.
struct Tally: Sendable {
  private var rows: [String: (tried: Int, survived: Int)] = [:]
  private(set) var complaints: [String] = []

  mutating func add(_ row: String, _ complaints: [String]) {
    rows[row, default: (0, 0)].tried += 1
    if complaints.isEmpty { rows[row, default: (0, 0)].survived += 1 }
    self.complaints += complaints
  }

  var tried: Int { rows.values.reduce(0) { $0 + $1.tried } }

  /// Records what did not hold, the first of it.
  func check() {
    if complaints.isEmpty { return }
    Issue.record("\(complaints.count) complaints:\n\(complaints.prefix(12).joined(separator: "\n"))")
  }

  func print(_ title: String, since start: ContinuousClock.Instant) {
    let lines =
      rows.sorted { $0.key < $1.key } + [("all", (tried, rows.values.reduce(0) { $0 + $1.survived }))]
    let width = lines.map(\.key.count).max() ?? 0
    var text = "\n\(title), \(Int((ContinuousClock.now - start) / .seconds(1))) s\n"
    text += "  \("".padding(toLength: width, withPad: " ", startingAt: 0))   tried survived\n"
    for (row, counts) in lines {
      text += "  \(row.padding(toLength: width, withPad: " ", startingAt: 0))"
      text += String(format: "  %6d   %6d\n", counts.tried, counts.survived)
    }
    Swift.print(text)
    // Shown now, also where the output goes to a pipe.
    fflush(nil)
  }
}

/// Runs `body` on so many threads at once, for each number until it says that it is over.
func sweep(width: Int, _ body: @escaping @Sendable (Int) -> Bool) {
  let next = Locked((number: 1, isOver: false))
  let threads = (0..<width).map { index in
    Thread(name: "proof-\(index)") {
      while true {
        let number: Int? = next.withLock { next in
          if next.isOver { return nil }
          defer { next.number += 1 }
          return next.number
        }
        guard let number else { return }
        if !body(number) { next.withLock { $0.isOver = true } }
      }
    }
  }
  for thread in threads { thread.join() }
}
