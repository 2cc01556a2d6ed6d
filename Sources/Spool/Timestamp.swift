// A point in time as a file's name.
import Glibc

enum Timestamp {
  /// `20261124T120000.000000000Z`, in UTC, which sorts by time.
  static func sortable(nanoseconds: Int64) -> String {
    var (seconds, rest) = Int(nanoseconds).quotientAndRemainder(dividingBy: 1_000_000_000)
    var time = tm()
    gmtime_r(&seconds, &time)
    let date =
      padded(Int(time.tm_year) + 1900, 4) + padded(Int(time.tm_mon) + 1, 2) + padded(Int(time.tm_mday), 2)
    let clock = padded(Int(time.tm_hour), 2) + padded(Int(time.tm_min), 2) + padded(Int(time.tm_sec), 2)
    return "\(date)T\(clock).\(padded(rest, 9))Z"
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
