// Directories and files by their descriptors, with errors that name the file.
import CSystem
import FoundationEssentials
import Glibc
import JSONText
import Threads

/// An open file or directory; closed with the last reference.
final class OpenFile: Sendable {
  let descriptor: Int32
  let system: any SystemCalls
  private let place: String
  private let name: String?

  /// Its path is only put together when somebody asks, for an error.
  var path: String { name.map { "\(place)/\($0)" } ?? place }

  init(_ descriptor: Int32, path: String, system: any SystemCalls) {
    self.descriptor = descriptor
    self.system = system
    place = path
    name = nil
  }

  init(_ descriptor: Int32, name: String, in directory: Directory) {
    self.descriptor = descriptor
    self.name = name
    system = directory.file.system
    place = directory.path
  }

  deinit { system.close(descriptor) }
}

extension OpenFile {
  /// Runs a call and says what it was for if it fails.
  func perform<Value>(_ operation: String, _ call: () throws(Errno) -> Value) throws(SpoolError) -> Value {
    do throws(Errno) {
      return try call()
    } catch {
      throw SpoolError(operation, path, error)
    }
  }

  func status() throws(SpoolError) -> FileStatus {
    try perform("look at") { () throws(Errno) in try system.status(of: descriptor) }
  }

  func sync() throws(SpoolError) {
    try perform("sync") { () throws(Errno) in try system.fsync(descriptor) }
  }

  func lock() throws(Errno) { try system.lock(descriptor) }
  func unlock() { system.unlock(descriptor) }

  /// Writes all of `bytes`, in as many calls as it takes.
  func write(_ bytes: WrittenBytes) throws(SpoolError) {
    try bytes.withContents { contents throws(SpoolError) in try write(contents) }
  }

  func write(_ bytes: [UInt8]) throws(SpoolError) {
    try bytes.withUnsafeBufferPointer { contents throws(SpoolError) in try write(contents) }
  }

  private func write(_ bytes: UnsafeBufferPointer<UInt8>) throws(SpoolError) {
    var rest = UnsafeRawBufferPointer(bytes)
    while !rest.isEmpty {
      let written = try perform("write") { () throws(Errno) in try system.write(descriptor, rest) }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  /// Reads to the end of the file, but no more than `limit` bytes; nil where there are more.
  ///
  /// - Parameter expected: How many there seem to be, so that one read is enough.
  func readAll(expecting expected: Int, limit: Int) throws(SpoolError) -> [UInt8]? {
    var bytes: [UInt8] = []
    // One byte more than expected, so that the end shows without a second buffer.
    var room = min(max(expected, 0), limit) + 1
    while true {
      let start = bytes.count
      var outcome: Result<Int, Errno> = .success(0)
      // Only what has been read is counted; the rest of the buffer is never looked at.
      let chunk = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        do throws(Errno) {
          count = try system.read(descriptor, into: UnsafeMutableRawBufferPointer(buffer))
        } catch {
          outcome = .failure(error)
        }
      }
      if case .failure(let error) = outcome { throw SpoolError("read", path, error) }
      if chunk.isEmpty { return bytes }
      if start == 0 { bytes = chunk } else { bytes += chunk }
      if bytes.count > limit { return nil }
      // A read that stops where the file seemed to end, with room for more, has met its end.
      if start == 0, chunk.count == expected { return bytes }
      room = max(limit + 1 - bytes.count, 1)
      room = min(room, max(64 * 1024, expected + 1 - bytes.count))
    }
  }

  /// One byte; nil behind the end.
  func byte(at offset: Int) throws(SpoolError) -> UInt8? {
    try perform("read") { () throws(Errno) in
      var byte: UInt8 = 0
      var outcome: Result<Int, Errno> = .success(0)
      withUnsafeMutableBytes(of: &byte) { buffer in
        do throws(Errno) {
          outcome = .success(try system.read(descriptor, at: offset, into: buffer))
        } catch {
          outcome = .failure(error)
        }
      }
      return try outcome.get() == 1 ? byte : nil
    }
  }

  /// Reads a file from its beginning again, to its end; nil where it has more than `limit` bytes.
  func rereadAll(limit: Int) throws(SpoolError) -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count <= limit {
      let offset = bytes.count
      var outcome: Result<Int, Errno> = .success(0)
      let chunk = [UInt8](unsafeUninitializedCapacity: 64 * 1024) { buffer, count in
        do throws(Errno) {
          count = try system.read(descriptor, at: offset, into: UnsafeMutableRawBufferPointer(buffer))
        } catch {
          outcome = .failure(error)
        }
      }
      if case .failure(let error) = outcome { throw SpoolError("read", path, error) }
      if chunk.isEmpty { return bytes }
      bytes += chunk
    }
    return nil
  }
}

/// A directory of the spool, held open.
struct Directory: Sendable {
  let file: OpenFile

  var path: String { file.path }
  var descriptor: Int32 { file.descriptor }
  private var system: any SystemCalls { file.system }

  func path(of name: String) -> String { "\(path)/\(name)" }

  func perform<Value>(_ operation: String, _ name: String, _ call: () throws(Errno) -> Value)
    throws(SpoolError) -> Value
  {
    do throws(Errno) {
      return try call()
    } catch {
      throw SpoolError(operation, path(of: name), error)
    }
  }

  /// Runs a call for which a missing file is no error; nil where it is missing.
  private func unlessMissing<Value>(
    _ operation: String, _ name: String, _ call: () throws(Errno) -> Value
  ) throws(SpoolError) -> Value? {
    do throws(Errno) {
      return try call()
    } catch {
      if error.code == ENOENT { return nil }
      throw SpoolError(operation, path(of: name), error)
    }
  }

  /// Nil where there is no such file. A link is not followed.
  func status(of name: String) throws(SpoolError) -> FileStatus? {
    try unlessMissing("look at", name) { () throws(Errno) in try system.status(of: name, in: descriptor) }
  }

  func contains(_ name: String) throws(SpoolError) -> Bool { try status(of: name) != nil }

  /// Opens a file that is there, neither following a link nor waiting for the other end of a fifo; nil where
  /// there is none.
  func open(_ name: String, _ flags: Int32 = O_RDONLY) throws(SpoolError) -> OpenFile? {
    try unlessMissing("open", name) { () throws(Errno) in
      OpenFile(try openUntouched(name, flags | O_NOFOLLOW | O_NONBLOCK), name: name, in: self)
    }
  }

  /// Opens a file so that reading it is no change of it: else the kernel would note the time of that, and write it
  /// to the disk, for each input. For this one has to own the file, or be root; of others it takes a second call.
  private func openUntouched(_ name: String, _ flags: Int32) throws(Errno) -> Int32 {
    do throws(Errno) {
      return try system.open(name, in: descriptor, flags: flags | csystem_o_noatime, mode: 0)
    } catch {
      guard error.code == EPERM else { throw error }
      return try system.open(name, in: descriptor, flags: flags, mode: 0)
    }
  }

  /// Opens a file, made with mode 0640 where it is missing; with `exclusively`, it must be missing.
  func create(_ name: String, exclusively: Bool = true, flags: Int32 = O_WRONLY) throws(SpoolError)
    -> OpenFile
  {
    let flags = flags | O_CREAT | O_NOFOLLOW | O_NONBLOCK | (exclusively ? O_EXCL : 0)
    return try perform("create", name) { () throws(Errno) in
      OpenFile(try system.open(name, in: descriptor, flags: flags, mode: 0o640), name: name, in: self)
    }
  }

  /// The bytes of a file that obspool made itself, links not followed; nil where there is none.
  func read(_ name: String, limit: Int = .max - 1) throws(SpoolError) -> [UInt8]? {
    guard let file = try open(name) else { return nil }
    let status = try file.status()
    guard status.kind == .regular else {
      throw SpoolError("read", path(of: name), hint: "it is no regular file")
    }
    guard let bytes = try file.readAll(expecting: status.stamp.size, limit: limit) else {
      throw SpoolError("read", path(of: name), hint: "it has more than \(limit) bytes")
    }
    return bytes
  }

  /// Moves a file, replacing what has the new name.
  func rename(_ name: String, to directory: Directory, as newName: String) throws(SpoolError) {
    try perform("rename", name) { () throws(Errno) in
      try system.rename(name, in: descriptor, to: newName, in: directory.descriptor)
    }
  }

  /// Moves a file unless something has the new name.
  func move(_ name: String, to directory: Directory, as newName: String) throws(SpoolError) -> Move {
    do throws(Errno) {
      try system.renameNoReplace(name, in: descriptor, to: newName, in: directory.descriptor)
      return .moved
    } catch {
      switch error.code {
      case EEXIST: return .taken
      case ENOENT: return .gone
      default: throw SpoolError(SpoolError.Operation.move, path(of: name), error)
      }
    }
  }

  enum Move { case moved, taken, gone }

  /// Removes a file; false where there was none.
  @discardableResult
  func remove(_ name: String) throws(SpoolError) -> Bool {
    try unlessMissing("remove", name) { () throws(Errno) in
      try system.unlink(name, in: descriptor)
      return true
    } ?? false
  }

  /// Removes a directory that is empty; false where it is not, or is none.
  func removeDirectoryIfEmpty(_ name: String) throws(SpoolError) -> Bool {
    do throws(Errno) {
      try system.removeDirectory(name, in: descriptor)
      return true
    } catch {
      switch error.code {
      case ENOTEMPTY, EEXIST, ENOENT, ENOTDIR: return false
      default: throw SpoolError("remove the directory", path(of: name), error)
      }
    }
  }

  func setModified(_ nanoseconds: Int64, of name: String) throws(SpoolError) {
    try perform("set the time of", name) { () throws(Errno) in
      try system.setModified(nanoseconds, of: name, in: descriptor)
    }
  }

  /// Opens a directory in this one; nil where there is none.
  func directory(_ name: String) throws(SpoolError) -> Directory? {
    let file = try unlessMissing("open", name) { () throws(Errno) in
      OpenFile(
        try system.open(name, in: descriptor, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW, mode: 0),
        path: path(of: name), system: system)
    }
    return file.map(Directory.init)
  }

  /// Makes a directory with mode 0750; false where it was there.
  func makeDirectory(_ name: String) throws(SpoolError) -> Bool {
    do throws(Errno) {
      try system.makeDirectory(name, in: descriptor, mode: 0o750)
      return true
    } catch {
      if error.code == EEXIST { return false }
      throw SpoolError("make the directory", path(of: name), error)
    }
  }

  func list(_ body: (UnsafeBufferPointer<UInt8>) -> Void) throws(SpoolError) {
    try file.perform("list") { () throws(Errno) in try system.list(descriptor, body) }
  }

  /// The names of all that is in it, sorted by bytes.
  func names() throws(SpoolError) -> [String] {
    var names: [String] = []
    try list { names.append(String(decoding: $0, as: UTF8.self)) }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  func sync() throws(SpoolError) { try file.sync() }
}

extension Directory {
  /// Opens the directory at `path`, and makes it with its parents (0750) where it is missing.
  ///
  /// - Parameter flags: `O_RDONLY`, or `O_PATH` for one that may not be listed.
  static func opening(_ path: String, flags: Int32 = O_RDONLY, system: any SystemCalls)
    throws(SpoolError) -> Directory
  {
    do throws(Errno) {
      return Directory(
        file: OpenFile(
          try system.open(path, in: AT_FDCWD, flags: flags | O_DIRECTORY, mode: 0), path: path, system: system
        ))
    } catch {
      guard error.code == ENOENT else { throw SpoolError("open", path, error) }
    }
    let trimmed = path.utf8.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let (parentPath, name) = split(trimmed)
    guard !name.isEmpty else { throw SpoolError("open", path, Errno(ENOENT)) }
    let parent = try opening(parentPath, system: system)
    // A crash here leaves an empty directory, which the next start takes as it is.
    if try parent.makeDirectory(name) { try parent.sync() }
    return try parent.perform("open", name) { () throws(Errno) in
      Directory(
        file: OpenFile(
          try system.open(name, in: parent.descriptor, flags: flags | O_DIRECTORY, mode: 0), path: trimmed,
          system: system))
    }
  }

  /// `("/a/b", "c")` for `/a/b/c`; `("/", "a")` for `/a`; `(".", "a")` for `a`.
  static func split(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let name = String(path[path.utf8.index(after: slash)...])
    return (slash == path.startIndex ? "/" : String(path[..<slash]), name)
  }
}
