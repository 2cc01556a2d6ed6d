import FoundationEssentials
import Pipeline
import Spool

extension Command {
  static let status = Command(
    name: "status",
    summary: "what waits, why and until when; today's cost",
    details: """
      Tells how many inputs are in each state, since when the oldest has been waiting, when the next is due, which \
      providers are paused and why, and what today's calls came to (days are UTC). It changes nothing, and needs no \
      running processor.
      """,
    options: [.json],
    examples: [
      Example("obspool status", "for people"),
      Example("obspool status --json | jq .pending.count", "for programs; times are RFC 3339 in UTC"),
    ],
    run: status)

  private static func status(_ call: Call) throws(CommandError) -> ExitCode {
    try call.takesNoOperands()
    let now = call.clock.now()
    let report = try report(call, now)
    if call.arguments.has(.json) {
      try call.output.write(bytes: report.json)
    } else {
      try call.output.write(text(report, now: now, columns: call.output.columns ?? 100))
    }
    return .ok
  }

  /// What may be seen by a user who may only drop files is little, and no error.
  private static func report(_ call: Call, _ now: Date) throws(CommandError) -> StatusReport {
    let settings = call.settings.current()
    do throws(CommandError) {
      let spool = try call.existingSpool()
      return try fromSpool { () throws(SpoolError) in
        try StatusReport(spool: spool, settings: settings, now: now)
      }
    } catch {
      guard error.code == .notPermitted else { throw error }
      return StatusReport(ofForbiddenSpool: call.spoolPath, settings: settings, now: now)
    }
  }

  private static func count(_ number: Int?) -> String {
    number.map(grouped) ?? "not for this user to see"
  }

  private static func text(_ report: StatusReport, now: Date, columns: Int) -> String {
    var table = Table()
    table.add("spool", Printable.line(report.path))
    table.add("processor", report.owner.map { "running, process \($0)" } ?? "not running")
    table.add("pending", count(report.pending) + waiting(report, now))
    if let others = report.others, others > 0 {
      let words = others == 1 ? "1 file that is no input" : "\(grouped(others)) files that are no inputs"
      table.add("", words + ": only visible regular files called NAME.json are taken")
    }
    table.add("inflight", count(report.inflight))
    table.add("done", count(report.done))
    let hasFailed = report.failed.map { $0 > 0 } ?? false
    table.add("failed", count(report.failed) + (hasFailed ? "  `obspool show NAME` tells why" : ""))
    for pause in report.pauses {
      let isInUse = pause.provider == report.provider
      let idle = isInUse ? "" : "; not in use: the settings name \(Printable.line(report.provider))"
      table.add("paused", inWords(pause, now: now) + idle)
      for line in wrapped(Printable.line(pause.message), columns: columns - 11).split(separator: "\n") {
        table.add("", String(line))
      }
    }
    table.add("today", cost(report.today))
    return table.lines()
  }

  private static func waiting(_ report: StatusReport, _ now: Date) -> String {
    guard let pending = report.pending, pending > 0, let due = report.due else { return "" }
    var parts = ["\(grouped(due)) due now"]
    if let next = report.nextDue { parts.append("next \(relative(next, to: now))") }
    if let oldest = report.oldest, oldest < now {
      parts.append("oldest \(span(now.timeIntervalSince(oldest)))")
    }
    return "  " + parts.joined(separator: ", ")
  }

  private static func cost(_ total: UsageTotal) -> String {
    guard total.calls > 0 else { return "no calls" }
    var text = "\(counted(total.calls, "call")), \(counted(total.inputTokens, "token")) in"
    if total.cachedTokens > 0 { text += " (\(decimal(total.cachedShare * 100, places: 0)) % cached)" }
    text += ", \(grouped(total.outputTokens)) out, " + dollars(total.costUSD)
    if total.isEstimated { text += " estimated" }
    if total.unpricedCalls > 0 {
      text += "; the cost of \(counted(total.unpricedCalls, "call")) is not known"
    }
    return text
  }
}
