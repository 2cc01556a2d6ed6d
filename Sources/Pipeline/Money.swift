// What has been spent today, and what may be.

import FoundationEssentials

/// The day's spending against `OBSPOOL_DAILY_BUDGET_USD`. Days are UTC, as the usage files are.
struct Money {
  private var day = ""
  private(set) var spent = 0.0

  static let overspentPrefix = "today's budget is spent"

  mutating func add(_ line: UsageLine) {
    let lineDay = line.day
    if lineDay != day {
      // A line of yesterday that comes late does not bring yesterday back.
      guard lineDay > day else { return }
      day = lineDay
      spent = 0
    }
    spent += line.costUSD ?? 0
  }

  /// A failure of class quota where the budget is spent, until the day's end.
  func overspent(_ settings: Settings, _ now: Date) -> Failure? {
    guard let budget = settings.dailyBudgetUSD else { return nil }
    let spent = UsageLine.day(of: now) == day ? self.spent : 0
    guard spent >= budget else { return nil }
    let daySeconds = 86_400.0
    let rest = daySeconds - now.timeIntervalSince1970.truncatingRemainder(dividingBy: daySeconds)
    return Failure(
      .quota,
      message:
        "\(Self.overspentPrefix): \(dollars(spent)) of \(dollars(budget)) (OBSPOOL_DAILY_BUDGET_USD); days are UTC",
      retryAfter: rest)
  }
}
