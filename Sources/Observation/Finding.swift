// What was learned: an observation of one tool use, and the summary of a stretch of work.

/// One observation, as the model wrote it and a person would read it.
public struct Finding: Sendable, Hashable {
  /// One of `Finding.types`, or a word of the model's own.
  public var type: String
  public var title: String?
  public var subtitle: String?
  public var facts: [String]
  public var narrative: String?
  public var concepts: [String]
  public var filesRead: [String]
  public var filesModified: [String]

  /// The types that the model is taught.
  public static let types = [
    "bugfix", "feature", "refactor", "change", "discovery", "decision", "security_alert", "security_note",
    "sensitive",
  ]

  /// The concepts that the model is taught.
  public static let concepts = [
    "how-it-works", "why-it-exists", "what-changed", "problem-solution", "gotcha", "pattern", "trade-off",
  ]

  public init(
    type: String, title: String? = nil, subtitle: String? = nil, facts: [String] = [],
    narrative: String? = nil, concepts: [String] = [], filesRead: [String] = [], filesModified: [String] = []
  ) {
    self.type = type
    self.title = title
    self.subtitle = subtitle
    self.facts = facts
    self.narrative = narrative
    self.concepts = concepts
    self.filesRead = filesRead
    self.filesModified = filesModified
  }
}

/// What a stretch of work came to, written when the agent stops.
public struct Summary: Sendable, Hashable {
  public var request: String?
  public var investigated: String?
  public var learned: String?
  public var completed: String?
  public var nextSteps: String?
  public var notes: String?

  public init(
    request: String? = nil, investigated: String? = nil, learned: String? = nil, completed: String? = nil,
    nextSteps: String? = nil, notes: String? = nil
  ) {
    self.request = request
    self.investigated = investigated
    self.learned = learned
    self.completed = completed
    self.nextSteps = nextSteps
    self.notes = notes
  }
}
