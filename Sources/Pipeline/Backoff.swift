import Glibc

/// How long to wait after a failure: doubling from `base` up to `ceiling`, in seconds.
public struct Backoff: Sendable, Equatable {
  public var base: Double
  public var ceiling: Double

  public init(base: Double, ceiling: Double) {
    self.base = base
    self.ceiling = ceiling
  }

  /// The longest wait after the `failures`th failure in a row, counted from 1.
  public func limit(afterFailures failures: Int) -> Double {
    min(ceiling, base * exp2(Double(min(max(failures, 1), 64) - 1)))
  }

  /// A wait with full jitter: anything from nothing to the limit, evenly, so that those who failed together do
  /// not come back together.
  ///
  /// - Parameter random: A number from 0 to 1.
  public func delay(afterFailures failures: Int, random: Double) -> Double {
    limit(afterFailures: failures) * random
  }
}
