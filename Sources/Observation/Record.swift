// What is kept of one input: the record, which is also the conversation.
import FoundationEssentials
import JSONText

/// The record of one input.
public struct Record: Sendable, Equatable {
  /// What became of the input.
  public enum Outcome: String, Sendable, CaseIterable {
    case observed, summarized, skipped, noted
  }

  /// What one call used. The inputs of one call share it: it stands in the record that holds the exchange.
  public struct Usage: Sendable, Equatable {
    public var inputTokens: Int
    public var outputTokens: Int
    public var cachedTokens: Int
    /// In US dollars; nil where nobody knows.
    public var costUSD: Double?
    /// Whether the cost is ours rather than the provider's.
    public var estimated: Bool

    public init(inputTokens: Int, outputTokens: Int, cachedTokens: Int, costUSD: Double?, estimated: Bool) {
      self.inputTokens = inputTokens
      self.outputTokens = outputTokens
      self.cachedTokens = cachedTokens
      self.costUSD = costUSD
      self.estimated = estimated
    }
  }

  /// What was said for this input.
  public enum Exchange: Sendable, Equatable {
    /// What was said to the model, and its answer.
    case said(user: JSONString, assistant: JSONString)
    /// It stands in the record of this name.
    case within(String)
  }

  /// The version of the form, written in every record.
  public static let version = 1

  public var name: String
  /// 64 lower-case hexadecimal digits.
  public var inputSHA256: String
  public var session: String
  public var project: String
  /// The number of the session's call, from 1.
  public var turn: Int
  public var kind: Event.Kind
  public var occurredAt: Date
  public var processedAt: Date
  public var outcome: Outcome
  public var findings: [Finding]
  public var summary: Summary?
  public var provider: String?
  public var model: String?
  public var servedModel: String?
  public var requestID: String?
  public var usage: Usage?
  /// The names of all inputs of the call; nil for a call of one.
  public var batch: [String]?
  public var exchange: Exchange?
  /// The turn of the oldest exchange that was sent along with this one; its own where none was. Nil without an
  /// exchange of its own. It is from here that the conversation goes on after a restart.
  public var since: Int?

  public init(
    name: String, inputSHA256: String, session: String, project: String, turn: Int, kind: Event.Kind,
    occurredAt: Date, processedAt: Date, outcome: Outcome, findings: [Finding] = [], summary: Summary? = nil,
    provider: String? = nil, model: String? = nil, servedModel: String? = nil, requestID: String? = nil,
    usage: Usage? = nil, batch: [String]? = nil, exchange: Exchange? = nil, since: Int? = nil
  ) {
    self.name = name
    self.inputSHA256 = inputSHA256
    self.session = session
    self.project = project
    self.turn = turn
    self.kind = kind
    self.occurredAt = occurredAt
    self.processedAt = processedAt
    self.outcome = outcome
    self.findings = findings
    self.summary = summary
    self.provider = provider
    self.model = model
    self.servedModel = servedModel
    self.requestID = requestID
    self.usage = usage
    self.batch = batch
    self.exchange = exchange
    self.since = since
  }
}

/// Why bytes are no record.
public struct RecordError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong, in one line; the caller knows the file.
  public let message: String

  public var description: String { message }
}
