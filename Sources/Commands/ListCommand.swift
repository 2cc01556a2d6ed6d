import FoundationEssentials
import Pipeline
import Spool

extension Command {
  static let list = Command(
    name: "list",
    summary: "print what was learned, newest last",
    details: """
      Prints one line for each observation and summary in the records: when, type, title, and the name of the input, \
      for `obspool show`. Newest last.
      """,
    options: [project, session, type, since, .json],
    examples: [
      Example("obspool list --since 1d --type bugfix", "the bugs that were fixed since yesterday"),
      Example("obspool list --project linkcheck | tail", "the latest of one project"),
      Example("obspool list --json", "one JSON object a line, with facts, narrative, concepts and files"),
    ],
    run: list)

  private static let project = Option(name: "project", value: "NAME", help: "of this project only")
  private static let session = Option(name: "session", value: "ID", help: "of this session only")
  private static let type = Option(
    name: "type", value: "TYPE", help: "of this type only, such as bugfix or discovery; summary for summaries"
  )
  private static let since = Option(
    name: "since", value: "WHEN", help: "since then: 30m, 12h, 7d, 2026-11-24 or 2026-11-24T12:00:00Z")

  private static func list(_ call: Call) throws(CommandError) -> ExitCode {
    try call.takesNoOperands()
    let filter = LearnedList.Filter(
      project: call.arguments.value(project), session: call.arguments.value(session),
      type: call.arguments.value(type), since: try call.pointInTime(since))
    let spool = try call.existingSpool()
    let list = try fromSpool { () throws(SpoolError) in try LearnedList(spool: spool, matching: filter) }
    for complaint in list.unreadable { call.messages.warning(complaint) }
    if call.arguments.has(.json) {
      for item in list.items {
        try call.output.write(bytes: item.json)
        try call.output.write("\n")
      }
      return .ok
    }
    var table = Table()
    for item in list.items {
      table.add(
        localTime(item.occurredAt, seconds: false), Printable.line(item.type), Printable.line(item.title),
        Printable.line(item.name))
    }
    try call.output.write(table.lines(width: call.output.columns, elastic: 2))
    return .ok
  }
}

extension Call {
  /// The point in time that an option names.
  func pointInTime(_ option: Option) throws(CommandError) -> Date? {
    guard let text = arguments.value(option) else { return nil }
    guard let date = Commands.pointInTime(text, now: clock.now()) else {
      throw CommandError(
        .usage, "--\(option.name) does not take \(text)",
        hint:
          "give a span before now (90s, 30m, 12h, 7d, 2w), a day (2026-11-24) or a time (2026-11-24T12:00:00Z)"
      )
    }
    return date
  }
}
