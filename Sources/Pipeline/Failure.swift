// Why an input could not be finished.

/// The classes of failures. The raw values are what the files in `errors/` and `paused/` say.
public enum FailureClass: String, Sendable, CaseIterable {
  /// No connection, a timeout, a server that is down: it passes.
  case transient
  /// Too many requests.
  case rateLimit = "rate_limit"
  /// The money, or the day's allowance, is spent.
  case quota
  /// No key, a wrong key, an unknown model, a wrong base URL: a person has to change a setting.
  case auth
  /// The server does not take the request.
  case request
  /// The conversation is too long for the model.
  case context
  /// The answer cannot be understood, or was cut short.
  case answer
  /// The provider declines to answer this.
  case refused
  /// The file is no input.
  case input
  /// The spool cannot be written.
  case spool
}

/// Why an input could not be finished, for its errors file and the log.
public struct Failure: Error, Sendable, Equatable {
  public var failureClass: FailureClass
  /// The HTTP status, where there was one.
  public var status: Int?
  /// One line, without the key.
  public var message: String
  /// Seconds after which the provider wants to be asked again, where it says so.
  public var retryAfter: Double?
  /// The raw answer, where the answer is the problem.
  public var answer: String?

  public init(
    _ failureClass: FailureClass, status: Int? = nil, message: String, retryAfter: Double? = nil,
    answer: String? = nil
  ) {
    self.failureClass = failureClass
    self.status = status
    self.message = message
    self.retryAfter = retryAfter
    self.answer = answer
  }
}
