import Pipeline
import Spool

extension Command {
  static let watch = Command(
    name: "watch",
    summary: "stay, and take each input as it lands",
    details: """
      Takes what is due, then waits for files to land in pending, for the next attempt to be due and for pauses to end. \
      It stays until SIGTERM, SIGINT or SIGHUP, gives back what is in flight and exits 0.

      With --idle-exit it leaves by itself, but not while a visible file in pending is no input (a link, a directory, \
      another name than NAME.json): such a file would have a path unit start it again at once. `obspool status` counts \
      them.
      """,
    options: [idleExit],
    examples: [
      Example("obspool watch", "process inputs as they come"),
      Example("obspool watch --idle-exit 60", "leave when nothing has been waiting for a minute"),
    ],
    windsUpOnSignals: true,
    run: watch)

  private static let idleExit = Option(
    name: "idle-exit", value: "SECONDS", help: "leave when nothing has been waiting for so long")

  private static func watch(_ call: Call) throws(CommandError) -> ExitCode {
    try call.takesNoOperands()
    let idle = try call.arguments.value(idleExit).map { text throws(CommandError) in
      guard let seconds = Double(text), seconds >= 0, seconds.isFinite else {
        throw CommandError(.usage, "--idle-exit takes a number of seconds, not \(text)")
      }
      return seconds
    }
    let spool = try call.spool()
    try call.run(spool, settings: call.settings) { engine async throws(SpoolError) in
      try await engine.watch(idleExit: idle)
    }
    return .ok
  }
}
