/// The exit codes of all commands, from sysexits.h(3head), so that a shell, cron or systemd can tell an error
/// that will pass from one that needs a person.
public enum ExitCode: Int32, CaseIterable, Sendable {
  case ok = 0
  /// EX_USAGE: the command line is wrong.
  case usage = 64
  /// EX_DATAERR: an input is no JSON object, or too large.
  case badData = 65
  /// EX_NOINPUT: a file, an input or a spool that was named does not exist or cannot be read.
  case noInput = 66
  /// EX_UNAVAILABLE: something that the command needs cannot be had here.
  case unavailable = 69
  /// EX_IOERR: reading or writing failed, for want of space for example.
  case inputOutput = 74
  /// EX_TEMPFAIL: something is left waiting, or another processor owns the spool. Try again later.
  case tryAgain = 75
  /// EX_NOPERM: the user may not do this.
  case notPermitted = 77
  /// EX_CONFIG: a setting is missing or wrong.
  case configuration = 78

  /// What the code means, for the help text.
  public var meaning: String {
    switch self {
    case .ok: "all done"
    case .usage: "the command line is wrong"
    case .badData: "an input is not a JSON object, or is larger than 8 MiB"
    case .noInput: "a named file, input or spool does not exist or cannot be read"
    case .unavailable: "something that the command needs cannot be had here"
    case .inputOutput: "reading or writing failed"
    case .tryAgain: "inputs are left waiting, or another processor owns the spool"
    case .notPermitted: "permission denied"
    case .configuration: "a setting is missing or wrong"
    }
  }
}
