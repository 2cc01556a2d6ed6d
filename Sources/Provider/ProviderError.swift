// Why a call gave no answer, in the classes by which it is decided what happens next.

/// A call that gave no answer.
public struct ProviderError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of failure it is; the raw values are those of the files in `errors/`.
  public enum Class: String, Sendable, CaseIterable {
    /// It may pass by itself: no connection, a server in trouble, an answer that is none.
    case transient
    /// Too many calls in too little time.
    case rateLimit = "rate_limit"
    /// What was paid for, or is given for a day, is spent.
    case quota
    /// The key, the model's name or the address is not accepted: a person must act.
    case auth
    /// The provider does not accept this request.
    case request
    /// The conversation is longer than the model can take.
    case context
    /// There was an answer, and nothing in it to use.
    case answer
    /// The provider's content policy forbids an answer.
    case refused
  }

  public var `class`: Class
  /// The HTTP status; where an error came under status 200, the code that it named.
  public var status: Int?
  /// One printable line that never holds the key.
  public var message: String
  /// In how many seconds the provider asked to be asked again, from 1 to 3,600, or to 86,400 for `quota`.
  public var retryAfter: Double?
  /// The provider's own name for the call.
  public var requestID: String?

  public init(
    _ class: Class, status: Int? = nil, _ message: String, retryAfter: Double? = nil, requestID: String? = nil
  ) {
    self.class = `class`
    self.status = status
    self.message = message
    self.retryAfter = retryAfter
    self.requestID = requestID
  }

  /// The task was cancelled while it waited for the answer.
  public static let cancelled = ProviderError(.transient, "the call was cancelled")
  /// The call was not made: one of those that it waited for failed.
  public static let withdrawn = ProviderError(.transient, "the call was not made")

  public var description: String { message }
}
