import FoundationEssentials
import Observation
import Pipeline
import Spool

extension Command {
  static let show = Command(
    name: "show", operands: "NAME…",
    summary: "one input's whole story",
    details: """
      Tells where an input is and why, what it was, what the model was asked and answered, and what was learned. NAME \
      may also be the path of one of its files.
      """,
    examples: [
      Example("obspool show 0007-bash", "the whole story"),
      Example("obspool show spool/failed/*.json", "why these failed"),
    ],
    run: show)

  private static func show(_ call: Call) throws(CommandError) -> ExitCode {
    let operands = call.arguments.operands
    guard !operands.isEmpty else { throw CommandError(.usage, "which input? give its name") }
    let settings = call.settings.current()
    let now = call.clock.now()
    let spool = try call.existingSpool()
    for (position, operand) in operands.enumerated() {
      let name = try inputName(operand)
      let story = try fromSpool { () throws(SpoolError) in
        try Story(of: name, in: spool, settings: settings, now: now)
      }
      guard let story else {
        throw CommandError(
          .noInput, "no input is called \(name) in \(call.spoolPath)",
          hint: "`obspool list` names what is recorded")
      }
      if position > 0 { try call.output.write("\n") }
      try call.output.write(StoryText(story, now: now, columns: call.output.columns ?? 100).text)
    }
    return .ok
  }
}

/// The name that an operand means: a name, or the path of a file that is called after it.
func inputName(_ operand: String) throws(CommandError) -> InputName {
  var text = operand.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init) ?? ""
  for suffix in [".json", ".xml"] where text.hasSuffix(suffix) { text.removeLast(suffix.count) }
  guard let name = InputName(text) else { throw CommandError(.usage, "no input can be called '\(operand)'") }
  return name
}
