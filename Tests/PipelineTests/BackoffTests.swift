import Testing

@testable import Pipeline

@Suite struct BackoffTests {
  let backoff = Backoff(base: 5, ceiling: 900)

  @Test func doublesUpToItsCeiling() {
    #expect((1...10).map(backoff.limit) == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900])
  }

  @Test(arguments: [Int.min, -1, 0])
  func startsAtTheBase(failures: Int) {
    #expect(backoff.limit(afterFailures: failures) == 5)
  }

  @Test(arguments: [64, 65, 1025, Int.max])
  func neverLeavesItsCeiling(failures: Int) {
    #expect(backoff.limit(afterFailures: failures) == 900)
  }

  @Test func theCeilingHoldsForTheFirstFailureToo() {
    #expect(Backoff(base: 5, ceiling: 2).limit(afterFailures: 1) == 2)
  }

  /// Full jitter: from nothing to the limit, so that those who failed together do not come back together.
  @Test func spreadsEvenlyBelowTheLimit() {
    for failures in 1...12 {
      let limit = backoff.limit(afterFailures: failures)
      #expect(backoff.delay(afterFailures: failures, random: 0) == 0)
      #expect(backoff.delay(afterFailures: failures, random: 0.25) == limit / 4)
      #expect(backoff.delay(afterFailures: failures, random: 1) == limit)
    }
  }
}
