// Every state that a disk may be in after the power went, built from a trace of what was done, and recovered from.
//
// What a disk may hold is `Disk`'s to say.

import FoundationEssentials
import Glibc
import TestSupport
import Testing
import Threads

@testable import Spool

struct PowerLossTests {
  private static let inputs = ["a": "s|first", "b": "s|second", "c": "s|third"]

  @Test(arguments: [(1, false), (3, false), (1, true)])
  func `Power may go at any moment`(batch: Int, chained: Bool) async throws {
    let trace = try await record(batch: batch, chained: chained)
    var states = Set<Disk>()
    for moment in 0...trace.count {
      for disk in Disk.all(after: trace[..<moment], inputs: Self.inputs) { states.insert(disk) }
    }
    #expect(states.count > 50)
    for disk in states { try await recover(disk, batch: batch, chained: chained) }
  }

  /// One processor's whole life, as the disk hears of it.
  ///
  /// - Parameter chained: Each commit is asked for at once, behind the one before it.
  private func record(batch: Int, chained: Bool) async throws -> [Disk.Step] {
    let directory = try TemporaryDirectory()
    let system = TracingSystem(root: directory.path)
    let spool = try Spool(path: directory.path, system: system)
    for (name, text) in Self.inputs {
      try Disk.write(Array(text.utf8), "\(directory.path)/pending/\(name).json")
    }
    try spool.own()
    system.start()
    try await run(spool, batch: batch, givingBack: true, chained: chained)
    return system.trace
  }

  private func run(_ spool: Spool, batch: Int, givingBack: Bool, chained: Bool = false) async throws {
    _ = try spool.recover(reading: TestReader())
    let committer = Committer(spool: spool)
    var givesBack = givingBack
    for _ in 0..<2 {
      var claimed: [Claimed] = []
      var names = try spool.names(in: .pending)
      names.sort()
      for name in names {
        guard case .file(_, let stamp, let seen) = try spool.look(at: name),
          case .claimed(let input) = try spool.claim(name, session: "s", expecting: stamp, knowing: seen)
        else { continue }
        claimed.append(input)
      }
      if givesBack, !claimed.isEmpty {
        givesBack = false
        let input = claimed.removeFirst()
        let note = ErrorNote(
          name: input.name, attempts: 1, errorClass: "transient", message: "no",
          firstFailedAt: Date(timeIntervalSince1970: 1), lastFailedAt: Date(timeIntervalSince1970: 1))
        try await committer.giveBack(input, due: nil, note: note)
      }
      if chained { try await commitChained(claimed, committer) }
      while !claimed.isEmpty, !chained {
        let inputs = Array(claimed.prefix(batch))
        claimed.removeFirst(inputs.count)
        guard case .done = await committer.commit(TestReader.batch(inputs)) else {
          Issue.record("not done")
          return
        }
      }
    }
    await committer.close()
  }

  private func commitChained(_ inputs: [Claimed], _ committer: Committer) async throws {
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    await Task(executorPreference: loop) {
      await withTaskGroup(of: Void.self) { group in
        var before: CommitTicket?
        for input in inputs {
          let (ticket, earlier) = (CommitTicket(), before)
          group.addTask {
            guard
              case .done = await committer.commit(TestReader.batch([input]), as: ticket, behind: earlier)
            else {
              Issue.record("not done")
              return
            }
          }
          before = ticket
        }
      }
    }.value
  }

  private func recover(_ disk: Disk, batch: Int, chained: Bool) async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path
    _ = try Spool(path: path)
    try disk.build(at: path)
    let spool = try Spool(path: path, system: FaultySystem())
    let before = Inventory(path)
    for name in Self.inputs.keys {
      #expect(
        before.states[name]?.count == 1, "\(name) is in \(String(describing: before.states[name])) on \(disk)"
      )
    }
    // The first is given back at first, and comes last.
    if chained, before.json["s/c"] != nil { #expect(before.json["s/b"] != nil, "c without b on \(disk)") }
    try spool.own()
    try await run(spool, batch: batch, givingBack: false)
    let after = Inventory(path)
    #expect(Set(after.states.keys) == Set(Self.inputs.keys), "\(disk)")
    for (name, text) in Self.inputs { #expect(after.states[name] == [.done: text], "\(name) on \(disk)") }
    #expect(Set(after.json.keys) == Set(Self.inputs.keys.map { "s/\($0)" }), "\(disk)")
    for text in after.json.values {
      #expect(TestReader().facts(ofRecord: Array(text.utf8)) != nil, "\(disk)")
    }
    #expect(after.xml == Set(after.json.keys), "\(disk)")
    for name in after.xml {
      #expect(Fixture.text("\(path)/observations/\(name).xml") == "<r>answer</r>", "\(disk)")
    }
  }
}

/// The real calls, written down.
private final class TracingSystem: SystemCalls {
  private struct State {
    var trace: [Disk.Step] = []
    var isOn = false
    var paths: [Int32: String] = [:]
    var files: [Int32: Int] = [:]
    var created = 0
  }

  private let state = Locked(State())
  private let real = Linux()
  private let root: String

  init(root: String) { self.root = root }

  func start() { state.withLock { $0.isOn = true } }
  var trace: [Disk.Step] { state.withLock { $0.trace } }

  private func note(_ step: Disk.Step) { state.withLock { if $0.isOn { $0.trace.append(step) } } }

  private func path(_ name: String, in directory: Int32) -> String {
    let full = name.hasPrefix("/") ? name : state.withLock { "\($0.paths[directory] ?? "")/\(name)" }
    return full.hasPrefix(root + "/") ? String(full.dropFirst(root.utf8.count + 1)) : full
  }

  func open(_ name: String, in directory: Int32, flags: Int32, mode: mode_t) throws(Errno) -> Int32 {
    let path = path(name, in: directory)
    let isNew = flags & O_CREAT != 0 && flags & O_EXCL != 0
    let descriptor = try real.open(name, in: directory, flags: flags, mode: mode)
    state.withLock { state in
      state.paths[descriptor] = path == root ? root : "\(root)/\(path)"
      state.files[descriptor] = nil
      guard isNew else { return }
      state.created += 1
      state.files[descriptor] = state.created
      if state.isOn { state.trace.append(.create(path, file: state.created)) }
    }
    return descriptor
  }
  /// A process that has died holds no lock. Here a child of another test, just being started, may still have the
  /// descriptor, and with it the lock.
  func close(_ descriptor: Int32) {
    real.unlock(descriptor)
    real.close(descriptor)
  }
  func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
    try real.read(descriptor, into: buffer)
  }
  func read(_ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(Errno)
    -> Int
  {
    try real.read(descriptor, at: offset, into: buffer)
  }
  func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) throws(Errno) -> Int {
    let count = try real.write(descriptor, bytes)
    if let file = state.withLock({ $0.files[descriptor] }) {
      note(.write(file: file, Array(bytes.prefix(count))))
    }
    return count
  }
  func truncate(_ descriptor: Int32, to size: Int) throws(Errno) { try real.truncate(descriptor, to: size) }
  func fsync(_ descriptor: Int32) throws(Errno) {
    try real.fsync(descriptor)
    let (file, path) = state.withLock { ($0.files[descriptor], $0.paths[descriptor] ?? "") }
    note(file.map(Disk.Step.syncFile) ?? .syncDirectory(String(path.dropFirst(root.utf8.count + 1))))
  }
  func syncfs(_ descriptor: Int32) throws(Errno) { note(.syncAll) }
  func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno) {
    try real.rename(name, in: directory, to: newName, in: newDirectory)
    note(.rename(path(name, in: directory), path(newName, in: newDirectory)))
  }
  func renameNoReplace(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32)
    throws(Errno)
  {
    try real.renameNoReplace(name, in: directory, to: newName, in: newDirectory)
    note(.rename(path(name, in: directory), path(newName, in: newDirectory)))
  }
  func unlink(_ name: String, in directory: Int32) throws(Errno) {
    try real.unlink(name, in: directory)
    note(.remove(path(name, in: directory)))
  }
  func removeDirectory(_ name: String, in directory: Int32) throws(Errno) {
    try real.removeDirectory(name, in: directory)
    note(.remove(path(name, in: directory)))
  }
  func makeDirectory(_ name: String, in directory: Int32, mode: mode_t) throws(Errno) {
    try real.makeDirectory(name, in: directory, mode: mode)
    note(.make(path(name, in: directory)))
  }
  func status(of name: String, in directory: Int32) throws(Errno) -> FileStatus {
    try real.status(of: name, in: directory)
  }
  func status(of descriptor: Int32) throws(Errno) -> FileStatus { try real.status(of: descriptor) }
  func setModified(_ nanoseconds: Int64, of name: String, in directory: Int32) throws(Errno) {
    try real.setModified(nanoseconds, of: name, in: directory)
  }
  func setModified(_ nanoseconds: Int64, of descriptor: Int32) throws(Errno) {
    try real.setModified(nanoseconds, of: descriptor)
  }
  func lock(_ descriptor: Int32) throws(Errno) { try real.lock(descriptor) }
  func unlock(_ descriptor: Int32) { real.unlock(descriptor) }
  func list(_ directory: Int32, _ body: (UnsafeBufferPointer<UInt8>) -> Void) throws(Errno) {
    try real.list(directory, body)
  }
  func makeInotify() throws(Errno) -> Int32 { try real.makeInotify() }
  func addWatch(_ inotify: Int32, path: String, mask: UInt32) throws(Errno) -> Int32 {
    try real.addWatch(inotify, path: path, mask: mask)
  }
  func effectiveUser() -> UInt32 { real.effectiveUser() }
}
