// When a server asks to be asked again.

import FoundationEssentials
import JSONText

/// Reads the times that servers name, all of them in seconds from now.
struct RetryHint {
  let headers: HeaderFields
  let error: ErrorBody
  let now: Date

  /// The hint, if there is one; the more direct forms count first.
  ///
  /// - Parameter isLimit: Whether it was a limit that failed the call. Many servers tell when their limits are
  ///   reset with every answer, which says nothing about other failures.
  func seconds(ofLimit isLimit: Bool) -> Double? {
    retryAfter() ?? error.retryDelay ?? (isLimit ? rateLimitReset() ?? anthropicReset() : nil)
  }

  /// `Retry-After` of RFC 9110, section 10.2.3: seconds, or a date.
  private func retryAfter() -> Double? {
    guard let text = value("retry-after") else { return nil }
    if let seconds = Double(text) { return seconds.isFinite && seconds >= 0 ? seconds : nil }
    return HTTPDate.parse(text).map { $0.timeIntervalSince(now) }
  }

  /// `X-RateLimit-Reset` where it is a time: milliseconds since 1970 at OpenRouter, seconds at others.
  private func rateLimitReset() -> Double? {
    guard let number = value("x-ratelimit-reset").flatMap(Double.init), number.isFinite, number > 1e9
    else { return nil }
    return (number > 1e11 ? number / 1000 : number) - now.timeIntervalSince1970
  }

  /// `anthropic-ratelimit-…-reset`, RFC 3339: the last of the limits that are used up, or else the first of all.
  private func anthropicReset() -> Double? {
    var exhausted: [Double] = []
    var all: [Double] = []
    for limit in ["requests", "tokens", "input-tokens", "output-tokens"] {
      let name = "anthropic-ratelimit-\(limit)"
      guard let date = value("\(name)-reset").flatMap(HTTPDate.parseRFC3339) else { continue }
      all.append(date.timeIntervalSince(now))
      if value("\(name)-remaining") == "0" { exhausted.append(date.timeIntervalSince(now)) }
    }
    return exhausted.max() ?? all.min()
  }

  private func value(_ name: String) -> String? {
    if let value = headers[name] { return value }
    guard let value = error.headers.first(where: { $0.key.lowercased() == name })?.value else { return nil }
    if case .number(let text) = value { return text }
    return value.string
  }
}

/// The forms of dates in HTTP headers.
enum HTTPDate {
  /// Reads the three forms of RFC 9110, section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94
  /// 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`. The day of the week is not looked at.
  static func parse(_ text: String) -> Date? {
    var words = text.split(whereSeparator: { " ,-".contains($0) }).map(String.init)
    guard words.count >= 5, words.removeFirst().allSatisfy(\.isLetter) else { return nil }
    // The form of C's asctime has the month before the day, and the year last.
    if words[0].first?.isLetter == true {
      words.swapAt(0, 1)
      words.swapAt(2, 3)
    }
    let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    let clock = words[3].split(separator: ":").compactMap { Int($0) }
    guard let day = Int(words[0]), let month = months.firstIndex(of: words[1].lowercased()),
      var year = Int(words[2]), clock.count == 3, (1...31).contains(day), (0..<10_000).contains(year),
      (0..<24).contains(clock[0]), (0..<60).contains(clock[1]), (0...60).contains(clock[2])
    else { return nil }
    if words[2].count == 2 { year += year < 70 ? 2000 : 1900 }
    let seconds = clock[0] * 3600 + clock[1] * 60 + clock[2]
    return Date(timeIntervalSince1970: Double(daysSince1970(year, month + 1, day) * 86_400 + seconds))
  }

  /// Reads `2026-11-24T12:00:00Z`, with or without a fraction, with `Z` or an offset.
  static func parseRFC3339(_ text: String) -> Date? {
    let fraction = text.split(separator: ".", maxSplits: 1)
    var plain = text
    if fraction.count == 2 { plain = String(fraction[0] + fraction[1].drop(while: \.isNumber)) }
    return try? Date(plain, strategy: .iso8601)
  }

  /// The days from 1970-01-01 to a day of the Gregorian calendar.
  private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
    // Years that begin in March have their leap day at the end.
    let shifted = month > 2 ? year : year - 1
    let monthFromMarch = (month + 9) % 12
    let leapDays = shifted / 4 - shifted / 100 + shifted / 400
    return shifted * 365 + leapDays + (monthFromMarch * 153 + 2) / 5 + day - 1 - 719_468
  }
}
