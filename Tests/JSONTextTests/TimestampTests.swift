import Foundation
import JSONText
import TestSupport
import Testing

@Suite struct TimestampTests {
  @Test func writesUTCWithMilliseconds() {
    #expect(Date(timeIntervalSince1970: 1_795_521_600).rfc3339 == "2026-11-24T12:00:00.000Z")
    #expect(Date(timeIntervalSince1970: 0).rfc3339 == "1970-01-01T00:00:00.000Z")
    #expect(Date(timeIntervalSince1970: 951_782_400).rfc3339 == "2000-02-29T00:00:00.000Z")
    #expect(Date(timeIntervalSince1970: -0.001).rfc3339 == "1969-12-31T23:59:59.999Z")
    #expect(Date(timeIntervalSince1970: 0.9996).rfc3339 == "1970-01-01T00:00:01.000Z")
  }

  @Test func standsInABufferAsInAText() {
    var buffer = ByteBuffer()
    var texts = ""
    for hour in 0..<1000 {
      let moment = Date(timeIntervalSince1970: Double(hour) * 3600.125)
      buffer.append(moment)
      texts += moment.rfc3339
    }
    #expect(buffer.bytes == Array(texts.utf8))
  }

  @Test func holdsWhatTheFormCannot() {
    #expect(Date.distantFuture.rfc3339 == "4001-01-01T00:00:00.000Z")
    #expect(Date(timeIntervalSince1970: 1e300).rfc3339 == "9999-12-31T23:59:59.999Z")
    #expect(Date(timeIntervalSince1970: -1e300).rfc3339 == "0000-01-01T00:00:00.000Z")
    #expect(Date(timeIntervalSince1970: .nan).rfc3339.hasSuffix("Z"))
  }

  @Test func agreesWithFoundationsCalendar() throws {
    let style = Date.ISO8601FormatStyle()
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<2000 {
      // The years 1600 to 9999.
      let date = Date(
        timeIntervalSince1970: Double(Int.random(in: -11_676_096_000..<253_402_300_800, using: &generator)))
      #expect(date.rfc3339 == date.formatted(style).dropLast() + ".000Z")
      #expect(Date(rfc3339: date.rfc3339) == date)
    }
  }

  /// A record that is read and written again must not creep.
  @Test func keepsEachMillisecondThroughReadingAndWriting() throws {
    for start in [0, 1_795_521_600, 4_102_444_799] {
      for millisecond in 0..<1000 {
        let digits = "00\(millisecond)".suffix(3)
        let second = Date(timeIntervalSince1970: Double(start)).rfc3339.dropLast(4)
        let text = "\(second)\(digits)Z"
        #expect(try #require(Date(rfc3339: text)).rfc3339 == text)
      }
    }
  }

  @Test(arguments: [
    "2026-11-24T12:00:00Z", "2026-11-24T12:00:00.000Z", "2026-11-24T12:00:00+00:00",
    "2026-11-24T13:00:00+01:00",
    "2026-11-24T07:00:00-05:00", "2026-11-24T17:30:00+05:30", "2026-11-24T12:00:00.0Z",
    "2026-11-24T12:00:00.000000+00:00", "2026-11-24T12:00:00.000000000Z", "2026-11-24t12:00:00z",
    "2026-11-24 12:00:00Z", "2026-11-24T13:00:00+0100", "2026-11-24T11:59:60Z", "2026-11-25T00:30:00+12:30",
    "2026-11-24T12:00:00.000000000000000000000000000000000001Z",
  ])
  func readsAnyOffset(text: String) {
    #expect(Date(rfc3339: text) == Date(timeIntervalSince1970: 1_795_521_600))
  }

  @Test(arguments: [
    ("2026-11-24T12:00:00.5Z", 0.5), ("2026-11-24T12:00:00.123456Z", 0.123456),
    ("2026-11-24T12:00:00.123456789Z", 0.123456789), ("2026-11-24T13:00:00.25+01:00", 0.25),
  ])
  func readsFractions(text: String, fraction: Double) throws {
    let date = try #require(Date(rfc3339: text))
    #expect(abs(date.timeIntervalSince1970 - 1_795_521_600 - fraction) < 1e-6)
  }

  @Test(arguments: [
    "", "now", "2026-11-24", "2026-11-24T12:00:00", "12:00:00Z", "2026-11-24T25:00:00Z",
    "2026-13-24T12:00:00Z",
    "2026-11-24T12:00:00Zjunk", "2026-11-24T12:61:00Z", "1795521600", "2026-02-29T12:00:00Z",
    "2026-04-31T12:00:00Z", "2026-00-10T12:00:00Z", "2026-11-24T12:00:00.Z", "2026-11-24T12:00:00+1",
    " 2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z ", "+026-11-24T12:00:00Z", "2026-11-24T12:00:00+24:00",
  ])
  func refusesWhatIsNoMoment(text: String) {
    #expect(Date(rfc3339: text) == nil)
  }
}
