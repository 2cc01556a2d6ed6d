// What a provider is: something that continues a conversation, and what goes in and comes out.

import JSONText

/// Something that answers conversations: a model behind an API, a command, or nobody.
public protocol Provider: Sendable {
  /// The name that settings, records and pauses know it by, such as `openrouter`.
  var name: String { get }

  /// The model that is asked for; the one that answers may be another (`Reply.servedModel`).
  var model: String { get }

  /// Asks for the next message of a conversation.
  ///
  /// One call is one request: nothing is tried again here. Cancelling the task ends the transfer at once,
  /// with the error `ProviderError.cancelled`.
  func ask(_ request: Request) async throws(ProviderError) -> Reply

  /// Looks whether the provider can be reached, takes the key and knows the model, without asking the model.
  func check() async -> [CheckLine]
}

/// One message of a conversation.
public struct Message: Sendable, Equatable {
  public enum Role: String, Sendable {
    case user, assistant
  }

  public var role: Role
  public var text: JSONString

  public init(role: Role, text: JSONString) {
    self.role = role
    self.text = text
  }
}

/// What is asked.
public struct Request: Sendable {
  /// What the model is told about its task; empty for nothing.
  public var system: JSONString
  /// The conversation, oldest first, beginning and ending with `user`. Neighbours of one role are joined, and
  /// empty messages left out, because several APIs refuse them.
  public var messages: [Message]
  /// How many tokens the answer may have.
  public var maxOutputTokens: Int
  /// The conversation's name, by which a router may keep it on one upstream.
  public var session: String
  /// Asks a reasoning model to answer without thinking first, where the API has a word for it.
  public var withoutReasoning: Bool
  /// The answer of the provider that has no model.
  public var withoutModel: @Sendable () -> String

  public init(
    system: JSONString, messages: [Message], maxOutputTokens: Int = 4096, session: String,
    withoutReasoning: Bool = false, withoutModel: @escaping @Sendable () -> String
  ) {
    self.system = system
    self.messages = messages
    self.maxOutputTokens = maxOutputTokens
    self.session = session
    self.withoutReasoning = withoutReasoning
    self.withoutModel = withoutModel
  }
}

/// What a call took.
public struct Usage: Sendable, Equatable {
  /// Tokens of the request, those served from a cache included.
  public var inputTokens: Int
  /// Tokens of the answer, those of its reasoning included.
  public var outputTokens: Int
  /// Tokens of the request that were served from a cache.
  public var cachedTokens: Int
  /// The price of the call in US dollars, where the reply says it.
  public var costUSD: Double?

  public init(inputTokens: Int, outputTokens: Int, cachedTokens: Int = 0, costUSD: Double? = nil) {
    self.inputTokens = inputTokens
    self.outputTokens = outputTokens
    self.cachedTokens = cachedTokens
    self.costUSD = costUSD
  }
}

/// What was answered.
public struct Reply: Sendable, Equatable {
  /// Why the answer ends where it ends.
  public enum Finish: Sendable, Equatable {
    /// The model had said all.
    case stop
    /// The answer had no more room, or the context none.
    case length
    /// The model or a filter would not answer, with the reason that was given.
    case refused(String)
    /// Something else, in the API's own word.
    case other(String)
  }

  /// The answer without the reasoning before it; may be empty.
  public var text: String
  /// The model that answered, where the reply says it.
  public var servedModel: String?
  /// The provider's own name for the call, to ask its support about.
  public var requestID: String?
  public var finish: Finish
  public var usage: Usage?
  /// Seconds that the call waited for others before it was made.
  public var waited: Double

  public init(
    text: String, servedModel: String? = nil, requestID: String? = nil, finish: Finish = .stop,
    usage: Usage? = nil, waited: Double = 0
  ) {
    self.text = text
    self.servedModel = servedModel
    self.requestID = requestID
    self.finish = finish
    self.usage = usage
    self.waited = waited
  }
}

/// One finding of `Provider.check`.
public struct CheckLine: Sendable, Equatable {
  public enum Verdict: String, Sendable {
    case ok
    /// It cannot be told, or works but not as meant.
    case warning
    /// Nothing will work until a person acts.
    case failure
  }

  public var verdict: Verdict
  /// What was looked at: `provider`, `key` or `model`.
  public var subject: String
  /// What was found, and what to do about it.
  public var text: String

  public init(_ verdict: Verdict, _ subject: String, _ text: String) {
    self.verdict = verdict
    self.subject = subject
    self.text = text
  }
}
