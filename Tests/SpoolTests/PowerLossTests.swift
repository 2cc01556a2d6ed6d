// Every state that a disk may be in after the power went, built from a trace of what was done, and recovered from.
//
// The model: a file's bytes are on disk after a sync of it; each rename, creation and removal is on disk after a
// sync of one of its directories, and before that may be or not, each for itself, in any order.

import FoundationEssentials
import Glibc
import TestSupport
import Testing
import Threads

@testable import Spool

struct PowerLossTests {
  private static let inputs = ["a": "s|first", "b": "s|second", "c": "s|third"]

  @Test(arguments: [1, 3])
  func `Power may go at any moment`(batch: Int) async throws {
    let trace = try await record(batch: batch)
    var states = Set<Disk>()
    for moment in 0...trace.count {
      for disk in Disk.all(after: trace[..<moment], inputs: Self.inputs) { states.insert(disk) }
    }
    #expect(states.count > 50)
    for disk in states { try await recover(disk, batch: batch) }
  }

  /// One processor's whole life, as the disk hears of it.
  private func record(batch: Int) async throws -> [Disk.Step] {
    let directory = try TemporaryDirectory()
    let system = TracingSystem(root: directory.path)
    let spool = try Spool(path: directory.path, system: system)
    for (name, text) in Self.inputs {
      try Disk.write(Array(text.utf8), "\(directory.path)/pending/\(name).json")
    }
    try spool.own()
    system.start()
    try await run(spool, batch: batch, givingBack: true)
    return system.trace
  }

  private func run(_ spool: Spool, batch: Int, givingBack: Bool) async throws {
    _ = try spool.recover(reading: TestReader())
    let committer = Committer(spool: spool)
    var givesBack = givingBack
    for _ in 0..<2 {
      var claimed: [Claimed] = []
      var names = try spool.names(in: .pending)
      names.sort()
      for name in names {
        guard case .file(_, let stamp) = try spool.look(at: name),
          case .claimed(let input) = try spool.claim(name, session: "s", expecting: stamp)
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
      while !claimed.isEmpty {
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

  private func recover(_ disk: Disk, batch: Int) async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path
    try disk.build(at: path)
    let spool = try Spool(path: path, system: FaultySystem())
    let before = Inventory(path)
    for name in Self.inputs.keys {
      #expect(
        before.states[name]?.count == 1, "\(name) is in \(String(describing: before.states[name])) on \(disk)"
      )
    }
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

/// What may be on a disk.
private struct Disk: Hashable, CustomStringConvertible {
  enum Step: Hashable, Sendable {
    case make(String)
    case create(String, file: Int)
    case write(file: Int, [UInt8])
    case rename(String, String)
    case remove(String)
    case syncFile(Int)
    case syncDirectory(String)
    case syncAll
  }

  /// By path; the bytes of files whose data is not on disk are lost, not missing.
  var files: [String: [UInt8]] = [:]
  var directories: Set<String> = []

  var description: String {
    "a disk with "
      + (files.map { "\($0.key) (\($0.value.count))" } + directories).sorted().joined(separator: ", ")
  }

  /// All disks that the steps may have led to, if the power went after them.
  static func all(after steps: ArraySlice<Step>, inputs: [String: String]) -> Set<Disk> {
    var contents: [Int: [UInt8]] = [:]
    var durableContents: [Int: [UInt8]] = [:]
    var names: [(step: Step, isDurable: Bool)] = []
    for step in steps {
      switch step {
      case .write(let file, let bytes): contents[file, default: []] += bytes
      case .syncFile(let file): durableContents[file] = contents[file]
      case .syncAll:
        durableContents = contents
        for index in names.indices { names[index].isDurable = true }
      case .syncDirectory(let directory):
        for index in names.indices where names[index].step.directories.contains(directory) {
          names[index].isDurable = true
        }
      case .make, .create, .rename, .remove: names.append((step, false))
      }
    }
    // Files in tmp that may be there or not make no difference: what counts is what was renamed from there.
    let open = names.indices.filter { index in
      if case .create = names[index].step { return false }
      return !names[index].isDurable
    }
    precondition(open.count <= 12, "too many states: \(open.count)")
    var disks = Set<Disk>()
    for choice in 0..<(1 << open.count) {
      let left = Set(open.enumerated().filter { choice >> $0.offset & 1 == 0 }.map(\.element))
      var disk = Disk()
      var ids: [String: Int] = [:]
      for (index, entry) in names.enumerated() where !left.contains(index) {
        switch entry.step {
        case .make(let path): disk.directories.insert(path)
        case .create(let path, let file): ids[path] = file
        case .remove(let path):
          ids[path] = nil
          disk.files[path] = nil
        case .rename(let from, let to):
          // The inputs have no number: they were there, on disk, before.
          if let file = ids.removeValue(forKey: from) {
            ids[to] = file
          } else if let name = disk.original(from, inputs) {
            disk.moves[from] = nil
            disk.moves[to] = name
          }
        default: break
        }
      }
      for (path, file) in ids { disk.files[path] = durableContents[file] ?? [] }
      disk.settle(inputs)
      disks.insert(disk)
    }
    return disks
  }

  /// Where inputs are that have been moved, by path: their names.
  private var moves: [String: String] = [:]

  private func original(_ path: String, _ inputs: [String: String]) -> String? {
    if let name = moves[path] { return name }
    guard path.hasPrefix("pending/") else { return nil }
    let name = String(path.dropFirst(8).dropLast(5))
    return inputs[name] != nil && !moves.values.contains(name) ? name : nil
  }

  private mutating func settle(_ inputs: [String: String]) {
    for (name, text) in inputs where !moves.values.contains(name) {
      files["pending/\(name).json"] = Array(text.utf8)
    }
    for (path, name) in moves { files[path] = Array((inputs[name] ?? "").utf8) }
    moves = [:]
    // Without its directory a file is not there.
    files = files.filter { path, _ in
      let parts = path.split(separator: "/")
      return parts.count < 3 || directories.contains(parts.dropLast().joined(separator: "/"))
    }
  }

  func build(at path: String) throws {
    _ = try Spool(path: path)
    for directory in directories { mkdir("\(path)/\(directory)", 0o750) }
    for (name, bytes) in files { try Self.write(bytes, "\(path)/\(name)") }
  }

  static func write(_ bytes: [UInt8], _ path: String) throws {
    let file = try #require(fopen(path, "w"))
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
  }
}

extension Disk.Step {
  /// The directories by whose sync it comes on disk.
  var directories: [String] {
    switch self {
    case .make(let path), .create(let path, _), .remove(let path): [Directory.split(path).directory]
    case .rename(let from, let to): [Directory.split(from).directory, Directory.split(to).directory]
    default: []
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
  func close(_ descriptor: Int32) { real.close(descriptor) }
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
  func list(_ directory: Int32, _ body: (UnsafeBufferPointer<UInt8>) -> Void) throws(Errno) {
    try real.list(directory, body)
  }
  func makeInotify() throws(Errno) -> Int32 { try real.makeInotify() }
  func addWatch(_ inotify: Int32, path: String, mask: UInt32) throws(Errno) -> Int32 {
    try real.addWatch(inotify, path: path, mask: mask)
  }
  func effectiveUser() -> UInt32 { real.effectiveUser() }
}
