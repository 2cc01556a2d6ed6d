import Glibc
import Observation
import Spool

extension Command {
  static let add = Command(
    name: "add", operands: "[FILE…|-]",
    summary: "drop inputs into the spool",
    details: """
      Drops each FILE, or what standard input holds, into the spool as one input, under a name that sorts by time, \
      and prints that name. An input is one JSON object of at most 8 MiB: a hook payload as the agent's host wrote it, \
      or obspool's own form.

      Nothing is dropped that could never succeed. The input is on disk when its name is printed.
      """,
    options: [quiet],
    examples: [
      Example("obspool add < payload.json", "one input from standard input"),
      Example("obspool add a.json b.json", "two inputs, in this order"),
      Example(
        "obspool add --quiet",
        "as the command of a hook of Claude Code, which would show the agent what is printed"),
    ],
    run: add)

  private static let quiet = Option(name: "quiet", letter: "q", help: "do not print the names")

  private static func add(_ call: Call) throws(CommandError) -> ExitCode {
    let sources = call.arguments.operands.isEmpty ? ["-"] : call.arguments.operands
    // A spool that is there may be one where this user may drop files and do nothing else.
    if !call.hasSpool { _ = try call.spool() }
    let dropper = Dropper(path: call.spoolPath, clock: call.clock)
    var code = ExitCode.ok
    var printsNames = !call.arguments.has(quiet)
    for source in sources {
      do throws(CommandError) {
        let name = try drop(read(source), from: source, with: dropper)
        // Whoever reads the names may see each when its input is there. If nobody does any more, the inputs
        // are still to be dropped.
        if printsNames { printsNames = try call.output.writeAtOnce(name.text + "\n") }
      } catch {
        // The other inputs can still be dropped.
        call.messages.error(error.message, hint: error.hint)
        if code == .ok { code = error.code }
      }
    }
    return code
  }

  /// The bytes of a file, or of standard input for `-`.
  private static func read(_ source: String) throws(CommandError) -> [UInt8] {
    let descriptor = source == "-" ? STDIN_FILENO : open(source, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandError("read", source, errno: errno) }
    defer { if source != "-" { close(descriptor) } }
    switch readAll(descriptor, limit: Event.maximumBytes) {
    case .success(let bytes): return bytes
    case .failure(let error): throw CommandError("read", described(source), errno: error.code)
    }
  }

  private static func drop(
    _ bytes: [UInt8], from source: String, with dropper: Dropper
  ) throws(CommandError) -> InputName {
    do throws(EventError) {
      _ = try Event(decoding: bytes)
    } catch {
      throw CommandError(.badData, "\(described(source)): \(error.message)")
    }
    return try fromSpool { () throws(SpoolError) in try dropper.drop(bytes) }
  }

  private static func described(_ source: String) -> String { source == "-" ? "standard input" : source }
}
