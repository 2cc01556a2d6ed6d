import FoundationEssentials
import Testing

@testable import Pipeline

@Suite struct MoneyTests {
  /// Noon.
  let now = Date(timeIntervalSince1970: 1_795_521_600)

  static func settings(budget: String?) -> Settings {
    Settings { name in name == "OBSPOOL_DAILY_BUDGET_USD" ? budget.map { ($0, .file) } : nil }
  }

  static func line(_ cost: Double?, at moment: Date) -> UsageLine {
    UsageLine(
      at: moment, provider: "openrouter", model: "m", servedModel: nil, session: "s", project: "p", inputs: 1,
      inputTokens: 1, outputTokens: 1, cachedTokens: 0, costUSD: cost, estimated: false,
      durationMilliseconds: 1,
      requestID: nil)
  }

  @Test func withoutABudgetNothingIsTooMuch() {
    var money = Money()
    money.add(Self.line(1_000_000, at: now))
    #expect(money.overspent(Self.settings(budget: nil), now) == nil)
  }

  @Test func whatIsSpentIsAQuotaUntilTheDaysEnd() throws {
    var money = Money()
    let settings = Self.settings(budget: "1.00")
    money.add(Self.line(0.5, at: now))
    money.add(Self.line(nil, at: now))
    money.add(Self.line(0.25, at: now))
    #expect(money.spent == 0.75)
    #expect(money.overspent(settings, now) == nil)
    money.add(Self.line(0.25, at: now))
    let failure = try #require(money.overspent(settings, now))
    #expect(failure.failureClass == .quota && failure.retryAfter == 43_200)
    #expect(
      failure.message.contains("$1.00 of $1.00") && failure.message.contains("OBSPOOL_DAILY_BUDGET_USD"))
    // The last millisecond of the day, and the first moment of the next.
    let midnight = now + 43_200
    #expect(money.overspent(settings, midnight - 0.001)?.retryAfter.map { $0 > 0 && $0 < 0.002 } == true)
    #expect(money.overspent(settings, midnight) == nil)
  }

  @Test func aNewDayStartsAtNothing() {
    var money = Money()
    money.add(Self.line(5, at: now))
    money.add(Self.line(1, at: now + 86_400))
    #expect(money.spent == 1)
    // A line of yesterday that comes late does not bring yesterday back.
    money.add(Self.line(5, at: now))
    #expect(money.spent == 1)
    #expect(money.overspent(Self.settings(budget: "2"), now + 86_400) == nil)
  }

  @Test func aBudgetOfNothingIsSpentFromTheStart() {
    #expect(Money().overspent(Self.settings(budget: "0"), now) != nil)
  }

  @Test func aLargerBudgetCountsAtOnce() {
    var money = Money()
    money.add(Self.line(1, at: now))
    #expect(money.overspent(Self.settings(budget: "1"), now) != nil)
    #expect(money.overspent(Self.settings(budget: "2"), now) == nil)
  }

  @Test(arguments: [
    (0.0, "$0.00"), (1.0, "$1.00"), (17.716, "$17.72"), (0.05, "$0.050"), (0.25, "$0.25"),
    (0.0012, "$0.0012"), (0.000001, "$0.0000010"), (1e-12, "$0.00000000"), (-0.5, "-$0.50"),
    (1234.5, "$1234.50"), (.infinity, "$?"), (.nan, "$?"), (1e300, "$?"),
  ])
  func dollarsShowTwoDigitsAtLeast(amount: Double, text: String) {
    #expect(dollars(amount) == text)
  }
}
