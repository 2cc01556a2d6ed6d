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
    /// Nothing, or nothing but thinking and comments.
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

  /// Reads the answer to a turn of `inputs` inputs in one pass over its bytes.
  public init(parsing text: String, inputs: Int) {
    parts = Array(repeating: nil, count: inputs)
    isNumbered = false
    endsOpen = false
    fault = .empty
  }
}
