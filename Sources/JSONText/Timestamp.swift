// JSON has no dates; this is how all files write them.
//
// Foundation's ISO 8601 style is not used: it cuts fractions off rather than rounding them, so that a time read and
// written again loses a millisecond, and takes hour 25 and whatever stands behind the time.

import FoundationEssentials

extension Date {
  /// RFC 3339 in UTC, rounded to milliseconds, such as `2026-11-24T12:00:00.000Z`. Times beyond the years 0 to 9999,
  /// which that form cannot hold, are written as the nearest one that it can.
  public var rfc3339: String {
    String(unsafeUninitializedCapacity: Self.lengthInRFC3339) { text in
      writeRFC3339(to: text)
      return Self.lengthInRFC3339
    }
  }

  fileprivate static let lengthInRFC3339 = 24

  /// Writes these bytes to the beginning of a buffer.
  fileprivate func writeRFC3339(to text: UnsafeMutableBufferPointer<UInt8>) {
    let earliest = -62_167_219_200_000.0
    let latest = 253_402_300_799_999.0
    let rounded = (timeIntervalSince1970 * 1000).rounded()
    let moment = Int(min(max(rounded.isNaN ? 0 : rounded, earliest), latest))
    let (days, millisecond) = moment.flooredDivision(by: 86_400_000)
    let date = CivilDate(daysSince1970: days)
    text.write(date.year, digits: 4, at: 0, before: "-")
    text.write(date.month, digits: 2, at: 5, before: "-")
    text.write(date.day, digits: 2, at: 8, before: "T")
    text.write(millisecond / 3_600_000, digits: 2, at: 11, before: ":")
    text.write(millisecond / 60_000 % 60, digits: 2, at: 14, before: ":")
    text.write(millisecond / 1000 % 60, digits: 2, at: 17, before: ".")
    text.write(millisecond % 1000, digits: 3, at: 20, before: "Z")
  }

  /// Reads RFC 3339, with or without fractions of a second, in any offset; the offset's colon may be missing.
  public init?(rfc3339 text: String) {
    var reader = DigitReader(rest: Array(text.utf8)[...])
    guard let year = reader.number(digits: 4), reader.skip("-"),
      let month = reader.number(digits: 2, in: 1...12), reader.skip("-"),
      let day = reader.number(digits: 2, in: 1...CivilDate.days(inMonth: month, of: year)),
      reader.skip("Tt "),
      let hour = reader.number(digits: 2, in: 0...23), reader.skip(":"),
      let minute = reader.number(digits: 2, in: 0...59), reader.skip(":"),
      // 60 is a leap second.
      let second = reader.number(digits: 2, in: 0...60)
    else { return nil }
    var fraction = 0.0
    if reader.skip(".") {
      guard let digits = reader.fraction() else { return nil }
      fraction = digits
    }
    var offset = 0
    if !reader.skip("Zz") {
      let isWest = reader.rest.first == UInt8(ascii: "-")
      guard reader.skip("+-"), let hours = reader.number(digits: 2, in: 0...23) else { return nil }
      _ = reader.skip(":")
      guard let minutes = reader.number(digits: 2, in: 0...59) else { return nil }
      offset = (hours * 60 + minutes) * (isWest ? -60 : 60)
    }
    guard reader.rest.isEmpty else { return nil }
    let days = CivilDate(year: year, month: month, day: day).daysSince1970
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    self.init(timeIntervalSince1970: Double(seconds) + fraction)
  }
}

/// A day of the proleptic Gregorian calendar.
private struct CivilDate {
  var year: Int
  var month: Int
  var day: Int

  static func days(inMonth month: Int, of year: Int) -> Int {
    switch month {
    case 4, 6, 9, 11: 30
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    default: 31
    }
  }

  // Both ways reckon in eras of 400 years that begin on 1 March, so that the leap day is a year's last.
  private static let daysOfEra = 146_097
  private static let daysFromMarchOfYear0To1970 = 719_468
}

extension CivilDate {
  init(daysSince1970 days: Int) {
    let (era, dayOfEra) = (days + Self.daysFromMarchOfYear0To1970).flooredDivision(by: Self.daysOfEra)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  }

  var daysSince1970: Int {
    let (era, yearOfEra) = (month <= 2 ? year - 1 : year).flooredDivision(by: 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * Self.daysOfEra + dayOfEra - Self.daysFromMarchOfYear0To1970
  }
}

extension Int {
  /// The quotient rounded down, and what is left, which is never negative.
  fileprivate func flooredDivision(by divisor: Int) -> (quotient: Int, rest: Int) {
    let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
    return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
  }
}

extension UnsafeMutableBufferPointer<UInt8> {
  /// Writes a number with leading zeros, and a mark behind it.
  fileprivate func write(_ number: Int, digits: Int, at start: Int, before mark: Unicode.Scalar) {
    var rest = number
    for position in stride(from: start + digits - 1, through: start, by: -1) {
      self[position] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
    self[start + digits] = UInt8(ascii: mark)
  }
}

/// Takes numbers of a fixed width from the front of a text.
private struct DigitReader {
  var rest: ArraySlice<UInt8>

  /// Takes one byte if it is one of these.
  mutating func skip(_ any: StaticString) -> Bool {
    guard let first = rest.first,
      UnsafeBufferPointer(start: any.utf8Start, count: any.utf8CodeUnitCount).contains(first)
    else { return false }
    rest.removeFirst()
    return true
  }

  mutating func number(digits: Int, in range: ClosedRange<Int> = 0...9999) -> Int? {
    var number = 0
    for _ in 0..<digits {
      guard let digit = digit() else { return nil }
      number = number * 10 + digit
    }
    return range.contains(number) ? number : nil
  }

  /// What stands behind the point, at least one digit; those beyond the fifteenth no longer count.
  mutating func fraction() -> Double? {
    var (number, scale, isEmpty) = (0.0, 1.0, true)
    while let digit = digit() {
      isEmpty = false
      guard scale < 1e15 else { continue }
      number = number * 10 + Double(digit)
      scale *= 10
    }
    return isEmpty ? nil : number / scale
  }

  private mutating func digit() -> Int? {
    guard let byte = rest.first, byte &- UInt8(ascii: "0") < 10 else { return nil }
    rest.removeFirst()
    return Int(byte - UInt8(ascii: "0"))
  }
}

extension ByteBuffer {
  /// Appends a moment as `Date.rfc3339` writes it.
  public mutating func append(_ moment: Date) {
    makeRoom(for: Date.lengthInRFC3339)
    moment.writeRFC3339(to: UnsafeMutableBufferPointer(start: start + count, count: Date.lengthInRFC3339))
    count &+= Date.lengthInRFC3339
  }
}
