import FoundationEssentials
import Pipeline
import Spool

extension Command {
  static let prune = Command(
    name: "prune",
    summary: "remove what is old",
    details: """
      Removes what has been done or failed for so long: inputs in done and in failed, records, and days of the usage \
      log. A session that is still in use keeps all of its records, since they are its conversation: one of which an \
      input waits or is in flight, or of which a record is newer.

      What counts is when a file came where it is, not its modification time. It can be used beside a running processor.
      """,
    options: [olderThan, .dryRun],
    examples: [
      Example("obspool prune --older-than 30d --dry-run", "what would go"),
      Example("obspool prune --older-than 30d", "remove it"),
    ],
    run: prune)

  private static let olderThan = Option(
    name: "older-than", value: "SPAN",
    help: "what is older than this: 12h, 30d, 8w; or than a day: 2026-11-24")

  private static func prune(_ call: Call) throws(CommandError) -> ExitCode {
    try call.takesNoOperands()
    guard let moment = try call.pointInTime(olderThan) else {
      throw CommandError(
        .usage, "prune removes nothing without --older-than SPAN", hint: "such as --older-than 30d")
    }
    guard moment <= call.clock.now() else {
      throw CommandError(.usage, "--older-than is in the future, and would remove everything")
    }
    let spool = try call.existingSpool()
    let isDry = call.arguments.has(.dryRun)
    let settings = call.settings.current()
    let pruned = try fromSpool { () throws(SpoolError) in
      try spool.prune(before: moment, settings: settings, dryRun: isDry)
    }
    try call.output.write(text(pruned, isDry: isDry) + "\n")
    return .ok
  }

  private static func text(_ pruned: Pruned, isDry: Bool) -> String {
    var parts = [
      "\(grouped(pruned.done)) done", "\(grouped(pruned.failed)) failed",
      counted(pruned.records, "record")
        + (pruned.sessions > 0 ? " of \(counted(pruned.sessions, "session"))" : ""),
      counted(pruned.usageDays, "day") + " of usage",
    ]
    parts[0] = (isDry ? "would remove " : "removed ") + parts[0]
    let spared = pruned.spared == 0 ? "" : "; \(counted(pruned.spared, "session")) in use kept"
    return parts.joined(separator: ", ") + spared
  }
}
