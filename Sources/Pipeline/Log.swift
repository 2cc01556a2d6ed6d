import JSONText

/// What the processor says while it works: one line a message, for people and for the journal.
///
/// Where the journal reads, each line starts with its priority as `<N>` (sd-daemon(3)); elsewhere errors,
/// warnings and hints are marked with a word.
public struct Log: Sendable {
  /// The priorities of syslog(3) that are used.
  public enum Level: Int, Sendable, Comparable {
    case error = 3
    case warning = 4
    case notice = 5
    case info = 6

    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  private let journal: Bool
  private let least: Level
  private let write: @Sendable (String) -> Void

  /// - Parameters:
  ///   - journal: Whether the systemd journal reads, so that priorities are written as `<N>`.
  ///   - least: The least important level that is written.
  ///   - write: Takes one line, without its end.
  public init(journal: Bool, upTo least: Level = .info, write: @escaping @Sendable (String) -> Void) {
    self.journal = journal
    self.least = least
    self.write = write
  }

  public func error(_ message: @autoclosure () -> String) { say(.error, message) }
  public func warning(_ message: @autoclosure () -> String) { say(.warning, message) }
  public func notice(_ message: @autoclosure () -> String) { say(.notice, message) }
  public func info(_ message: @autoclosure () -> String) { say(.info, message) }

  private func say(_ level: Level, _ message: () -> String) {
    guard level <= least else { return }
    write(prefix(level) + Printable.line(message()))
  }

  private func prefix(_ level: Level) -> String {
    if journal { return "<\(level.rawValue)>" }
    switch level {
    case .error: return "error: "
    case .warning: return "warning: "
    case .notice, .info: return ""
    }
  }
}

/// Text made fit for a terminal or a log line.
public enum Printable {
  /// `text` on one line: control characters and bidirectional marks are shown as escapes, so that what a
  /// model or a producer wrote can neither move the cursor nor reorder what is read.
  public static func line(_ text: String) -> String {
    // Nearly all lines are ASCII.
    if text.withUTF8Bytes({ $0.allSatisfy { (0x20..<0x7F).contains($0) } }) { return text }
    guard text.unicodeScalars.contains(where: isHostile) else { return text }
    var shown = ""
    for scalar in text.unicodeScalars {
      guard isHostile(scalar) else {
        shown.unicodeScalars.append(scalar)
        continue
      }
      switch scalar {
      case "\n": shown += "\\n"
      case "\t": shown += "\\t"
      case "\r": shown += "\\r"
      default: shown += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      }
    }
    return shown
  }

  /// As `line`, but line ends and tabs stay.
  public static func text(_ text: String) -> String {
    // CR LF is one character to Swift, which neither of the two alone would find.
    text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
      .map {
        $0.split(separator: "\t", omittingEmptySubsequences: false).map { line(String($0)) }.joined(
          separator: "\t")
      }
      .joined(separator: "\n")
  }

  private static func isHostile(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0: true
    case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
    case 0x2028, 0x2029, 0xFEFF: true
    default: false
    }
  }
}
