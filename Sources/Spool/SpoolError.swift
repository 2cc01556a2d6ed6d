// What went wrong with the spool, to which file, and what a person can do.
import Glibc

/// An operation on the spool's files that failed.
public struct SpoolError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was tried, as it continues "cannot", such as `rename`.
  public let operation: String
  /// The file or directory it was tried on.
  public let path: String
  /// The system's error number, where a system call failed.
  public let errno: Int32?
  /// What is the matter where no system call failed, and what can be done.
  public let hint: String?
  /// Whether another processor owns the spool.
  public let isOwnedByAnother: Bool

  init(_ operation: String, _ path: String, _ error: Errno? = nil, hint: String? = nil) {
    self.operation = operation
    self.path = path
    errno = error?.code
    self.hint = hint ?? error.flatMap { Self.hint(for: $0.code, operation) }
    isOwnedByAnother = false
  }

  private init(ownedBy pid: String?, path: String) {
    operation = "own the spool"
    self.path = path
    errno = nil
    let owner = pid.map { "process \($0) owns it" } ?? "another process owns it"
    hint = "\(owner); stop that one first, or leave the work to it"
    isOwnedByAnother = true
  }

  /// Only one processor owns a spool.
  ///
  /// - Parameter pid: What stands in the lock file, if anything does.
  static func ownedByAnother(pid: String?, path: String) -> SpoolError {
    SpoolError(ownedBy: pid, path: path)
  }

  /// Whether the disk or a limit is the matter, which may pass: class `spool`.
  public var isStorage: Bool {
    switch errno {
    case ENOSPC, EDQUOT, EIO, EROFS, EMFILE, ENFILE, ENOMEM: true
    default: false
    }
  }

  var isMissing: Bool { errno == ENOENT }

  public var description: String {
    let reason = errno.map { Errno($0).description }
    return "cannot \(operation) \(path): " + [reason, hint].compactMap { $0 }.joined(separator: "; ")
  }

  private static func hint(for code: Int32, _ operation: String) -> String? {
    switch code {
    case ENOSPC: "make room on this file system"
    case EDQUOT: "make room within the quota, or raise it"
    case EIO: "the disk or its file system is failing: see the kernel's log"
    case EROFS: "the file system is mounted read-only"
    case EMFILE: "raise the limit of open files (ulimit -n, LimitNOFILE=)"
    case ENFILE: "the system's limit of open files is reached (fs.file-max)"
    case EACCES, EPERM: "give this user the right, or run as the spool's owner"
    case EXDEV: "all directories of a spool must be on one file system and under one mount"
    case EINVAL where operation == Operation.move, ENOSYS where operation == Operation.move:
      "this file system cannot rename without replacing (RENAME_NOREPLACE); use ext4, xfs, btrfs or tmpfs"
    case ENAMETOOLONG: "use a shorter name"
    default: nil
    }
  }

  /// Names of operations that are told apart.
  enum Operation {
    static let move = "move"
  }
}
