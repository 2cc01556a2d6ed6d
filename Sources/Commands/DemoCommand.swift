import FoundationEssentials
import Glibc
import Pipeline
import Spool

extension Command {
  static let demo = Command(
    name: "demo",
    summary: "see a small session become observations",
    details: """
      Drops the hook payloads of a small session into a fresh spool, drains it, and prints the tree and one record. \
      Where the settings or the environment hold a provider's key, it asks that provider; else it works offline, without \
      a model, and records what the tool uses themselves say. The spool is a new directory in $TMPDIR or /tmp, or the \
      one that --spool names, which must be empty or not there yet. It stays, to be looked at.
      """,
    examples: [
      Example("obspool demo", "see it work, without a key"),
      Example("OPENROUTER_API_KEY=sk-or-v1-… obspool demo", "the same with a model"),
      Example("obspool demo --spool /tmp/demo", "into a directory of that name"),
    ],
    windsUpOnSignals: true,
    run: demo)

  private static func demo(_ call: Call) throws(CommandError) -> ExitCode {
    try call.takesNoOperands()
    let path = try freshDirectory(call)
    let spool = try call.spool(at: path)
    let settings = settings(call, spool: path)
    let count = counted(DemoSession.payloads.count, "hook payload")
    try call.output.write(
      "\(count) of a session with Claude Code → \(Printable.line(path))\n"
        + "asking \(Printable.line(provider(settings.current())))\n\n")
    try call.output.flush()

    let dropper = Dropper(path: path, clock: call.clock)
    for payload in DemoSession.payloads {
      _ = try fromSpool { () throws(SpoolError) in
        try dropper.drop(Array(payload.json.utf8), name: InputName(payload.name))
      }
    }
    let result = try call.run(spool, settings: settings) { engine async throws(SpoolError) in
      try await engine.drain()
    }

    try call.output.write(tree(of: path))
    let record = "\(path)/observations/\(DemoSession.session)/\(DemoSession.shownRecord).xml"
    if let xml = try? Data(contentsOf: URL(filePath: record)) {
      try call.output.write("\n\(Printable.line(record))\n\n")
      try call.output.write(Printable.text(String(decoding: xml, as: UTF8.self)))
    }
    let option = "--spool \(Printable.line(path))"
    try call.output.write(
      "\nnext: obspool list \(option)\n      obspool show \(DemoSession.shownRecord) \(option)\n")
    return call.code(forLeft: result.left, in: path)
  }

  /// An empty directory of its own: the one that `--spool` names, or a new one.
  private static func freshDirectory(_ call: Call) throws(CommandError) -> String {
    guard let path = call.arguments.value(.spool) else {
      let parent = call.environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
      var template = Array("\(parent)/obspool-demo-XXXXXX".utf8CString)
      guard mkdtemp(&template) != nil else { throw CommandError("make a directory in", parent, errno: errno) }
      return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    if let names = try? FileManager.default.contentsOfDirectory(atPath: path), !names.isEmpty {
      throw CommandError(
        .usage, "\(path) is not empty",
        hint: "the demonstration needs a directory of its own; name another one")
    }
    return path
  }

  /// The person's settings where they lead to a provider with a key, else ones that name `offline`.
  private static func settings(_ call: Call, spool path: String) -> SettingsSource {
    let own = call.settings
    let current = own.current()
    if current.provider == "offline" || current.values(for: current.provider)?.key != nil { return own }
    // In that home is no file of settings.
    return SettingsSource(option: nil, environment: ["CLAUDE_MEM_PROVIDER": "offline", "HOME": path])
  }

  private static func provider(_ settings: Settings) -> String {
    guard let values = settings.values(for: settings.provider) else {
      return "nobody (offline): set OPENROUTER_API_KEY to ask a model"
    }
    return "\(settings.provider), \(values.model)"
  }

  /// The directory as a tree, names sorted.
  private static func tree(of path: String) -> String {
    Printable.line(path) + "\n" + branches(of: path, indent: "")
  }

  private static func branches(of path: String, indent: String) -> String {
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    return names.enumerated().reduce(into: "") { text, entry in
      let isLast = entry.offset == names.count - 1
      text += indent + (isLast ? "└── " : "├── ") + Printable.line(entry.element) + "\n"
      let child = path + "/" + entry.element
      var isDirectory = false
      if FileManager.default.fileExists(atPath: child, isDirectory: &isDirectory), isDirectory {
        text += branches(of: child, indent: indent + (isLast ? "    " : "│   "))
      }
    }
  }
}
