// Time comes in from outside, so that tests are exact and never sleep.
import FoundationEssentials

/// Tells the wall time.
public protocol Clock: Sendable {
  func now() -> Date
}

/// The clock of the system.
public struct SystemClock: Clock {
  public init() {}

  public func now() -> Date { Date() }
}
