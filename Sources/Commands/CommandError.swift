import Glibc
import Spool

/// Why a command ends early: what happened, to what, and what the person can do, with the code to exit with.
struct CommandError: Error, Equatable {
  var code: ExitCode
  /// One sentence without a full stop, which `error: ` will precede. Empty: there is nothing to say.
  var message: String
  /// What to do about it, which `hint: ` will precede.
  var hint: String?

  init(_ code: ExitCode, _ message: String, hint: String? = nil) {
    self.code = code
    self.message = message
    self.hint = hint
  }

  /// Whoever read our output has gone, `| head` for example. That is no error, and there is no one to tell.
  static let readerGone = CommandError(.ok, "")

  /// The failure of a system call that the command made itself.
  init(_ operation: String, _ path: String, errno code: Int32) {
    self.init(ExitCode(errno: code), "cannot \(operation) \(path): \(String(cString: strerror(code)))")
  }

  /// The failure of the spool.
  init(_ error: SpoolError) {
    let code = error.errno.map { ExitCode(errno: $0) } ?? .unavailable
    self.init(error.isOwnedByAnother ? .tryAgain : code, error.description)
  }
}

extension ExitCode {
  /// The code for an error of the operating system.
  init(errno: Int32) {
    switch errno {
    case EACCES, EPERM: self = .notPermitted
    case ENOENT, ENOTDIR, EISDIR, ELOOP: self = .noInput
    case EAGAIN, EWOULDBLOCK, EBUSY: self = .tryAgain
    default: self = .inputOutput
    }
  }
}
