// Opening what anybody may have put into a directory.
import FoundationEssentials
import Glibc

extension Spool {
  /// What a look at a file found.
  enum Found {
    case file(File)
    case gone
    case tooLarge(FileStamp)
    case notTaken(reason: String)

    struct File {
      let bytes: [UInt8]
      /// As it was before reading, so that a writer who goes on meanwhile shows.
      let status: FileStatus
      let open: OpenFile
    }
  }

  /// Reads a waiting input, at most 8 MiB. Works beside a running processor.
  ///
  /// - Parameter keeping: Whether somebody has use for what a claim may be given.
  public func look(at name: InputName, keeping: Bool = true) throws(SpoolError) -> Look {
    // Before it is read: what changes from now on is not in its bytes.
    let now = clock.now()
    do throws(SpoolError) {
      return switch try examine(name.fileName, in: pending) {
      case .file(let found):
        .file(
          found.bytes, found.status.stamp,
          keeping && mayBeKept(found, at: now)
            ? Seen(sha256: SHA256.hex(found.bytes), status: found.status) : nil)
      case .gone: .gone
      case .tooLarge(let stamp): .tooLarge(stamp)
      case .notTaken(let reason): .notTaken(reason: reason)
      }
    } catch {
      // What may pass is the spool's trouble; the rest is this file's, and so is a bad block of the disk in it.
      if error.isStorage, error.errno != EIO { throw error }
      return .unreadable(error)
    }
  }

  /// Whether any change after this moment would show, and nobody needs the file open.
  ///
  /// A file that was changed just before may change again without another time, since the kernel's clock for files goes
  /// in steps, of ten milliseconds at most; on a file system that keeps whole seconds alone, within one or two of those.
  /// One of another user stays open from its claim to its end.
  private func mayBeKept(_ file: Found.File, at now: Date) -> Bool {
    let status = file.status
    guard file.bytes.count == status.stamp.size else { return false }
    let hasFraction = status.changed % 1_000_000_000 != 0
    return hasFraction && now.nanoseconds - status.changed >= 20_000_000
      && status.owner == system.effectiveUser()
  }

  /// Reads a regular file. It is looked at before it is opened, since opening a device may do something, and
  /// after, since it may be another one by then.
  ///
  /// - Parameter hardLinks: Whether a file with more than one name is taken. In pending it is not: its other
  ///   name may be a file that its producer may not read.
  func examine(_ fileName: String, in directory: Directory, hardLinks: Bool = false) throws(SpoolError)
    -> Found
  {
    guard let before = try directory.status(of: fileName) else { return .gone }
    if let reason = Self.reasonNotToTake(before, hardLinks: hardLinks) { return .notTaken(reason: reason) }
    if before.stamp.size > Self.longestInput { return .tooLarge(before.stamp) }
    guard let file = try directory.open(fileName) else { return .gone }
    let status = try file.status()
    if let reason = Self.reasonNotToTake(status, hardLinks: hardLinks) { return .notTaken(reason: reason) }
    guard let bytes = try file.readAll(expecting: status.stamp.size, limit: Self.longestInput) else {
      return .tooLarge(status.stamp)
    }
    return .file(Found.File(bytes: bytes, status: status, open: file))
  }

  static func reasonNotToTake(_ status: FileStatus, hardLinks: Bool) -> String? {
    switch status.kind {
    case .regular: status.links > 1 && !hardLinks ? "it has a second name (a hard link)" : nil
    case .directory: "it is a directory"
    case .link: "it is a symbolic link"
    case .fifo: "it is a fifo"
    case .device: "it is a device"
    case .socket: "it is a socket"
    case .other: "it is no regular file"
    }
  }
}
