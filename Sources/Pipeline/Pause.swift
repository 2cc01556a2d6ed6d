// When a provider fails for all: nothing is sent to it for a while, and a file says why.

import FoundationEssentials
import JSONText

/// Why nothing is sent to a provider, since when and until when: the content of `paused/PROVIDER.json`.
public struct Pause: Sendable, Equatable {
  public var provider: String
  public var failureClass: FailureClass
  public var status: Int?
  public var message: String
  public var since: Date
  /// When one call is tried.
  public var until: Date
  /// How often in a row the provider has failed, this time included.
  public var failures: Int
  /// Stands for model, base URL and key: with other ones the pause is over.
  public var fingerprint: String

  public var json: [UInt8] {
    var writer = JSONWriter(.indented, reserving: 400)
    writer.object {
      $0.member("provider", provider)
      $0.member("class", failureClass.rawValue)
      $0.member("status", status)
      $0.member("message", message)
      $0.member("since", since)
      $0.member("until", until)
      $0.member("failures", failures)
      $0.member("fingerprint", fingerprint)
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }

  /// Reads a pause file; nil for one that is no pause.
  public init?(json: [UInt8]) {
    guard let value = try? JSON(parsing: json, repairing: true),
      let provider = value["provider"]?.string,
      let failureClass = value["class"]?.string.flatMap(FailureClass.init),
      let since = value["since"]?.string.flatMap(Date.init(rfc3339:)),
      let until = value["until"]?.string.flatMap(Date.init(rfc3339:))
    else { return nil }
    self.init(
      provider: provider, failureClass: failureClass, status: value["status"]?.int,
      message: value["message"]?.string ?? "", since: since, until: until,
      failures: value["failures"]?.int ?? 1, fingerprint: value["fingerprint"]?.string ?? "")
  }

  public init(
    provider: String, failureClass: FailureClass, status: Int?, message: String, since: Date, until: Date,
    failures: Int, fingerprint: String
  ) {
    self.provider = provider
    self.failureClass = failureClass
    self.status = status
    self.message = message
    self.since = since
    self.until = until
    self.failures = failures
    self.fingerprint = fingerprint
  }
}

/// Lets calls to one provider through, or not: open, paused, or one call let through to see whether it answers.
struct Gate {
  enum Admission: Equatable {
    case open
    /// One call, and no other until it is back.
    case probe
    case closed
  }

  /// What a failure means.
  struct Verdict: Equatable {
    /// Whether the input is charged with an attempt.
    var isCharged: Bool
    /// Whether the input is to wait by itself; otherwise the pause alone holds it.
    var waits: Bool
    /// Whether the pause is new or has changed, so that its file is to be written.
    var pauses: Bool
  }

  private(set) var pause: Pause?
  private(set) var isProbing = false
  /// Failures in a row that may pass, of whatever input.
  private var streak = 0
  private var lastSuccess: Date?
  /// When inputs failed last in a way that may pass, the latest few.
  private var failing: [String: Date] = [:]

  /// Takes over a pause that a file tells of.
  init(pause: Pause? = nil) { self.pause = pause }

  /// Hears of an answer that a processor before this one has got.
  mutating func remember(success: Date) { lastSuccess = max(lastSuccess ?? success, success) }

  /// Whether a call may be made now.
  func admission(now: Date) -> Admission {
    guard let pause else { return .open }
    return now < pause.until || isProbing ? .closed : .probe
  }

  mutating func beginProbe() { isProbing = true }

  /// A probe ended without telling anything, for example because the processor stops.
  mutating func abandonProbe() { isProbing = false }

  /// Moves the pause's end along with the clock. The pause, if there is one.
  mutating func clockWasSetBack(by seconds: Double) -> Pause? {
    pause?.until -= seconds
    return pause
  }

  /// Ends the pause by hand: its file has gone, or the settings have changed.
  mutating func reopen() {
    pause = nil
    isProbing = false
    streak = 0
  }

  /// The provider has answered. True if that ended a pause.
  mutating func succeed(now: Date, wasProbe: Bool) -> Bool {
    lastSuccess = now
    streak = 0
    if wasProbe { isProbing = false }
    guard let pause, wasProbe || pause.failureClass == .transient else { return false }
    self.pause = nil
    return true
  }

  /// Nothing was sent, since something has to be done first: no key, no money.
  mutating func close(_ pause: Pause) {
    self.pause = pause
    isProbing = false
  }

  /// A call has failed.
  ///
  /// - Parameters:
  ///   - input: The name of the (first) input of the call.
  ///   - lastAttempt: When the same input failed before, if it did.
  ///   - fingerprint: Of the settings with which the call was made.
  mutating func fail(
    _ failure: Failure, provider: String, input: String, lastAttempt: Date?, wasProbe: Bool,
    fingerprint: String,
    backoff: Backoff,
    now: Date
  ) -> Verdict {
    if wasProbe { isProbing = false }
    switch failure.failureClass {
    case .transient:
      // While the provider is paused what it answered before says nothing: it may be down for all.
      // Nor does it where others have failed as well: then the provider is flaky, and this input is not to blame.
      let others = failing.filter { $0.key != input }
      remember(failing: input, now)
      if pause == nil, let lastAttempt, let lastSuccess, lastSuccess >= lastAttempt,
        !others.contains(where: { $0.value >= lastAttempt })
      {
        return Verdict(isCharged: true, waits: true, pauses: false)
      }
      streak += 1
      guard wasProbe || streak >= 3 else { return Verdict(isCharged: false, waits: true, pauses: false) }
    case .rateLimit, .quota, .auth: break
    case .request, .context, .answer, .refused, .input, .spool:
      // The provider is there and answers: the fault is the input's.
      streak = 0
      let ended = wasProbe && pause != nil
      if ended { pause = nil }
      return Verdict(isCharged: true, waits: true, pauses: ended)
    }
    if pause != nil, !wasProbe { return Verdict(isCharged: false, waits: false, pauses: false) }
    let failures = (pause?.failures ?? 0) + 1
    pause = Pause(
      provider: provider, failureClass: failure.failureClass, status: failure.status,
      message: failure.message,
      since: pause?.since ?? now,
      until: now + Self.seconds(for: failure, failures: failures, backoff: backoff), failures: failures,
      fingerprint: fingerprint)
    return Verdict(isCharged: false, waits: false, pauses: true)
  }

  private mutating func remember(failing input: String, _ now: Date) {
    failing[input] = now
    if failing.count > 32, let oldest = failing.min(by: { $0.value < $1.value }) { failing[oldest.key] = nil }
  }

  private static func seconds(for failure: Failure, failures: Int, backoff: Backoff) -> Double {
    if let hint = failure.retryAfter { return hint }
    switch failure.failureClass {
    case .quota, .auth: return backoff.ceiling
    default: return backoff.limit(afterFailures: failures)
    }
  }
}
