// How commands come to their spool.

import FoundationEssentials
import Glibc
import Pipeline
import Spool
import Threads

extension Call {
  /// The spool that is meant.
  var spoolPath: String { SpoolLocation.resolve(option: arguments.value(.spool), environment: environment) }

  /// The spool, made if it is not there.
  func spool(at path: String? = nil) throws(CommandError) -> Spool {
    try becomeOwner(of: path ?? spoolPath)
    return try fromSpool { () throws(SpoolError) in try Spool(path: path ?? spoolPath, clock: clock) }
  }

  /// Whether the spool is there.
  var hasSpool: Bool { FileManager.default.fileExists(atPath: spoolPath + "/pending") }

  /// The spool, for commands that only look and so make nothing.
  func existingSpool() throws(CommandError) -> Spool {
    guard hasSpool else {
      throw CommandError(
        .noInput, "there is no spool at \(spoolPath)",
        hint: "name it with --spool DIR or $OBSPOOL_DIR; `obspool add` makes one")
    }
    return try spool()
  }
}

/// Has root go on as the owner of a spool that is another user's, with that user's rights and no more: what root made
/// in it, its processor could not read.
private func becomeOwner(of path: String) throws(CommandError) {
  var status = stat()
  guard geteuid() == 0, stat(path, &status) == 0, status.st_uid != 0 else { return }
  // The directory's group may be that of those who drop files.
  var group = getpwuid(status.st_uid)?.pointee.pw_gid ?? status.st_gid
  guard setgroups(1, &group) == 0, setgid(group) == 0, setuid(status.st_uid) == 0 else {
    throw CommandError("become the owner of", path, errno: errno)
  }
}

/// Does something with the spool, whose errors end the command.
func fromSpool<Result>(_ body: () throws(SpoolError) -> Result) throws(CommandError) -> Result {
  do throws(SpoolError) {
    return try body()
  } catch {
    throw CommandError(error)
  }
}

/// Runs work on an executor, or else on the concurrency pool, while this thread waits, which must not be one of theirs.
func awaiting<Success: Sendable>(
  on executor: (any TaskExecutor)? = nil, _ body: @escaping @Sendable () async throws(SpoolError) -> Success
) throws(CommandError) -> Success {
  let outcome = Locked<Result<Success, SpoolError>?>(nil)
  Task.detached(executorPreference: executor) {
    let end: Result<Success, SpoolError>
    do throws(SpoolError) {
      end = .success(try await body())
    } catch {
      end = .failure(error)
    }
    outcome.withLock { $0 = end }
    outcome.signal()
  }
  let end = outcome.wait { $0 }
  return try fromSpool { () throws(SpoolError) in try end.get() }
}
