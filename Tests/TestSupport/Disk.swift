// What a disk may hold after the power went: built from the steps that led there.
//
// The model: a file's bytes are on disk after a sync of it; each rename, creation and removal is on disk after a
// sync of one of its directories, and before that may be or not, each for itself, in any order.

import Glibc

/// What may be on a disk.
public struct Disk: Hashable, Sendable, CustomStringConvertible {
  /// What a program has done to it. Paths are below its root; files are numbered as they are created.
  public enum Step: Hashable, Sendable {
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
  public private(set) var files: [String: [UInt8]] = [:]
  public private(set) var directories: Set<String> = []

  public var description: String {
    "a disk with "
      + (files.map { "\($0.key) (\($0.value.count))" } + directories).sorted().joined(separator: ", ")
  }

  /// All disks that the steps may have led to, if the power went after them.
  ///
  /// - Parameter inputs: What was on disk before, in `pending`: texts by name without `.json`.
  public static func all(after steps: ArraySlice<Step>, inputs: [String: String]) -> Set<Disk> {
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

  /// Makes what it holds below `path`, where the directories of a spool are already.
  public func build(at path: String) throws {
    for directory in directories { mkdir("\(path)/\(directory)", 0o750) }
    for (name, bytes) in files { try Self.write(bytes, "\(path)/\(name)") }
  }

  public static func write(_ bytes: [UInt8], _ path: String) throws {
    guard let file = fopen(path, "w") else { throw LoopbackError(call: "fopen", code: errno) }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
  }
}

extension Disk.Step {
  /// The directories by whose sync it comes on disk.
  var directories: [String] {
    switch self {
    case .make(let path), .create(let path, _), .remove(let path): [Self.directory(of: path)]
    case .rename(let from, let to): [Self.directory(of: from), Self.directory(of: to)]
    default: []
    }
  }

  private static func directory(of path: String) -> String {
    path.split(separator: "/").dropLast().joined(separator: "/")
  }
}
