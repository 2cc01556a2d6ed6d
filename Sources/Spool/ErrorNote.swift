// errors/NAME.json: why an input is back in pending, or in failed.
import FoundationEssentials
import JSONText

/// Why an input waits again or has failed, as it stands in `errors/NAME.json`.
public struct ErrorNote: Sendable, Equatable {
  public var name: InputName
  /// Charged attempts so far.
  public var attempts: Int
  /// How often the processor ended without a word while the input was in flight.
  public var crashes: Int
  /// The class of the last error, such as `transient`; `crash` where the processor ended.
  public var errorClass: String
  /// The HTTP status, where there was one.
  public var status: Int?
  public var message: String
  public var firstFailedAt: Date
  public var lastFailedAt: Date
  public var nextAttemptAt: Date?
  /// The raw answer of the model, where the answer is the problem.
  public var answer: String?

  public init(
    name: InputName, attempts: Int, crashes: Int = 0, errorClass: String, status: Int? = nil, message: String,
    firstFailedAt: Date, lastFailedAt: Date, nextAttemptAt: Date? = nil, answer: String? = nil
  ) {
    self.name = name
    self.attempts = attempts
    self.crashes = crashes
    self.errorClass = errorClass
    self.status = status
    self.message = message
    self.firstFailedAt = firstFailedAt
    self.lastFailedAt = lastFailedAt
    self.nextAttemptAt = nextAttemptAt
    self.answer = answer
  }
}

extension ErrorNote {
  /// The file's text: indented JSON, times as RFC 3339 in UTC with milliseconds.
  public var json: WrittenBytes {
    var writer = JSONWriter(.indented)
    writer.object {
      $0.member("name", name.text)
      $0.member("attempts", attempts)
      $0.member("crashes", crashes)
      $0.member("class", errorClass)
      $0.member("status", status)
      $0.member("message", message)
      $0.member("first_failed_at", firstFailedAt)
      $0.member("last_failed_at", lastFailedAt)
      $0.member("next_attempt_at", nextAttemptAt)
      $0.member("answer", answer)
    }
    writer.endLine()
    return WrittenBytes(writer)
  }

  /// Reads the file of `name`. Members that are missing or of another type count as nothing, so that a file
  /// that a person has edited still does; nil for what is no JSON object.
  public init?(json: [UInt8], name: InputName) {
    guard let value = try? JSON(parsing: json, repairing: true), value.object != nil else { return nil }
    let last = value["last_failed_at"]?.string.flatMap(Date.init(rfc3339:))
    let first = value["first_failed_at"]?.string.flatMap(Date.init(rfc3339:))
    self.init(
      name: name, attempts: max(0, value["attempts"]?.int ?? 0), crashes: max(0, value["crashes"]?.int ?? 0),
      errorClass: value["class"]?.string ?? "", status: value["status"]?.int,
      message: value["message"]?.string ?? "",
      firstFailedAt: first ?? last ?? Date(timeIntervalSince1970: 0),
      lastFailedAt: last ?? first ?? Date(timeIntervalSince1970: 0),
      nextAttemptAt: value["next_attempt_at"]?.string.flatMap(Date.init(rfc3339:)),
      answer: value["answer"]?.string)
  }
}
