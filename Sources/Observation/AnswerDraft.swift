// A block while it is being read, and what is made of its fields.

/// The fields of one block.
struct Draft {
  let isSummary: Bool
  let inputs: [Int]?
  var isSkip = false
  /// The list that is open: files say in it whether they were read or modified.
  var list: TagName?

  private var finding = Finding(type: "")
  private var summary = Summary()
  private var saysAnything = false

  init(isSummary: Bool, inputs: [Int]?, type: String?) {
    self.isSummary = isSummary
    self.inputs = inputs
    finding.type = type ?? ""
  }

  /// Keeps what a field of one text says. Of a field that comes twice, the first counts.
  mutating func keep(_ text: String, as name: TagName) {
    switch name {
    case .type: if finding.type.isEmpty { finding.type = text }
    case .title: finding.title = finding.title ?? text
    case .subtitle: finding.subtitle = finding.subtitle ?? text
    case .narrative: finding.narrative = finding.narrative ?? text
    case .request: summary.request = summary.request ?? text
    case .investigated: summary.investigated = summary.investigated ?? text
    case .learned: summary.learned = summary.learned ?? text
    case .completed: summary.completed = summary.completed ?? text
    case .nextSteps: summary.nextSteps = summary.nextSteps ?? text
    case .notes: summary.notes = summary.notes ?? text
    case .fact: finding.facts.append(text)
    case .concept: finding.concepts.append(text)
    case .file where list == .filesRead: finding.filesRead.append(text)
    case .file where list == .filesModified: finding.filesModified.append(text)
    default: return
    }
    if name != .type && name != .subtitle { saysAnything = true }
  }

  /// Keeps the entries of a list that was written without tags of their own.
  mutating func keep(_ entries: [String], as name: TagName) {
    let item: TagName = name == .facts ? .fact : name == .concepts ? .concept : .file
    let outer = list
    list = name
    for entry in entries { keep(entry, as: item) }
    list = outer
  }

  /// What was drafted, tidied; nil for a block that says nothing: a type and a subtitle alone are nothing.
  consuming func block() -> Block? {
    guard saysAnything else { return isSkip ? Block(content: .skip, inputs: inputs) : nil }
    if isSummary { return Block(content: .summary(summary), inputs: inputs) }
    finding.type = Self.type(finding.type)
    finding.facts.dropRepeats()
    finding.concepts = finding.concepts.compactMap { Self.concept($0, of: finding.type) }
    finding.concepts.dropRepeats()
    finding.filesRead.dropRepeats()
    finding.filesModified.dropRepeats()
    return Block(content: .finding(finding), inputs: inputs)
  }

  /// A type that we know in our spelling, another as it is.
  private static func type(_ written: String) -> String {
    if written.isEmpty { return "discovery" }
    if Finding.types.contains(written) { return written }
    let known = String(written.lowercased().map { $0 == " " || $0 == "-" ? "_" : $0 })
    return Finding.types.contains(known) ? known : written
  }

  /// A concept up to its first colon, behind which models explain it; nil where it only repeats the type.
  private static func concept(_ written: String, of type: String) -> String? {
    var concept = written
    if let colon = written.utf8.firstIndex(of: UInt8(ascii: ":")) {
      concept = String(written[..<colon])
      while let last = concept.last, last.isWhitespace { concept.removeLast() }
    }
    if concept.isEmpty || concept == type { return nil }
    return concept.utf8.count == type.utf8.count && concept.lowercased() == type.lowercased() ? nil : concept
  }
}

extension [String] {
  /// Keeps each once, in the same order.
  mutating func dropRepeats() {
    // Few are compared faster than they are hashed.
    if count <= 8, indices.allSatisfy({ !self[..<$0].contains(self[$0]) }) { return }
    var seen = Set<String>(minimumCapacity: count)
    self = filter { seen.insert($0).inserted }
  }
}
