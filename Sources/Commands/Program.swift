import CSystem
import FoundationEssentials
import Glibc
import Spool

/// The program `obspool`: finds the command, runs it, and says why where it fails.
public enum Program {
  /// As `--version` prints it.
  public static let version = "0.1.0"

  /// Runs one command and returns when it has ended. To be called on the main thread, before any other is there.
  ///
  /// - Parameter words: The command line without the program's name.
  /// - Returns: The code to exit with.
  public static func run(_ words: [String]) -> ExitCode {
    prepareProcess()
    let messages = Messages(descriptor: STDERR_FILENO)
    let output = Output(descriptor: STDOUT_FILENO)
    do throws(CommandError) {
      let code = try dispatch(words, output, messages)
      try output.flush()
      return code
    } catch {
      // What was found before the failure is still worth having.
      try? output.flush()
      if !error.message.isEmpty { messages.error(error.message, hint: error.hint) }
      return error.code
    }
  }

  private static func prepareProcess() {
    // A reader that has gone is an error of write(2), not the end of a processor that has inputs in flight.
    signal(SIGPIPE, SIG_IGN)
    // What one call's memory was is the next one's: given back at once, each call would have its pages cleared anew.
    // By default eight calls of six inputs each are under way.
    csystem_keep_freed_memory(8 << 20)
    // A core would hold the provider's key.
    csystem_forbid_core()
    // Nothing that is made here is for others, whatever the caller's mask leaves open.
    umask(umask(0o027) | 0o027)
  }

  private static func dispatch(
    _ words: [String], _ output: Output, _ messages: Messages
  ) throws(CommandError) -> ExitCode {
    guard let word = words.first else {
      messages.write(Help.program)
      return .usage
    }
    switch word {
    case "--version", "-V":
      try output.write("obspool \(version)\n")
      return .ok
    case "--help", "-h":
      try output.write(Help.program)
      return .ok
    case "help":
      let topic = try words.dropFirst().first.map { word throws(CommandError) in try command(named: word) }
      try output.write(topic.map(Help.command) ?? Help.program)
      return .ok
    default:
      return try run(try command(named: word), words.dropFirst(), output, messages)
    }
  }

  private static func command(named name: String) throws(CommandError) -> Command {
    if let command = Command.all.first(where: { $0.name == name }) { return command }
    let hint = nearest(to: name, among: Command.all.map(\.name)).map { "did you mean `obspool \($0)`?" }
    let kind = name.hasPrefix("-") ? "option" : "command"
    throw CommandError(.usage, "unknown \(kind) \(name)", hint: hint ?? "`obspool --help` lists the commands")
  }

  private static func run(
    _ command: Command, _ words: ArraySlice<String>, _ output: Output, _ messages: Messages
  ) throws(CommandError) -> ExitCode {
    do throws(CommandError) {
      let arguments = try Arguments(Array(words), options: command.options + Option.everywhere)
      if arguments.has(.help) {
        try output.write(Help.command(command))
        return .ok
      }
      let call = Call(
        arguments: arguments, environment: ProcessInfo.processInfo.environment,
        workingDirectory: FileManager.default.currentDirectoryPath, output: output, messages: messages,
        clock: SystemClock(), signals: command.windsUpOnSignals ? Signals.held() : nil)
      return try command.run(call)
    } catch  where error.code == .usage && error.hint == nil {
      throw CommandError(.usage, error.message, hint: "`obspool \(command.name) --help` tells what it takes")
    }
  }
}
