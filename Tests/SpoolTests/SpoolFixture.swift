// A spool in a fresh directory, and what tests ask of it.

import FoundationEssentials
import Glibc
import JSONText
import TestSupport
import Testing
import Threads

@testable import Spool

struct FixedClock: Clock {
  var time = Date(timeIntervalSince1970: 2_000_000_000)
  func now() -> Date { time }
}

/// Inputs in tests are `SESSION|anything`; their records are three lines: the hash, the batch, the answer.
struct TestReader: RecordReader {
  func session(ofInput bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix { $0 != UInt8(ascii: "|") }, as: UTF8.self)
  }

  func facts(ofRecord json: [UInt8]) -> RecordFacts? {
    let lines = String(decoding: json, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count == 4, lines[3].isEmpty else { return nil }
    let batch = lines[1].split(separator: ",").map(String.init)
    let xml = WrittenBytes(Self.xml(lines[2]))
    return RecordFacts(inputSHA256: String(lines[0]), batch: batch.isEmpty ? nil : batch) { xml }
  }

  static func xml(_ answer: some StringProtocol) -> [UInt8] { Array("<r>\(answer)</r>".utf8) }

  static func record(of claimed: Claimed, batch: [Claimed] = [], answer: String = "answer") -> Finished {
    let names = batch.map(\.name.text).joined(separator: ",")
    return Finished(
      claimed: claimed,
      record: RecordFile(
        session: claimed.session, xml: WrittenBytes(xml(answer)),
        json: WrittenBytes(Array("\(claimed.sha256)\n\(names)\n\(answer)\n".utf8))))
  }

  static func batch(_ inputs: [Claimed], answer: String = "answer") -> Batch {
    Batch(entries: inputs.map { record(of: $0, batch: inputs.count > 1 ? inputs : [], answer: answer) })
  }
}

extension Committer {
  /// Commits one call.
  func commit(
    _ batch: Batch, as ticket: CommitTicket = CommitTicket(), behind earlier: CommitTicket? = nil
  ) async -> CommitOutcome {
    await commit([batch], as: ticket, behind: earlier)[0]
  }
}

struct Fixture {
  let directory: TemporaryDirectory
  let system = FaultySystem()
  let clock = FixedClock()
  let spool: Spool

  init() throws {
    directory = try TemporaryDirectory()
    spool = try Spool(path: directory.appending("spool"), system: system, clock: clock)
    try spool.own()
  }

  var dropper: Dropper { Dropper(path: spool.path, system: Linux(), clock: clock) }

  /// Puts a file into a state directory, a minute old.
  @discardableResult
  func put(_ text: String, _ name: String, in state: String = "pending") throws -> InputName {
    let path = "\(spool.path)/\(state)/\(name).json"
    try write(text, to: path)
    let system = Linux()
    try system.setModified(clock.now().nanoseconds - 60_000_000_000, of: path, in: AT_FDCWD)
    return try #require(InputName(name))
  }

  func write(_ text: String, to path: String) throws {
    let file = try #require(fopen(path, "w"))
    fputs(text, file)
    fclose(file)
  }

  func text(_ path: String) -> String? { Self.text("\(spool.path)/\(path)") }

  static func text(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var text = [UInt8]()
    while case let byte = fgetc(file), byte != EOF { text.append(UInt8(byte)) }
    return String(decoding: text, as: UTF8.self)
  }

  /// Looks and claims, as the pipeline does.
  func claim(_ name: InputName) throws -> Claimed {
    guard case .claimed(let claimed) = try tryClaim(name) else {
      Issue.record("\(name) could not be claimed")
      throw Errno(ENOENT)
    }
    return claimed
  }

  /// - Parameter keepsSeen: Whether what the look has read is kept for the claim.
  func tryClaim(_ name: InputName, on spool: Spool? = nil, keepsSeen: Bool = true) throws -> ClaimResult {
    let spool = spool ?? self.spool
    guard case .file(let bytes, let stamp, let seen) = try spool.look(at: name) else { return .gone }
    return try spool.claim(
      name, session: TestReader().session(ofInput: bytes), expecting: stamp, knowing: keepsSeen ? seen : nil)
  }

  /// Looks at an input, of which something may be kept.
  func look(at name: InputName) throws -> (stamp: FileStamp, seen: Seen) {
    guard case .file(_, let stamp, let seen?) = try spool.look(at: name) else {
      Issue.record("no file, or none of which anything may be kept")
      throw Errno(ENOENT)
    }
    return (stamp, seen)
  }

  func note(_ name: InputName, attempts: Int = 1) -> ErrorNote {
    ErrorNote(
      name: name, attempts: attempts, errorClass: "transient", status: 503, message: "no",
      firstFailedAt: clock.now(), lastFailedAt: clock.now())
  }

  /// The names in a directory of the spool, sorted.
  func names(_ path: String) -> [String] { Self.names("\(spool.path)/\(path)") }

  static func names(_ path: String) -> [String] {
    var names: [String] = []
    guard let directory = try? Linux().open(path, in: AT_FDCWD, flags: O_RDONLY, mode: 0) else { return [] }
    defer { Linux().close(directory) }
    try? Linux().list(directory) { names.append(String(decoding: $0, as: UTF8.self)) }
    return names.sorted()
  }
}

/// Everything a spool holds of inputs and records, for invariants.
struct Inventory {
  var states: [String: [State: String]] = [:]
  var xml: Set<String> = []
  var json: [String: String] = [:]
  var leftovers: [String] = []

  init(_ path: String) {
    for state in State.allCases {
      for file in Fixture.names("\(path)/\(state.rawValue)") {
        guard file.hasSuffix(".json"), !file.hasPrefix(".") else {
          leftovers.append("\(state.rawValue)/\(file)")
          continue
        }
        states[String(file.dropLast(5)), default: [:]][state] = Fixture.text(
          "\(path)/\(state.rawValue)/\(file)")
      }
    }
    for session in Fixture.names("\(path)/observations") {
      for file in Fixture.names("\(path)/observations/\(session)") {
        let name = "\(session)/\(file.split(separator: ".").dropLast().joined(separator: "."))"
        if file.hasSuffix(".xml") { xml.insert(name) }
        if file.hasSuffix(".json") { json[name] = Fixture.text("\(path)/observations/\(session)/\(file)") }
      }
    }
    leftovers += Fixture.names("\(path)/tmp").map { "tmp/\($0)" }
  }
}
