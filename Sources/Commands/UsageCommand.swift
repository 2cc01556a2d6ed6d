import FoundationEssentials
import Pipeline
import Spool

extension Command {
  static let usage = Command(
    name: "usage",
    summary: "what calls to models came to",
    details: """
      Adds up the calls of the last 30 days, or since WHEN: how many, for how many inputs, tokens in, the share of them \
      that the provider's prompt cache served, tokens out, and cost. A cost that is marked with ~ is reckoned from the \
      price table or from lengths. Days are UTC.
      """,
    options: [since, grouping, .json],
    examples: [
      Example("obspool usage", "by model"),
      Example("obspool usage --since 7d --by day", "the last week, day by day"),
      Example("obspool usage --by project --json", "for programs"),
    ],
    run: usage)

  private static let since = Option(
    name: "since", value: "WHEN", help: "since then: 12h, 7d, 2026-11-24 or 2026-11-24T12:00:00Z")
  private static let grouping = Option(
    name: "by", value: "WHAT", help: "model (the default), project, session or day")

  private static func usage(_ call: Call) throws(CommandError) -> ExitCode {
    try call.takesNoOperands()
    let word = call.arguments.value(grouping) ?? UsageReport.Grouping.model.rawValue
    guard let grouping = UsageReport.Grouping(rawValue: word) else {
      throw CommandError(.usage, "--by does not take \(word)", hint: "give model, project, session or day")
    }
    let now = call.clock.now()
    let since = try call.pointInTime(since) ?? now.addingTimeInterval(-30 * 86400)
    let spool = try call.existingSpool()
    let report = try fromSpool { () throws(SpoolError) in
      try UsageReport(spool: spool, since: since, until: now, by: grouping)
    }
    if call.arguments.has(.json) {
      try call.output.write(bytes: report.json)
    } else {
      try call.output.write(text(report))
    }
    return .ok
  }

  private static func text(_ report: UsageReport) -> String {
    guard !report.rows.isEmpty else { return "no calls\n" }
    var table = Table(rightAligned: 1...6)
    table.add(report.grouping.rawValue, "calls", "inputs", "in", "cached", "out", "cost")
    for row in report.rows { add(row.key, row.total, to: &table) }
    if report.rows.count > 1 { add("total", report.total, to: &table) }
    var text = table.lines()
    if report.total.unpricedCalls > 0 {
      text += "The cost of \(counted(report.total.unpricedCalls, "call")) is not known.\n"
    }
    return text
  }

  private static func add(_ key: String, _ total: UsageTotal, to table: inout Table) {
    table.add(
      Printable.line(key), grouped(total.calls), grouped(total.inputs), grouped(total.inputTokens),
      decimal(total.cachedShare * 100, places: 0) + " %", grouped(total.outputTokens),
      (total.isEstimated ? "~" : "") + dollars(total.costUSD))
  }
}
