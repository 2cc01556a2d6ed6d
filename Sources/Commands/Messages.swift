import Glibc
import Pipeline
import Threads

/// Standard error, shared by messages, the log and the progress line, which is taken away before a message and
/// drawn again behind it.
final class Messages: Sendable {
  private let descriptor: Int32
  private let progress = Locked("")
  /// Whether a person looks at it, so that progress is worth showing.
  let isTerminal: Bool

  init(descriptor: Int32) {
    self.descriptor = descriptor
    isTerminal = isatty(descriptor) == 1
  }

  /// Whether the systemd journal reads standard error: `$JOURNAL_STREAM` names its device and inode (systemd.exec(5)).
  /// The variable alone is no sign, since it is inherited by what redirects its streams.
  func isJournal(_ variable: String?) -> Bool {
    var status = stat()
    guard let variable, fstat(descriptor, &status) == 0 else { return false }
    return variable == "\(status.st_dev):\(status.st_ino)"
  }

  /// Writes lines, whole, whatever other threads write.
  func write(_ text: String) {
    let lines = text.hasSuffix("\n") ? text : text + "\n"
    progress.withLock { [descriptor] progress in
      // An error is passed over: there is no other place where it could be told.
      let text = progress.isEmpty ? lines : "\r\u{1B}[K" + lines + progress
      _ = writeAll(Array(text.utf8), to: descriptor)
    }
  }

  /// Draws the progress line in the place of the one before. A line that the terminal would break is cut.
  func show(progress line: String) {
    let line = shortened(line, toColumns: (terminalColumns(descriptor) ?? 80) - 1)
    progress.withLock { [descriptor] progress in
      progress = line
      _ = writeAll(Array(("\r\u{1B}[K" + line).utf8), to: descriptor)
    }
  }

  /// Leaves the progress line as it stands and goes on below it.
  func endProgress() {
    progress.withLock { [descriptor] progress in
      if !progress.isEmpty { _ = writeAll(Array("\n".utf8), to: descriptor) }
      progress = ""
    }
  }

  func warning(_ message: String) { write("warning: " + Printable.line(message)) }

  func error(_ message: String, hint: String? = nil) {
    write(
      "error: " + Printable.line(message) + "\n" + (hint.map { "hint: " + Printable.line($0) + "\n" } ?? ""))
  }
}
