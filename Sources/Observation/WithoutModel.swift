// What a tool use says about itself: the answer of the provider that asks no model.
import JSONText

/// Writes down what happened without judging what it means: no model is asked, and nothing is guessed.
public enum WithoutModel {
  /// The answer to a turn of these events, in the form that a model is taught.
  public static func answer(to events: [Event], ledBy prompts: [String] = []) -> String {
    var xml = XMLWriter()
    for (position, event) in events.enumerated() {
      let attributes = events.count > 1 ? " input=\"\(position + 1)\"" : ""
      switch event.kind {
      case .toolUse: finding(for: event).write(to: &xml, attributes: attributes)
      case .stop:
        if let summary = summary(for: event, ledBy: prompts) {
          summary.write(to: &xml, attributes: attributes)
        } else {
          xml.empty("skip", attributes: attributes)
        }
      case .prompt, .note: xml.empty("skip", attributes: attributes)
      }
    }
    return xml.finish().withContents { String(decoding: $0, as: UTF8.self) }
  }

  private static func summary(for event: Event, ledBy prompts: [String]) -> Summary? {
    let request = event.prompt ?? prompts.last
    guard request != nil || event.lastAssistantMessage != nil else { return nil }
    return Summary(
      request: request.map { Prompt.shortened($0, to: 500) },
      completed: event.lastAssistantMessage.map { Prompt.shortened($0, to: 2000) },
      notes: "Put together from the agent's own words; no model was asked.")
  }

  private static func finding(for event: Event) -> Finding {
    let use = ToolUse(event)
    var finding = use.finding
    (finding.filesRead, finding.filesModified) = event.files
    if !finding.filesModified.isEmpty { finding.type = "change" }
    return finding
  }
}

/// A tool use with its input's and output's members at hand.
private struct ToolUse {
  private let name: String
  private let input: JSON
  private let output: JSON
  private let cwd: String?

  init(_ event: Event) {
    name = event.toolName ?? "unknown tool"
    input = event.toolInput ?? .null
    output = event.toolResponse ?? .null
    cwd = event.cwd
  }

  var finding: Finding {
    switch name {
    case "Bash", "shell", "run_shell_command": command
    case "Edit", "MultiEdit": edit
    case "Write": write
    case "NotebookEdit":
      Finding(
        type: "change", title: "Edited a cell of \(file)",
        facts: facts(
          ("Mode", input["edit_mode"]), ("Cell", input["cell_id"]), ("New source", input["new_source"])),
        concepts: ["what-changed"])
    case "Read":
      Finding(type: "discovery", title: "Read \(file)", facts: lines + facts(("From line", input["offset"])))
    case "Grep":
      Finding(
        type: "discovery", title: "Searched for '\(line(input["pattern"]) ?? "?")'",
        facts: facts(
          ("Where", input["path"]), ("Files", input["glob"]), ("Matches in files", output["numFiles"]),
          ("Matching lines", output["numLines"]), ("Found", found)))
    case "Glob":
      Finding(
        type: "discovery", title: "Listed files like '\(line(input["pattern"]) ?? "?")'",
        facts: facts(("Where", input["path"]), ("Files found", output["numFiles"]), ("Found", found)))
    case "WebFetch":
      Finding(
        type: "discovery", title: "Fetched \(line(input["url"]) ?? "a page")",
        facts: facts(("Asked", input["prompt"]), ("Status", output["code"])),
        narrative: excerpt(of: output["result"] ?? output))
    case "WebSearch":
      Finding(
        type: "discovery", title: "Searched the web for '\(line(input["query"]) ?? "?")'",
        narrative: excerpt(of: output["results"] ?? output))
    case "Task", "Agent":
      Finding(
        type: "discovery",
        title: "A subagent: \(line(input["description"]) ?? line(input["prompt"]) ?? "a task")",
        facts: facts(("Kind", input["subagent_type"]), ("Asked", input["prompt"])),
        narrative: excerpt(of: output["content"] ?? output))
    default: other
    }
  }

  // MARK: Tools

  private var command: Finding {
    let command = input["command"]
    let failed = output["exit_code"]?.int ?? output["exitCode"]?.int
    let error = output["stderr"] ?? output["error"]
    var facts = facts(
      ("Command", command), ("Exit code", failed.map { .number(String($0)) }), ("Standard error", error))
    if output["interrupted"]?.bool == true { facts.append("It was interrupted.") }
    return Finding(
      type: Self.changesThings(command?.string ?? "") ? "change" : "discovery",
      title: line(input["description"]) ?? "Ran \(line(command) ?? "a command")", facts: facts,
      narrative: excerpt(of: output["stdout"] ?? output["output"] ?? (output.object == nil ? output : nil)))
  }

  /// Whether a command's first words are those of one that leaves something behind.
  private static func changesThings(_ command: String) -> Bool {
    let words = command.split(whereSeparator: \.isWhitespace).prefix(2).map(String.init)
    guard let program = words.first else { return false }
    if ["rm", "mv", "cp", "mkdir", "touch", "chmod", "chown", "ln"].contains(program) { return true }
    let subcommands: [String: [String]] = [
      "git": ["commit", "merge", "rebase", "reset", "push", "checkout", "revert", "apply", "tag"],
      "npm": ["install", "i", "uninstall", "update"], "pip": ["install", "uninstall"],
      "cargo": ["add", "remove", "update"], "apt-get": ["install", "remove"],
    ]
    return words.count > 1 && subcommands[program]?.contains(words[1]) == true
  }

  private var edit: Finding {
    let edits = input["edits"]?.array ?? [input]
    var facts: [String] = []
    for edit in edits.prefix(8) {
      let new = quoted(edit["new_string"])
      if let old = quoted(edit["old_string"]) {
        facts.append("Replaced \(old) with \(new ?? "nothing")")
      } else if let new {
        facts.append("Inserted \(new)")
      }
    }
    if edits.count > 8 { facts.append("\(edits.count - 8) more replacements") }
    if input["replace_all"]?.bool == true { facts.append("All occurrences were replaced.") }
    return Finding(
      type: "change", title: edits.count > 1 ? "Edited \(file) in \(edits.count) places" : "Edited \(file)",
      facts: facts + failure, concepts: ["what-changed"])
  }

  private var write: Finding {
    let isNew = output["type"]?.string == "create"
    return Finding(
      type: "change", title: "\(isNew ? "Created" : "Wrote") \(file)", facts: lines + failure,
      narrative: excerpt(of: input["content"]), concepts: ["what-changed"])
  }

  private var other: Finding {
    // mcp__SERVER__TOOL is what tools of a server are called.
    let words =
      name.hasPrefix("mcp__") ? name.dropFirst(5).split(separator: "_").joined(separator: " ") : name
    return Finding(
      type: "discovery", title: "Used \(words)",
      facts: (input.object ?? []).prefix(8).compactMap { member in
        line(member.value).map { "\(member.key): \($0)" }
      }, narrative: excerpt(of: text(of: output)))
  }

  // MARK: Words

  /// The file that the tool was given, relative to the working directory where it lies in there.
  private var file: String {
    guard let path = line(input["file_path"] ?? input["notebook_path"] ?? input["path"]) else {
      return "a file"
    }
    guard let cwd, path.hasPrefix(cwd + "/") else { return path }
    return String(path.dropFirst(cwd.count + 1))
  }

  private var lines: [String] {
    let content = input["content"]?.string ?? output["file"]?["content"]?.string ?? output["content"]?.string
    let count = output["file"]?["numLines"]?.int ?? content.map { $0.utf8.split(separator: 0x0A).count }
    return count.map { [$0 == 1 ? "1 line" : "\($0) lines"] } ?? []
  }

  private var failure: [String] { facts(("Error", output["error"])) }

  private var found: JSON? {
    guard let names = output["filenames"]?.array, !names.isEmpty else {
      return output["content"] ?? (output.object == nil ? text(of: output) : nil)
    }
    let shown = names.prefix(10).compactMap(\.string).joined(separator: ", ")
    return .string(names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown)
  }

  /// The text of an output: itself, or that of its blocks as tool servers give them.
  private func text(of output: JSON) -> JSON? {
    let blocks = output.array ?? output["content"]?.array
    guard let blocks else { return output.string == nil && output.object?.isEmpty != false ? nil : output }
    let texts = blocks.compactMap { $0["text"]?.string ?? $0.string }
    return texts.isEmpty ? nil : .string(texts.joined(separator: "\n"))
  }

  private func facts(_ named: (String, JSON?)...) -> [String] {
    named.compactMap { name, value in line(value).map { "\(name): \($0)" } }
  }

  /// A value in one line of at most 200 characters; nil for nothing.
  private func line(_ value: JSON?) -> String? {
    guard let value, !value.isNull else { return nil }
    let words = (value.string ?? value.text).prefix(400).split(whereSeparator: \.isWhitespace)
    let text = words.joined(separator: " ")
    if text.isEmpty { return nil }
    return text.count > 200 ? text.prefix(200) + "…" : text
  }

  private func quoted(_ value: JSON?) -> String? { line(value).map { "'\($0)'" } }

  /// The beginning and the end of a longer text.
  private func excerpt(of value: JSON?) -> String? {
    guard let value, !value.isNull else { return nil }
    let text = (text(of: value) ?? value).string ?? value.text
    return text.utf8.contains { !isSpace($0) } ? Prompt.shortened(text, to: 1000) : nil
  }
}
