// A model's answer, as far as a person would understand it.

/// What a model answered to a turn of one or more inputs.
public struct Answer: Sendable, Equatable {
  /// The answer to one input.
  public struct Part: Sendable, Equatable {
    public var findings: [Finding]
    public var summary: Summary?
    /// The model said that there is nothing to record.
    public var isSkip: Bool

    public init(findings: [Finding] = [], summary: Summary? = nil, isSkip: Bool = false) {
      self.findings = findings
      self.summary = summary
      self.isSkip = isSkip
    }
  }

  /// Why an answer does not answer every input.
  public enum Fault: Sendable, Equatable {
    /// Nothing but white space.
    case empty
    /// Text without a block that says anything.
    case nothingUnderstood
    /// The text ends inside a block, and an input is without its part.
    case cutShort
    /// Several inputs, and blocks that do not say which one they answer.
    case unnumbered
    /// These inputs, counted from 1, got no answer; the others did.
    case unanswered([Int])
  }

  /// One for each input of the turn; nil where it got no answer.
  public var parts: [Part?]
  /// Whether every block said which input it answers; always true of a single input.
  public var isNumbered: Bool
  /// Whether the text ends inside an open block: together with a finish for length it was cut short.
  public var endsOpen: Bool
  /// Nil when every input has its part.
  public var fault: Fault?

  /// Reads the answer to a turn of `inputs` inputs, which are at least one, in one pass over its bytes.
  public init(parsing text: String, inputs: Int) {
    var work = 0
    self.init(parsing: text, inputs: inputs, work: &work)
  }

  /// Adds to `work` how many bytes were looked at, each time that one was.
  init(parsing text: String, inputs: Int, work: inout Int) {
    var text = text
    let (blocks, endsOpen, isBlank) = text.withUTF8 { bytes in
      var reader = AnswerReader(bytes, inputs: inputs)
      reader.read()
      work += reader.visited
      return (reader.blocks, reader.endsOpen, bytes.allSatisfy { isSpace($0) })
    }
    self.endsOpen = endsOpen
    isNumbered = inputs == 1 || !blocks.isEmpty && blocks.allSatisfy { $0.inputs != nil }
    parts = Self.parts(of: blocks, inputs: inputs)

    guard parts.contains(where: { $0 == nil }) else { return }
    let unanswered = parts.indices.filter { parts[$0] == nil }.map { $0 + 1 }
    if endsOpen {
      fault = .cutShort
    } else if blocks.isEmpty {
      fault = isBlank ? .empty : .nothingUnderstood
    } else {
      fault = unanswered.count == inputs ? .unnumbered : .unanswered(unanswered)
    }
  }

  /// Gives each block to the inputs that it answers: to those it names, to the only one, or in order where there are
  /// as many blocks as inputs and none of them names any.
  private static func parts(of blocks: [Block], inputs: Int) -> [Part?] {
    if inputs == 1 {
      guard let first = blocks.first else { return [nil] }
      var only = Gathering(first.content)
      for block in blocks.dropFirst() { only.add(block.content) }
      return [only.part]
    }
    var gathering: [Gathering?] = Array(repeating: nil, count: inputs)
    let inOrder = blocks.count == inputs && blocks.allSatisfy { $0.inputs == nil }
    for (position, block) in blocks.enumerated() {
      let answered = inOrder ? [position + 1] : block.inputs ?? []
      for (rank, input) in answered.enumerated() {
        // What answers several inputs is recorded with the first of them.
        let content = rank == 0 ? block.content : .skip
        if gathering[input - 1]?.add(content) == nil { gathering[input - 1] = Gathering(content) }
      }
    }
    return gathering.map { $0?.part }
  }
}

/// The blocks of one input, on their way to its part.
private struct Gathering {
  private var findings: [Finding] = []
  private var seen: Set<Finding> = []
  private var summary: Summary?

  private static let few = 8

  init(_ content: Block.Content) { add(content) }

  /// A block that is repeated counts once; of several summaries the last is what the model settled on.
  mutating func add(_ content: Block.Content) {
    switch content {
    case .finding(let finding):
      // Few are compared faster than they are hashed.
      if findings.count < Self.few {
        if !findings.contains(finding) { findings.append(finding) }
      } else {
        if seen.isEmpty { seen = Set(findings) }
        if seen.insert(finding).inserted { findings.append(finding) }
      }
    case .summary(let summary): self.summary = summary
    case .skip: break
    }
  }

  /// Skipped if nothing but that was said.
  var part: Answer.Part {
    Answer.Part(findings: findings, summary: summary, isSkip: findings.isEmpty && summary == nil)
  }
}
