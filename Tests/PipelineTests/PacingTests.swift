import FoundationEssentials
import Provider
import Testing

@testable import Pipeline

@Suite struct PacingTests {
  let now = Date(timeIntervalSince1970: 1_795_521_600)

  static func choice(_ values: [String: String]) -> ProviderChoice {
    let settings = Settings { name in values[name].map { ($0, .file) } }
    return ProviderChoice(settings: settings, http: HTTPClient(), command: nil, now: { Date() })
  }

  static func openrouter(_ more: [String: String] = [:]) -> ProviderChoice {
    choice(["CLAUDE_MEM_PROVIDER": "openrouter", "OPENROUTER_API_KEY": "k"].merging(more) { $1 })
  }

  static func gemini(_ more: [String: String] = [:]) -> ProviderChoice {
    choice(["CLAUDE_MEM_PROVIDER": "gemini", "GEMINI_API_KEY": "k"].merging(more) { $1 })
  }

  /// How many calls go out at once at that moment.
  static func burst(_ pacing: inout Pacing, _ choice: ProviderChoice, _ now: Date) -> Int {
    var calls = 0
    while calls < 1000, pacing.wait(choice, now) == nil {
      pacing.take(choice, now)
      calls += 1
    }
    return calls
  }

  // MARK: Who is paced

  @Test func onlyFreeUseAtTheProvidersOwnServers() {
    #expect(Self.openrouter().callsPerMinute == 20)
    #expect(Self.openrouter(["CLAUDE_MEM_OPENROUTER_MODEL": "openai/gpt-4o"]).callsPerMinute == nil)
    #expect(
      Self.openrouter(["CLAUDE_MEM_OPENROUTER_BASE_URL": "http://localhost:8080/v1"]).callsPerMinute == nil)
    #expect(
      Self.openrouter(["CLAUDE_MEM_OPENROUTER_BASE_URL": "https://openrouter.ai.example.org/v1"])
        .callsPerMinute
        == nil)
    #expect(Self.gemini().callsPerMinute == 10)
    #expect(Self.gemini(["CLAUDE_MEM_GEMINI_RATE_LIMITING_ENABLED": "false"]).callsPerMinute == nil)
    #expect(Self.gemini(["CLAUDE_MEM_GEMINI_BASE_URL": "http://localhost:8080"]).callsPerMinute == nil)
    #expect(Self.choice(["CLAUDE_MEM_PROVIDER": "offline"]).callsPerMinute == nil)
  }

  @Test func othersNeverWait() {
    var pacing = Pacing()
    #expect(Self.burst(&pacing, Self.choice(["CLAUDE_MEM_PROVIDER": "offline"]), now) == 1000)
  }

  // MARK: How

  @Test func aQuietMinuteGivesAMinutesCallsAtOnceThenOneEveryThreeSeconds() throws {
    var pacing = Pacing()
    let choice = Self.openrouter()
    #expect(Self.burst(&pacing, choice, now) == 20)
    let wait = try #require(pacing.wait(choice, now))
    #expect(abs(wait - 3) < 0.001)
    #expect(pacing.wait(choice, now + 2.9) != nil)
    #expect(Self.burst(&pacing, choice, now + 3.001) == 1)
    #expect(Self.burst(&pacing, choice, now + 33.002) == 10)
    #expect(Self.burst(&pacing, choice, now + 100_000) == 20)
  }

  @Test func theWaitIsLongEnough() throws {
    var pacing = Pacing()
    let choice = Self.gemini()
    var moment = now
    for _ in 0..<200 {
      if let wait = pacing.wait(choice, moment) {
        moment += wait + 1e-6
        #expect(pacing.wait(choice, moment) == nil)
      }
      pacing.take(choice, moment)
    }
    // 200 calls, 10 of them at once, the others six seconds apart.
    #expect(abs(moment.timeIntervalSince(now) - 190 * 6) < 1)
  }

  @Test func aClockThatIsSetBackFillsNothingAndLocksNobodyOut() throws {
    var pacing = Pacing()
    let choice = Self.openrouter()
    #expect(Self.burst(&pacing, choice, now) == 20)
    let past = now - 86_400
    let wait = try #require(pacing.wait(choice, past))
    #expect(wait <= 3)
  }

  @Test func providersArePacedApart() {
    var pacing = Pacing()
    #expect(Self.burst(&pacing, Self.openrouter(), now) == 20)
    #expect(Self.burst(&pacing, Self.gemini(), now) == 10)
  }
}
