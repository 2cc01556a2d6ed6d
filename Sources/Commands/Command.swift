import FoundationEssentials
import Spool

/// One command: what the help says about it, and what it does.
struct Command: Sendable {
  let name: String
  /// How its operands are written in the help, such as `[FILE…|-]`.
  var operands = ""
  /// One line for the list of commands.
  let summary: String
  /// Paragraphs, each one line here; the help breaks them.
  let details: String
  /// What it takes besides ``Option/everywhere``.
  var options: [Option] = []
  let examples: [Example]
  /// Whether it winds up by itself on SIGTERM, SIGINT and SIGHUP, through ``Call/signals``.
  var windsUpOnSignals = false
  let run: @Sendable (Call) throws(CommandError) -> ExitCode

  struct Example: Sendable {
    let line: String
    let purpose: String

    init(_ line: String, _ purpose: String) {
      self.line = line
      self.purpose = purpose
    }
  }
}

extension Option {
  static let spool = Option(
    name: "spool", value: "DIR",
    help:
      "the spool; else $OBSPOOL_DIR, ./spool if it holds a pending directory, $XDG_DATA_HOME/obspool/spool")
  static let settings = Option(
    name: "settings", value: "FILE", help: "the settings; else $OBSPOOL_SETTINGS, ~/.claude-mem/settings.json"
  )
  static let help = Option(name: "help", letter: "h", help: "print this help")
  static let json = Option(name: "json", help: "print JSON")

  /// What every command takes.
  static let everywhere = [spool, settings, help]
}

/// What a command is called with.
struct Call {
  let arguments: Arguments
  let environment: [String: String]
  let workingDirectory: String
  let output: Output
  let messages: Messages
  let clock: any Clock
  /// Nil for commands that a signal simply ends.
  let signals: Signals?

  /// Fails unless there are no operands.
  func takesNoOperands() throws(CommandError) {
    guard let operand = arguments.operands.first else { return }
    throw CommandError(.usage, "unexpected operand \(operand)")
  }
}
