// The one seam between the spool and the kernel. Everything that the spool does to the disk goes through
// it, so that a test can make each single call fail, or everything from one call on.
import CSystem
import FoundationEssentials
import Glibc

/// The error number of a system call that failed.
public struct Errno: Error, Equatable, Sendable, CustomStringConvertible {
  public let code: Int32

  public init(_ code: Int32) { self.code = code }

  /// The system's words for it, such as `No space left on device`.
  public var description: String { String(cString: strerror(code)) }
}

/// What stat(2) says of a file, as far as the spool asks.
public struct FileStatus: Sendable, Equatable {
  public enum Kind: Sendable, Equatable { case regular, directory, link, fifo, device, socket, other }

  public var kind: Kind
  public var device: UInt64
  public var inode: UInt64
  public var links: UInt64
  public var owner: UInt32
  public var stamp: FileStamp
  /// When the file was last changed in any way, also moved, in nanoseconds since 1970: a time that nobody can set.
  public var changed: Int64
}

/// The system calls that the spool makes. Each is one call of Linux, is repeated where a signal interrupted
/// it (EINTR), and throws the error number otherwise. Names are relative to an open directory.
public protocol SystemCalls: Sendable {
  /// openat(2); `O_CLOEXEC` is always added.
  func open(_ name: String, in directory: Int32, flags: Int32, mode: mode_t) throws(Errno) -> Int32
  /// close(2). What it could report has been asked for by a sync before.
  func close(_ descriptor: Int32)
  /// read(2): the number of bytes, 0 at the end.
  func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int
  /// pread(2).
  func read(_ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer)
    throws(Errno) -> Int
  /// write(2): the number of bytes taken, which may be fewer.
  func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) throws(Errno) -> Int
  /// ftruncate(2).
  func truncate(_ descriptor: Int32, to size: Int) throws(Errno)
  /// fsync(2), for files and directories.
  func fsync(_ descriptor: Int32) throws(Errno)
  /// syncfs(2): everything of the file system that `descriptor` is on.
  func syncfs(_ descriptor: Int32) throws(Errno)
  /// renameat(2), which replaces.
  func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno)
  /// renameat2(2) with `RENAME_NOREPLACE`: EEXIST where the new name is taken.
  func renameNoReplace(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32)
    throws(Errno)
  /// unlinkat(2).
  func unlink(_ name: String, in directory: Int32) throws(Errno)
  /// unlinkat(2) with `AT_REMOVEDIR`: ENOTEMPTY where it is not empty.
  func removeDirectory(_ name: String, in directory: Int32) throws(Errno)
  /// mkdirat(2).
  func makeDirectory(_ name: String, in directory: Int32, mode: mode_t) throws(Errno)
  /// fstatat(2), of a link itself.
  func status(of name: String, in directory: Int32) throws(Errno) -> FileStatus
  /// fstat(2).
  func status(of descriptor: Int32) throws(Errno) -> FileStatus
  /// utimensat(2), of a link itself: sets the modification time, in nanoseconds since 1970, and the access time
  /// with it, since only both together are an IN_ATTRIB to those who watch.
  func setModified(_ nanoseconds: Int64, of name: String, in directory: Int32) throws(Errno)
  /// futimens(2), likewise.
  func setModified(_ nanoseconds: Int64, of descriptor: Int32) throws(Errno)
  /// flock(2), exclusive, without waiting: EWOULDBLOCK where another holds it.
  func lock(_ descriptor: Int32) throws(Errno)
  /// flock(2) with `LOCK_UN`.
  func unlock(_ descriptor: Int32)
  /// opendir(3) and readdir(3): each name but `.` and `..`, in no order.
  func list(_ directory: Int32, _ body: (UnsafeBufferPointer<UInt8>) -> Void) throws(Errno)
  /// inotify_init1(2), not blocking.
  func makeInotify() throws(Errno) -> Int32
  /// inotify_add_watch(2): the watch's number.
  func addWatch(_ inotify: Int32, path: String, mask: UInt32) throws(Errno) -> Int32
  /// geteuid(2).
  func effectiveUser() -> UInt32
}

/// The real calls.
///
/// The names that are passed most often are so by `withCString`: a string that is given to C directly is copied first.
public struct Linux: SystemCalls {
  public init() {}

  public func open(_ name: String, in directory: Int32, flags: Int32, mode: mode_t) throws(Errno) -> Int32 {
    try checked { name.withCString { openat(directory, $0, flags | O_CLOEXEC, mode) } }
  }

  public func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }

  public func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
    try checked { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
  }

  public func read(_ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer)
    throws(Errno) -> Int
  {
    try checked { pread(descriptor, buffer.baseAddress, buffer.count, offset) }
  }

  public func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) throws(Errno) -> Int {
    try checked { Glibc.write(descriptor, bytes.baseAddress, bytes.count) }
  }

  public func truncate(_ descriptor: Int32, to size: Int) throws(Errno) {
    _ = try checked { ftruncate(descriptor, size) }
  }

  public func fsync(_ descriptor: Int32) throws(Errno) {
    _ = try checked { Glibc.fsync(descriptor) }
  }

  public func syncfs(_ descriptor: Int32) throws(Errno) {
    _ = try checked { csystem_syncfs(descriptor) }
  }

  public func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32)
    throws(Errno)
  {
    _ = try checked {
      name.withCString { name in newName.withCString { renameat(directory, name, newDirectory, $0) } }
    }
  }

  public func renameNoReplace(
    _ name: String, in directory: Int32, to newName: String, in newDirectory: Int32
  ) throws(Errno) {
    _ = try checked {
      name.withCString { name in
        newName.withCString { csystem_rename_noreplace(directory, name, newDirectory, $0) }
      }
    }
  }

  public func unlink(_ name: String, in directory: Int32) throws(Errno) {
    _ = try checked { unlinkat(directory, name, 0) }
  }

  public func removeDirectory(_ name: String, in directory: Int32) throws(Errno) {
    _ = try checked { unlinkat(directory, name, AT_REMOVEDIR) }
  }

  public func makeDirectory(_ name: String, in directory: Int32, mode: mode_t) throws(Errno) {
    _ = try checked { mkdirat(directory, name, mode) }
  }

  public func status(of name: String, in directory: Int32) throws(Errno) -> FileStatus {
    var status = stat()
    _ = try checked { name.withCString { fstatat(directory, $0, &status, AT_SYMLINK_NOFOLLOW) } }
    return FileStatus(status)
  }

  public func status(of descriptor: Int32) throws(Errno) -> FileStatus {
    var status = stat()
    _ = try checked { fstat(descriptor, &status) }
    return FileStatus(status)
  }

  public func setModified(_ nanoseconds: Int64, of name: String, in directory: Int32) throws(Errno) {
    let times = Self.times(nanoseconds)
    _ = try checked { utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW) }
  }

  public func setModified(_ nanoseconds: Int64, of descriptor: Int32) throws(Errno) {
    let times = Self.times(nanoseconds)
    _ = try checked { futimens(descriptor, times) }
  }

  public func unlock(_ descriptor: Int32) { _ = flock(descriptor, LOCK_UN) }

  public func lock(_ descriptor: Int32) throws(Errno) {
    _ = try checked { flock(descriptor, LOCK_EX | LOCK_NB) }
  }

  public func list(_ directory: Int32, _ body: (UnsafeBufferPointer<UInt8>) -> Void) throws(Errno) {
    // A descriptor of its own, since the position in a directory belongs to the open file.
    let descriptor = try open(".", in: directory, flags: O_RDONLY | O_DIRECTORY, mode: 0)
    guard let stream = fdopendir(descriptor) else {
      let error = Errno(errno)
      close(descriptor)
      throw error
    }
    defer { closedir(stream) }
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw Errno(errno) }
        return
      }
      withUnsafeBytes(of: &entry.pointee.d_name) { raw in
        let name = raw.bindMemory(to: UInt8.self)
        let length = name.firstIndex(of: 0) ?? name.count
        let dot = UInt8(ascii: ".")
        if length == 1, name[0] == dot { return }
        if length == 2, name[0] == dot, name[1] == dot { return }
        body(UnsafeBufferPointer(rebasing: name[..<length]))
      }
    }
  }

  public func makeInotify() throws(Errno) -> Int32 {
    try checked { inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) }
  }

  public func addWatch(_ inotify: Int32, path: String, mask: UInt32) throws(Errno) -> Int32 {
    try checked { inotify_add_watch(inotify, path, mask) }
  }

  public func effectiveUser() -> UInt32 { geteuid() }

  /// Runs a call again while signals interrupt it; -1 becomes the error number.
  private func checked<Value: SignedInteger>(_ call: () -> Value) throws(Errno) -> Value {
    while true {
      let result = call()
      if result != -1 { return result }
      let code = errno
      if code != EINTR { throw Errno(code) }
    }
  }

  private static func times(_ nanoseconds: Int64) -> [timespec] {
    let second: Int64 = 1_000_000_000
    var (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: second)
    if rest < 0 {
      seconds -= 1
      rest += second
    }
    let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(rest))
    return [time, time]
  }
}

extension FileStatus {
  fileprivate init(_ status: stat) {
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .regular
      case S_IFDIR: .directory
      case S_IFLNK: .link
      case S_IFIFO: .fifo
      case S_IFCHR, S_IFBLK: .device
      case S_IFSOCK: .socket
      default: .other
      }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    links = UInt64(status.st_nlink)
    owner = status.st_uid
    stamp = FileStamp(
      size: Int(status.st_size),
      nanoseconds: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec))
    changed = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
  }
}
