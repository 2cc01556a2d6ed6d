// JSON has no dates; this is how all files write them.

import FoundationEssentials

extension Date {
  /// RFC 3339 in UTC with milliseconds, such as `2026-11-24T12:00:00.000Z`.
  public var rfc3339: String { formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }

  /// Reads RFC 3339, with or without fractions of a second, in any offset.
  public init?(rfc3339 text: String) {
    if let date = try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text) {
      self = date
    } else if let date = try? Date.ISO8601FormatStyle().parse(text) {
      self = date
    } else {
      return nil
    }
  }
}
