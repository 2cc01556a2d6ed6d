import FoundationEssentials
import Observation
import Pipeline
import Spool

/// The story of one input, laid out for people.
struct StoryText {
  private(set) var text = ""
  private let now: Date
  private let columns: Int

  init(_ story: Story, now: Date, columns: Int) {
    self.now = now
    self.columns = columns
    text = Printable.line(story.name.text) + "\n"
    place(story)
    input(story)
    if let note = story.note { why(note) }
    if let record = story.record {
      asked(record, story)
      learned(record)
    }
  }

  private mutating func place(_ story: Story) {
    var place = story.path.map(Printable.line) ?? "only its record is left"
    if story.state == .pending {
      place += story.due.map { "; due \(relative($0, to: now)), \(localTime($0))" } ?? "; due now"
    }
    line("where", place)
    if let pause = story.pause {
      line("paused", inWords(pause, now: now))
      text += wrapped(Printable.line(pause.message), columns: columns, indent: Self.indent)
    }
    if let files = story.recordFiles {
      line("record", Printable.line(files.xml))
      line("", Printable.line(files.json))
    }
  }

  private mutating func input(_ story: Story) {
    if let event = story.event {
      var parts = [event.label ?? event.kind.rawValue]
      if let tool = event.toolName { parts.append(tool) }
      if !event.project.isEmpty { parts.append("project \(event.project)") }
      parts.append("session \(event.session)")
      line("input", Printable.line(parts.joined(separator: ", ")))
    }
    if let problem = story.problem { line("input", Printable.line(problem)) }
  }

  private mutating func why(_ note: ErrorNote) {
    let status = note.status.map { " \($0)" } ?? ""
    line("why", Printable.line("\(note.errorClass)\(status): \(note.message)"))
    var attempts = counted(note.attempts, "charged attempt")
    if note.crashes > 0 { attempts += ", " + counted(note.crashes, "crash") }
    attempts += "; first failed \(localTime(note.firstFailedAt)), last \(localTime(note.lastFailedAt))"
    line("attempts", attempts)
    if let answer = note.answer { block("The answer that could not be used", answer) }
  }

  private mutating func asked(_ record: Record, _ story: Story) {
    line("outcome", "\(record.outcome.rawValue), \(localTime(record.processedAt)), turn \(record.turn)")
    if let provider = record.provider {
      var parts = [provider]
      if let model = record.model { parts.append(model) }
      if let served = record.servedModel, served != record.model { parts.append("served by \(served)") }
      if let request = record.requestID { parts.append("request \(request)") }
      line("asked", Printable.line(parts.joined(separator: ", ")))
    }
    if let batch = record.batch {
      let others = batch.filter { $0 != record.name }
      line("together", Printable.line("with " + others.joined(separator: ", ")))
    }
    guard let call = story.call else { return }
    let isElsewhere = call.name != record.name
    if let usage = call.usage {
      let all = call.count > 1 ? "; all \(call.count) inputs together" : ""
      let place = isElsewhere ? ", in the record of \(call.name)" : ""
      line("usage", Printable.line(inWords(usage) + all + place))
    }
    let number = call.number.map { "; this input is number \($0) of \(call.count), marked >" } ?? ""
    block(
      "Asked" + (isElsewhere ? ", in the record of \(call.name)" : "") + number, call.user,
      marking: call.number)
    if !call.assistant.isEmpty { block("Answered", call.assistant) }
  }

  private mutating func learned(_ record: Record) {
    for finding in record.findings {
      heading("\(finding.type): \(finding.title ?? finding.subtitle ?? "")")
      if finding.title != nil, let subtitle = finding.subtitle { paragraph(subtitle) }
      for fact in finding.facts { item(fact) }
      if let narrative = finding.narrative { paragraph(narrative) }
      if !finding.concepts.isEmpty { paragraph("Concepts: " + finding.concepts.joined(separator: ", ")) }
      if !finding.filesRead.isEmpty { paragraph("Read: " + finding.filesRead.joined(separator: ", ")) }
      if !finding.filesModified.isEmpty {
        paragraph("Modified: " + finding.filesModified.joined(separator: ", "))
      }
    }
    guard let summary = record.summary else { return }
    heading("summary")
    let parts = [
      ("Request", summary.request), ("Investigated", summary.investigated), ("Learned", summary.learned),
      ("Completed", summary.completed), ("Next steps", summary.nextSteps), ("Notes", summary.notes),
    ]
    for case (let title, let text?) in parts { paragraph("\(title): \(text)") }
  }

  // MARK: Layout

  /// As wide as the labels.
  private static let indent = String(repeating: " ", count: 12)

  private mutating func line(_ label: String, _ content: String) {
    text += "  " + label + String(repeating: " ", count: max(1, 10 - label.count)) + content + "\n"
  }

  private mutating func heading(_ title: String) { text += "\n" + Printable.line(title) + "\n" }

  private mutating func paragraph(_ content: String) {
    text += wrapped(Printable.text(content), columns: columns, indent: "  ")
  }

  private mutating func item(_ content: String) {
    let lines = wrapped(Printable.text(content), columns: columns, indent: "    ")
    text += "  - " + lines.dropFirst(4)
  }

  /// Text as it stood, line by line, indented; without line breaks at its end.
  ///
  /// - Parameter number: Of the frame whose lines are marked.
  private mutating func block(_ title: String, _ content: String, marking number: Int? = nil) {
    heading(title)
    var rest = Substring(content)
    while rest.last?.isNewline ?? false { rest.removeLast() }
    let frame = number.map { "<observed n=\"\($0)\">" }
    var isOwn = false
    for line in Printable.text(String(rest)).split(separator: "\n", omittingEmptySubsequences: false) {
      if let frame, line == frame { isOwn = true }
      text += isOwn ? "  > " + line + "\n" : line.isEmpty ? "\n" : "  | " + line + "\n"
      if line == "</observed>" { isOwn = false }
    }
  }
}
