// Keeping to the rates that free use allows.

import FoundationEssentials

/// A token bucket a provider: so many calls a minute, and as many at once after a quiet minute.
struct Pacing {
  private struct Bucket {
    var tokens: Double
    var filled: Date
  }

  private var buckets: [String: Bucket] = [:]
  /// When the next call may go out; nil where none has to wait.
  var nextCall: Date?

  /// Seconds to wait before a call may go out; nil for none.
  func wait(_ choice: ProviderChoice, _ now: Date) -> Double? {
    guard let rate = choice.callsPerMinute else { return nil }
    let tokens = level(choice.name, rate, now)
    return tokens >= 1 ? nil : (1 - tokens) * 60 / rate
  }

  /// Counts a call that goes out.
  mutating func take(_ choice: ProviderChoice, _ now: Date) {
    guard let rate = choice.callsPerMinute else { return }
    buckets[choice.name] = Bucket(tokens: level(choice.name, rate, now) - 1, filled: now)
  }

  private func level(_ name: String, _ rate: Double, _ now: Date) -> Double {
    guard let bucket = buckets[name] else { return rate }
    // A clock that was set back fills nothing.
    let elapsed = max(0, now.timeIntervalSince(bucket.filled))
    return min(rate, bucket.tokens + elapsed * rate / 60)
  }
}
