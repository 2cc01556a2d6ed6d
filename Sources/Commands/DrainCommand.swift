import Pipeline
import Spool

extension Command {
  static let drain = Command(
    name: "drain",
    summary: "try each input that is due once, then exit",
    details: """
      Tries each input that is due once and exits: 0 when nothing is left waiting, 75 when something is, because its \
      next attempt is not due or its provider is paused; `obspool status` tells why.

      SIGTERM, SIGINT and SIGHUP end it early; what is in flight goes back to pending. On a terminal it shows its \
      progress.
      """,
    examples: [
      Example("obspool drain", "turn what waits into observations"),
      Example("obspool drain --spool /var/spool/obspool", "the same for another spool"),
      Example("until obspool drain; do sleep 60; done", "until nothing waits any more"),
    ],
    windsUpOnSignals: true,
    run: drain)

  private static func drain(_ call: Call) throws(CommandError) -> ExitCode {
    try call.takesNoOperands()
    let spool = try call.spool()
    let result = try call.run(spool, settings: call.settings) { engine async throws(SpoolError) in
      try await engine.drain()
    }
    return call.code(forLeft: result.left, in: call.arguments.value(.spool))
  }
}
