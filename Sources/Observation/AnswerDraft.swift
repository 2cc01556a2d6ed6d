// A block while it is being read, and what is made of its fields.

/// The fields of one block.
struct Draft {
  let isSummary: Bool
  let inputs: [Int]?
  var isSkip = false
  /// The list that is open: files say in it whether they were read or modified.
  var list: TagName?

  private var type: String?
  private var texts: [TagName: String] = [:]
  private var facts: [String] = []
  private var concepts: [String] = []
  private var filesRead: [String] = []
  private var filesModified: [String] = []

  init(isSummary: Bool, inputs: [Int]?, type: String?) {
    self.isSummary = isSummary
    self.inputs = inputs
    self.type = type
  }

  /// Keeps what a field says. Of a field that comes twice, the first counts; lists grow.
  mutating func keep(_ values: [String], as name: TagName) {
    switch name {
    case .fact, .facts: facts += values
    case .concept, .concepts: concepts += values
    case .filesRead: filesRead += values
    case .filesModified: filesModified += values
    case .file:
      if list == .filesRead { filesRead += values }
      if list == .filesModified { filesModified += values }
    default:
      guard let value = values.first, texts[name] == nil else { return }
      texts[name] = value
    }
  }

  /// Nil for a block that says nothing.
  var content: Block.Content? {
    if isSummary {
      if !texts.isEmpty { return .summary(summary) }
    } else if texts[.title] != nil || texts[.narrative] != nil
      || !(facts.isEmpty && concepts.isEmpty && filesRead.isEmpty && filesModified.isEmpty)
    {
      return .finding(finding)
    }
    return isSkip ? .skip : nil
  }

  private var summary: Summary {
    Summary(
      request: texts[.request], investigated: texts[.investigated], learned: texts[.learned],
      completed: texts[.completed], nextSteps: texts[.nextSteps], notes: texts[.notes])
  }

  private var finding: Finding {
    let type = Self.type(texts[.type] ?? type)
    return Finding(
      type: type, title: texts[.title], subtitle: texts[.subtitle], facts: facts.withoutRepeats(),
      narrative: texts[.narrative], concepts: Self.concepts(concepts, of: type),
      filesRead: filesRead.withoutRepeats(), filesModified: filesModified.withoutRepeats())
  }

  /// A type that we know in our spelling, another as it is.
  private static func type(_ written: String?) -> String {
    guard let written, !written.isEmpty else { return "discovery" }
    let known = String(
      written.lowercased().map { $0 == " " || $0 == "-" ? "_" : $0 })
    return Finding.types.contains(known) ? known : written
  }

  /// Each concept up to its first colon, where models put an explanation, without the type and without repeats.
  private static func concepts(_ written: [String], of type: String) -> [String] {
    written.compactMap { concept -> String? in
      let name = concept.prefix { $0 != ":" }.drop(while: \.isWhitespace)
      guard let last = name.lastIndex(where: { !$0.isWhitespace }) else { return nil }
      let text = String(name[...last])
      return text.lowercased() == type.lowercased() ? nil : text
    }.withoutRepeats()
  }
}

extension [String] {
  /// The same in the same order, each once.
  func withoutRepeats() -> [String] {
    guard count > 1 else { return self }
    var seen = Set<String>(minimumCapacity: count)
    return filter { seen.insert($0).inserted }
  }
}
