import FoundationEssentials
import JSONText
import Testing

@testable import Commands

/// How numbers, times and tables read.
@Suite struct WordingTests {
  @Test(arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1234, "-1,234")])
  func `Thousands are set apart`(number: Int, text: String) {
    #expect(grouped(number) == text)
  }

  @Test(arguments: [
    (0, "0s"), (0.4, "0s"), (59.6, "1m"), (250, "4m 10s"), (3600, "1h"), (7500, "2h 5m"), (3601, "1h"),
    (273_600, "3d 4h"), (-5, "0s"),
  ])
  func `Spans have two units at most`(seconds: Double, text: String) {
    #expect(span(seconds) == text)
  }

  @Test func `Times are told from now`() {
    let now = Date(timeIntervalSince1970: 1_790_000_000)
    #expect(relative(now.addingTimeInterval(250), to: now) == "in 4m 10s")
    #expect(relative(now.addingTimeInterval(-250), to: now) == "4m 10s ago")
    #expect(relative(now.addingTimeInterval(0.5), to: now) == "now")
  }

  @Test func `A point in time is a span before now, a day or a time`() throws {
    let now = try #require(Date(rfc3339: "2026-11-24T12:00:00Z"))
    #expect(pointInTime("90s", now: now) == now.addingTimeInterval(-90))
    #expect(pointInTime("30m", now: now) == now.addingTimeInterval(-1800))
    #expect(pointInTime("1.5h", now: now) == now.addingTimeInterval(-5400))
    #expect(pointInTime("7d", now: now) == now.addingTimeInterval(-604_800))
    #expect(pointInTime("2026-11-24T11:00:00Z", now: now) == now.addingTimeInterval(-3600))
    #expect(pointInTime("2026-11-24T13:00:00.000+02:00", now: now) == now.addingTimeInterval(-3600))
    for wrong in ["", "d", "-1d", "yesterday", "2026-02-30", "2026-13-01", "24.11.2026"] {
      #expect(pointInTime(wrong, now: now) == nil, "\(wrong)")
    }
  }

  @Test func `A day begins at midnight where the machine is`() throws {
    let day = try #require(pointInTime("2026-11-24", now: Date()))
    #expect(localTime(day) == "2026-11-24 00:00:00")
  }

  @Test func `Columns line up, whatever alphabet they hold`() {
    var table = Table()
    table.add("日本", "x")
    table.add("é", "y")
    #expect(table.lines() == "日本  x\né     y\n")
  }

  @Test func `The elastic column gives way to a narrow terminal`() {
    var table = Table()
    table.add("12:00", "a title that is far too long for this", "name-1")
    table.add("12:01", "short", "name-2")
    #expect(
      table.lines(width: 30, elastic: 1) == """
        12:00  a title that i…  name-1
        12:01  short            name-2

        """)
  }

  @Test func `Paragraphs break at spaces`() {
    #expect(
      wrapped("one two three four five six\n\nseven", columns: 20)
        == "one two three four\nfive six\n\nseven\n")
  }
}
