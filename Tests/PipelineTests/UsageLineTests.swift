import FoundationEssentials
import Testing

@testable import Pipeline

@Suite struct UsageLineTests {
  let line = UsageLine(
    at: Date(timeIntervalSince1970: 1_795_521_600.25), provider: "openrouter", model: "a/b:free",
    servedModel: "a/b-2026", session: "s \"1\"\n", project: "p", inputs: 3, inputTokens: 2500,
    outputTokens: 1200,
    cachedTokens: 2000, costUSD: 0.00123, estimated: true, durationMilliseconds: 815, requestID: "gen-1")

  @Test func isOneLineInTheDesignedOrder() {
    #expect(
      String(decoding: line.json, as: UTF8.self)
        == #"{"at":"2026-11-24T12:00:00.250Z","provider":"openrouter","model":"a/b:free","served_model":"a/b-2026","#
        + #""session_id":"s \"1\"\n","project":"p","inputs":3,"input_tokens":2500,"output_tokens":1200,"#
        + #""cached_tokens":2000,"cost_usd":0.00123,"estimated":true,"duration_ms":815,"request_id":"gen-1"}"#
    )
  }

  @Test func isSaidInTheWordsThatUsersKnow() {
    #expect(
      line.sentence(messagesInContext: 5)
        == #"OpenRouter API usage: { model: "a/b-2026", inputTokens: 2500, outputTokens: 1200, totalTokens: 3700, "#
        + #"cachedTokens: 2000, estimatedCostUSD: "0.0012", messagesInContext: 5 }"#)
    var other = line
    (other.provider, other.servedModel, other.costUSD) = ("mine", nil, nil)
    #expect(
      other.sentence(messagesInContext: 1)
        == #"mine API usage: { model: "a/b:free", inputTokens: 2500, outputTokens: 1200, totalTokens: 3700, "#
        + #"cachedTokens: 2000, estimatedCostUSD: unknown, messagesInContext: 1 }"#)
  }

  @Test func isReadAsItWasWritten() {
    #expect(UsageLine(json: line.json) == line)
    var without = line
    without.servedModel = nil
    without.costUSD = nil
    without.requestID = nil
    without.estimated = false
    #expect(UsageLine(json: without.json) == without)
  }

  @Test func aTornLineIsNone() {
    for count in 0..<line.json.count { #expect(UsageLine(json: Array(line.json.prefix(count))) == nil) }
    for text in ["null", "[]", "{}", "{\"at\":\"2026-11-24T12:00:00Z\"}", "text"] {
      #expect(UsageLine(json: Array(text.utf8)) == nil)
    }
    #expect(UsageLine(json: line.json + line.json) == nil)
  }

  @Test func whatIsMissingCountsAsNothing() {
    let text = #"{"at":"2026-11-24T12:00:00Z","provider":"p","model":"m","input_tokens":"7"}"#
    let read = UsageLine(json: Array(text.utf8))
    #expect(read?.inputTokens == 7 && read?.outputTokens == 0 && read?.costUSD == nil && read?.session == "")
  }

  @Test func daysAreUTC() {
    let midnight = Date(timeIntervalSince1970: 1_795_478_400)
    #expect(UsageLine.day(of: midnight) == "2026-11-24")
    #expect(UsageLine.day(of: midnight - 0.001) == "2026-11-23")
    #expect(UsageLine.day(of: Date(timeIntervalSince1970: 0)) == "1970-01-01")
    #expect(line.day == "2026-11-24")
  }
}
