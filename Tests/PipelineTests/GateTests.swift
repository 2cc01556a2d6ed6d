import FoundationEssentials
import Testing

@testable import Pipeline

/// When a provider is paused, for how long, and who is charged.
@Suite struct GateTests {
  let start = Date(timeIntervalSince1970: 1_795_521_600)
  var gate = Gate()

  mutating func fail(
    _ failureClass: FailureClass, at seconds: Double = 0, lastAttempt: Double? = nil, wasProbe: Bool = false,
    retryAfter: Double? = nil
  ) -> Gate.Verdict {
    gate.fail(
      Failure(failureClass, status: 500, message: "it failed", retryAfter: retryAfter), provider: "p",
      input: "this",
      lastAttempt: lastAttempt.map { start + $0 }, wasProbe: wasProbe, fingerprint: "f",
      backoff: Backoff(base: 5, ceiling: 900), now: start + seconds)
  }

  func admission(_ seconds: Double) -> Gate.Admission { gate.admission(now: start + seconds) }

  var seconds: Double? { gate.pause.map { $0.until.timeIntervalSince(start) } }

  // MARK: Failures that pass

  @Test mutating func threeInARowPauseForAll() {
    for second in 0..<2 {
      #expect(fail(.transient, at: Double(second)) == .init(isCharged: false, waits: true, pauses: false))
      #expect(admission(Double(second)) == .open)
    }
    #expect(fail(.transient, at: 2) == .init(isCharged: false, waits: false, pauses: true))
    #expect(gate.pause?.failureClass == .transient && gate.pause?.status == 500)
    #expect(
      gate.pause?.message == "it failed" && gate.pause?.fingerprint == "f" && gate.pause?.provider == "p")
    #expect(seconds == 7)
    #expect(admission(6.9) == .closed && admission(7) == .probe)
  }

  @Test mutating func aSuccessInBetweenStartsTheCountAnew() {
    for round in 0..<5 {
      #expect(fail(.transient, at: Double(round)).pauses == false)
      #expect(fail(.transient, at: Double(round)).pauses == false)
      #expect(gate.succeed(now: start + Double(round), wasProbe: false) == false)
    }
    #expect(admission(10) == .open)
  }

  @Test mutating func anInputsOwnFaultInBetweenStartsTheCountAnew() {
    _ = fail(.transient)
    _ = fail(.transient)
    #expect(fail(.request) == .init(isCharged: true, waits: true, pauses: false))
    #expect(fail(.transient).pauses == false)
    #expect(gate.pause == nil)
  }

  @Test mutating func oneProbeAtATimeAndThePauseDoublesWhileItFails() {
    for _ in 0..<3 { _ = fail(.transient) }
    var now = 0.0
    for limit in [5.0, 10, 20, 40, 80, 160, 320, 640, 900, 900] {
      #expect(seconds == now + limit)
      now += limit
      #expect(admission(now - 0.1) == .closed && admission(now) == .probe)
      gate.beginProbe()
      #expect(admission(now) == .closed && admission(now + 10_000) == .closed)
      #expect(
        fail(.transient, at: now, wasProbe: true) == .init(isCharged: false, waits: false, pauses: true))
    }
    #expect(gate.pause?.since == start && gate.pause?.failures == 11)
  }

  @Test mutating func aProbeThatIsAnsweredEndsThePause() {
    for _ in 0..<3 { _ = fail(.transient) }
    gate.beginProbe()
    #expect(gate.succeed(now: start + 10, wasProbe: true) == true)
    #expect(admission(10) == .open)
    // The next outage starts from the beginning.
    for _ in 0..<3 { _ = fail(.transient, at: 20) }
    #expect(seconds == 25)
  }

  @Test mutating func aProbeThatToldNothingIsTriedAgain() {
    for _ in 0..<3 { _ = fail(.transient) }
    gate.beginProbe()
    gate.abandonProbe()
    #expect(admission(5) == .probe)
  }

  @Test mutating func aProbeThatFailsByItsOwnFaultEndsThePause() {
    for _ in 0..<3 { _ = fail(.transient) }
    gate.beginProbe()
    #expect(fail(.refused, at: 10, wasProbe: true) == .init(isCharged: true, waits: true, pauses: true))
    #expect(admission(10) == .open)
  }

  @Test mutating func callsThatWereUnderWayChangeNothingMoreWhenTheyFail() {
    for _ in 0..<3 { _ = fail(.transient) }
    for failureClass in [FailureClass.transient, .rateLimit, .quota, .auth] {
      #expect(fail(failureClass, at: 3) == .init(isCharged: false, waits: false, pauses: false))
    }
    #expect(seconds == 5 && gate.pause?.failureClass == .transient)
  }

  @Test mutating func aCallThatWasUnderWayAndSucceedsEndsAPauseThatGuessed() {
    for _ in 0..<3 { _ = fail(.transient) }
    #expect(gate.succeed(now: start + 1, wasProbe: false) == true)
    #expect(admission(1) == .open)
  }

  @Test(arguments: [FailureClass.rateLimit, .quota, .auth])
  mutating func butNoneThatTheProviderAskedFor(failureClass: FailureClass) {
    _ = fail(failureClass, retryAfter: 60)
    #expect(gate.succeed(now: start + 1, wasProbe: false) == false)
    #expect(admission(1) == .closed)
  }

  // MARK: Whose fault it is

  /// The provider answered others since this input's last attempt: the fault is this input's.
  @Test mutating func anInputThatFailsWhileOthersAreAnsweredIsCharged() {
    _ = fail(.transient)
    _ = gate.succeed(now: start + 10, wasProbe: false)
    #expect(fail(.transient, at: 20, lastAttempt: 0) == .init(isCharged: true, waits: true, pauses: false))
    for second in 21..<30 {
      _ = fail(.transient, at: Double(second), lastAttempt: 0)
      #expect(gate.pause == nil)
    }
  }

  @Test mutating func anInputThatFailsForTheFirstTimeIsNotCharged() {
    _ = gate.succeed(now: start + 10, wasProbe: false)
    #expect(fail(.transient, at: 20).isCharged == false)
  }

  @Test mutating func anInputWhoseLastAttemptIsNewerThanTheLastAnswerIsNotCharged() {
    _ = gate.succeed(now: start + 10, wasProbe: false)
    #expect(fail(.transient, at: 20, lastAttempt: 15).isCharged == false)
  }

  /// While the provider is down for all, what it answered before is no evidence against the input that probes.
  @Test mutating func aProbeIsNotChargedForWhatWasAnsweredBeforeThePause() {
    _ = gate.succeed(now: start + 10, wasProbe: false)
    for second in 11..<14 { _ = fail(.transient, at: Double(second)) }
    gate.beginProbe()
    let verdict = fail(.transient, at: 30, lastAttempt: 5, wasProbe: true)
    #expect(!verdict.isCharged && gate.pause != nil)
  }

  @Test mutating func anAnswerBeforeARestartCountsToo() {
    gate.remember(success: start + 10)
    gate.remember(success: start + 5)
    #expect(fail(.transient, at: 20, lastAttempt: 8).isCharged)
  }

  @Test(arguments: [FailureClass.request, .context, .answer, .refused])
  mutating func whatIsTheInputsFaultIsChargedAndPausesNothing(failureClass: FailureClass) {
    for _ in 0..<10 {
      #expect(fail(failureClass) == .init(isCharged: true, waits: true, pauses: false))
      #expect(admission(0) == .open)
    }
  }

  // MARK: Failures that hold for all at once

  @Test(arguments: [FailureClass.rateLimit, .quota, .auth])
  mutating func pauseAtOnceAndChargeNobody(failureClass: FailureClass) {
    #expect(fail(failureClass) == .init(isCharged: false, waits: false, pauses: true))
    #expect(admission(0) == .closed)
    #expect(gate.pause?.failureClass == failureClass)
  }

  @Test mutating func aRateLimitLastsAsTheReplySaysElseItDoubles() {
    _ = fail(.rateLimit, retryAfter: 42)
    #expect(seconds == 42)
    gate.beginProbe()
    _ = fail(.rateLimit, at: 42, wasProbe: true)
    #expect(seconds == 52)
    gate.beginProbe()
    _ = fail(.rateLimit, at: 52, wasProbe: true)
    #expect(seconds == 72)
  }

  @Test(arguments: [FailureClass.quota, .auth])
  mutating func isProbedEveryQuarterOfAnHour(failureClass: FailureClass) {
    for round in 0..<3 {
      let now = Double(round) * 900
      if round > 0 { gate.beginProbe() }
      _ = fail(failureClass, at: now, wasProbe: round > 0)
      #expect(admission(now + 899) == .closed && admission(now + 900) == .probe)
    }
  }

  @Test mutating func aQuotaIsPausedUntilItsReset() {
    _ = fail(.quota, retryAfter: 30_000)
    #expect(admission(29_999) == .closed && admission(30_000) == .probe)
  }

  // MARK: By hand

  @Test mutating func reopeningForgetsEverything() {
    for _ in 0..<3 { _ = fail(.transient) }
    gate.beginProbe()
    gate.reopen()
    #expect(admission(0) == .open && gate.pause == nil && !gate.isProbing)
    #expect(fail(.transient).pauses == false)
  }

  @Test mutating func aPauseFromAFileHoldsAndGoesOn() throws {
    _ = fail(.auth)
    let pause = try #require(gate.pause)
    gate = Gate(pause: pause)
    #expect(admission(899) == .closed && admission(900) == .probe)
    gate.beginProbe()
    _ = fail(.auth, at: 900, wasProbe: true)
    #expect(gate.pause?.since == pause.since && gate.pause?.failures == 2)
  }

  @Test mutating func closingTakesNoFailure() throws {
    _ = fail(.auth)
    let pause = try #require(gate.pause)
    gate.reopen()
    gate.close(pause)
    #expect(admission(0) == .closed && gate.pause == pause)
  }
}

@Suite struct PauseTests {
  let pause = Pause(
    provider: "openrouter", failureClass: .rateLimit, status: 429, message: "slow \"down\"\u{1B}",
    since: Date(timeIntervalSince1970: 1_795_521_600.123), until: Date(timeIntervalSince1970: 1_795_521_660),
    failures: 3, fingerprint: "abc")

  @Test func isReadAsItWasWritten() {
    #expect(Pause(json: pause.json) == pause)
    var without = pause
    without.status = nil
    #expect(Pause(json: without.json) == without)
  }

  @Test func isForPeopleToRead() {
    #expect(
      String(decoding: pause.json, as: UTF8.self) == #"""
        {
          "provider": "openrouter",
          "class": "rate_limit",
          "status": 429,
          "message": "slow \"down\"\u001b",
          "since": "2026-11-24T12:00:00.123Z",
          "until": "2026-11-24T12:01:00.000Z",
          "failures": 3,
          "fingerprint": "abc"
        }

        """#)
  }

  @Test func whatIsMissingIsNoHarmUnlessItMatters() {
    let least =
      #"{"provider":"p","class":"auth","since":"2026-11-24T12:00:00Z","until":"2026-11-24T12:01:00Z"}"#
    #expect(Pause(json: Array(least.utf8))?.failures == 1)
    for text in [
      "", "{", "[]", "null", least.replacing("auth", with: "sorrow"), least.replacing("provider", with: "x"),
      least.replacing("2026-11-24T12:01:00Z", with: "soon"), String(least.dropLast()),
    ] {
      #expect(Pause(json: Array(text.utf8)) == nil)
    }
  }

  @Test func aClassHasItsDesignedName() {
    #expect(
      FailureClass.allCases.map(\.rawValue) == [
        "transient", "rate_limit", "quota", "auth", "request", "context", "answer", "refused", "input",
        "spool",
      ])
  }
}
