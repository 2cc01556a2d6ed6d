// How numbers, times and sums are put into words.

import FoundationEssentials
import Glibc
import JSONText
import Observation
import Pipeline

/// `1,234,567`.
func grouped(_ number: Int) -> String {
  let digits = String(number.magnitude)
  var text = ""
  for (position, digit) in digits.enumerated() {
    if position > 0, (digits.count - position) % 3 == 0 { text += "," }
    text.append(digit)
  }
  return number < 0 ? "-" + text : text
}

/// `1 input`, `2 inputs`.
func counted(_ number: Int, _ noun: String) -> String {
  grouped(number) + " " + noun + (number == 1 ? "" : "s")
}

/// A number with this many digits behind the point, rounded to nearest.
func decimal(_ number: Double, places: Int) -> String {
  guard number.isFinite, number.magnitude < 1e12 else { return "?" }
  let scale = (0..<places).reduce(1) { value, _ in value * 10 }
  let units = Int((number.magnitude * Double(scale)).rounded())
  let sign = number < 0 && units > 0 ? "-" : ""
  guard places > 0 else { return sign + grouped(units) }
  let fraction = String(units % scale)
  let zeros = String(repeating: "0", count: places - fraction.count)
  return sign + grouped(units / scale) + "." + zeros + fraction
}

/// `2,500 tokens in (2,000 cached), 120 out, $0.0042`.
func inWords(_ usage: Record.Usage) -> String {
  let cached = usage.cachedTokens > 0 ? " (\(grouped(usage.cachedTokens)) cached)" : ""
  let cost = usage.costUSD.map { ", " + dollars($0) + (usage.estimated ? " estimated" : "") } ?? ""
  return "\(counted(usage.inputTokens, "token")) in\(cached), \(grouped(usage.outputTokens)) out\(cost)"
}

/// What a pause is, since when and until when; its message apart.
func inWords(_ pause: Pause, now: Date) -> String {
  let status = pause.status.map { " \($0)" } ?? ""
  let next = pause.until > now ? relative(pause.until, to: now) : "when something is due"
  return "\(Printable.line(pause.provider)): \(pause.failureClass.rawValue)\(status), "
    + "since \(localTime(pause.since)), next call \(next)"
}

/// A span in its two largest units: `8s`, `4m 10s`, `2h 5m`, `3d 4h`.
func span(_ seconds: Double) -> String {
  let whole = Int(min(max(seconds, 0), 1e10).rounded())
  let (days, hours, minutes) = (whole / 86400, whole / 3600 % 24, whole / 60 % 60)
  let units = [(days, "d"), (hours, "h"), (minutes, "m"), (whole % 60, "s")]
  guard let first = units.firstIndex(where: { $0.0 > 0 }) else { return "0s" }
  let shown = units[first...].prefix(2).filter { $0.0 > 0 }
  return shown.map { "\($0.0)\($0.1)" }.joined(separator: " ")
}

/// `in 4m 10s`, `2h 5m ago`, or `now` within a second.
func relative(_ date: Date, to now: Date) -> String {
  let seconds = date.timeIntervalSince(now)
  if seconds >= 1 { return "in " + span(seconds) }
  if seconds <= -1 { return span(-seconds) + " ago" }
  return "now"
}

/// `2026-11-24 14:03:07` in the time zone of the machine or of `$TZ`.
func localTime(_ date: Date, seconds: Bool = true) -> String {
  var instant = time_t(date.timeIntervalSince1970.rounded(.down))
  var parts = tm()
  guard localtime_r(&instant, &parts) != nil else { return "?" }
  func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
  let day = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
  let minute = "\(two(parts.tm_hour)):\(two(parts.tm_min))"
  return "\(day) \(minute)" + (seconds ? ":" + two(parts.tm_sec) : "")
}

/// A point in time as a person types it: `90s`, `30m`, `12h`, `7d`, `2w` before now; a date, which begins at
/// midnight in the time zone of the machine; or an RFC 3339 time. Nil for anything else.
func pointInTime(_ text: String, now: Date) -> Date? {
  let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800]
  if let unit = text.last.flatMap({ units[$0] }), let number = Double(text.dropLast()), number >= 0 {
    return now.addingTimeInterval(-number * unit)
  }
  if let date = calendarDay(text) { return date }
  return Date(rfc3339: text)
}

/// The local midnight at which the day `YYYY-MM-DD` begins.
private func calendarDay(_ text: String) -> Date? {
  let fields = text.split(separator: "-", omittingEmptySubsequences: false)
  guard fields.count == 3, fields[0].count == 4, fields[1].count == 2, fields[2].count == 2,
    let year = Int32(fields[0]), let month = Int32(fields[1]), let day = Int32(fields[2]),
    (1...12).contains(month), (1...31).contains(day)
  else { return nil }
  var parts = tm()
  (parts.tm_year, parts.tm_mon, parts.tm_mday, parts.tm_isdst) = (year - 1900, month - 1, day, -1)
  let instant = mktime(&parts)
  guard instant != -1, parts.tm_mday == day else { return nil }
  return Date(timeIntervalSince1970: Double(instant))
}
