// Which files a tool use touched, as its own input tells.
import JSONText

extension Event {
  /// The files that the tool read, or else those that it wrote, in the order in which its input names them.
  public var files: (read: [String], modified: [String]) {
    let files = namedFiles
    if files.isEmpty { return ([], []) }
    return writesFiles ? ([], files) : (files, [])
  }

  /// Whether the tool is one that changes the files it names, as its name or its command says.
  private var writesFiles: Bool {
    if toolInput?["command"]?.string == "view" { return false }
    return isToolNamed(
      like: ["write", "edit", "patch", "create", "delete", "replace", "insert", "move", "rename"])
  }

  /// Whether one of these words, in lower case, stands in the tool's name in any case.
  private func isToolNamed(like words: [StaticString]) -> Bool {
    guard var name = toolName else { return false }
    return name.withUTF8 { name in
      name.indices.contains { start in words.contains { name.holds($0, at: start) } }
    }
  }

  private var namedFiles: [String] {
    guard kind == .toolUse, let toolInput else { return [] }
    var files = Self.files(namedIn: toolInput)
    for edit in toolInput["edits"]?.array ?? [] { files += Self.files(namedIn: edit) }
    // A `path` may be a directory that is searched, unless the tool is one for files.
    let paths = Self.texts(toolInput["path"]) + Self.texts(toolInput["paths"])
    if !paths.isEmpty, isToolNamed(like: ["file", "edit", "read", "write"]) { files += paths }
    for patch in [toolInput["patch"], toolInput["input"], toolInput["diff"], toolInput] {
      if let patch = patch?.string { files += Self.files(inPatch: patch) }
    }
    files.removeAll(where: \.isEmpty)
    files.dropRepeats()
    return files
  }

  private static func files(namedIn value: JSON) -> [String] {
    ["file_path", "filePath", "notebook_path", "notebookPath", "file_paths"].flatMap { texts(value[$0]) }
  }

  private static func texts(_ value: JSON?) -> [String] {
    switch value {
    case .string(let text): [text]
    case .array(let elements): elements.compactMap(\.string)
    default: []
    }
  }

  /// The files that a patch names, in unified form or in the form of agents' `apply_patch`.
  private static func files(inPatch text: String) -> [String] {
    let marks = ["*** Update File: ", "*** Add File: ", "*** Delete File: ", "*** Move to: "]
    var files: [String] = []
    var previous: Substring = ""
    for line in text.split(whereSeparator: \.isNewline) {
      if let mark = marks.first(where: { line.hasPrefix($0) }) {
        files.append(String(line.dropFirst(mark.count)))
      } else if line.hasPrefix("+++ "), previous.hasPrefix("--- ") {
        files += [previous, line].compactMap(file(inHeader:))
      }
      previous = line
    }
    return files
  }

  /// The file of a `---` or `+++` line, without the prefix that git writes and the time that diff writes.
  private static func file(inHeader line: Substring) -> String? {
    let path = line.dropFirst(4).prefix { $0 != "\t" }
    if path == "/dev/null" { return nil }
    return String(path.hasPrefix("a/") || path.hasPrefix("b/") ? path.dropFirst(2) : path)
  }
}

extension Answer.Part {
  /// The same part with the files that the event's own input names in each finding. They come first, and what the
  /// model wrote for the same file, be it relative to the working directory, is left out.
  public func withFiles(of event: Event) -> Answer.Part {
    let (read, modified) = event.files
    guard !read.isEmpty || !modified.isEmpty else { return self }
    let prefix = event.cwd.map { $0.hasSuffix("/") ? $0 : $0 + "/" } ?? ""
    func merged(_ own: [String], _ models: [String]) -> [String] {
      if own.isEmpty { return models }
      if models.isEmpty { return own }
      let known = own.count > 8 ? Set(own) : nil
      // Few are compared faster than they are hashed.
      func isKnown(_ file: String) -> Bool { known?.contains(file) ?? own.contains(file) }
      return own + models.filter { !isKnown($0) && !isKnown(prefix + $0) }
    }
    var part = self
    for index in part.findings.indices {
      part.findings[index].filesRead = merged(read, part.findings[index].filesRead)
      part.findings[index].filesModified = merged(modified, part.findings[index].filesModified)
    }
    return part
  }
}
