import Glibc
import Pipeline
import Threads

/// Where a command's results go: standard output, or a buffer in tests. It is written to in large pieces.
///
/// SIGPIPE is ignored by the program, so a reader that has gone is seen here and ends the command in silence.
final class Output {
  private let descriptor: Int32
  private var buffer: [UInt8] = []

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Whether a person looks at it.
  var isTerminal: Bool { isatty(descriptor) == 1 }

  /// The terminal's width in columns; nil where the output is none.
  var columns: Int? {
    guard isTerminal else { return nil }
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Writes text as it is. Text from elsewhere goes through `Printable` first.
  func write(_ text: String) throws(CommandError) { try write(bytes: Array(text.utf8)) }

  func write(bytes: [UInt8]) throws(CommandError) {
    buffer += bytes
    if buffer.count >= 1 << 16 { try flush() }
  }

  /// - Throws: ``CommandError/readerGone``, or a failure that names what is wrong with standard output.
  func flush() throws(CommandError) {
    defer { buffer.removeAll(keepingCapacity: true) }
    guard let code = writeAll(buffer, to: descriptor) else { return }
    throw code == EPIPE ? .readerGone : CommandError("write to", "standard output", errno: code)
  }
}

/// Writes all bytes. The error's code, or nil.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if count > 0 {
      rest = rest.dropFirst(count)
    } else if errno == EAGAIN {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      poll(&waiting, 1, -1)
    } else if errno != EINTR {
      return errno
    }
  }
  return nil
}

/// Reads all of a descriptor, but no more than `limit` bytes and one, which tells the caller that it is more.
func readAll(_ descriptor: Int32, limit: Int) -> Result<[UInt8], SystemError> {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while bytes.count <= limit {
    let room = min(chunk.count, limit + 1 - bytes.count)
    let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, room) }
    if count == 0 { break }
    if count > 0 {
      bytes += chunk[..<count]
    } else if errno == EAGAIN {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      poll(&waiting, 1, -1)
    } else if errno != EINTR {
      return .failure(SystemError(code: errno))
    }
  }
  return .success(bytes)
}

/// An error number of the operating system.
struct SystemError: Error {
  let code: Int32
}

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

  /// Draws the progress line in the place of the one before.
  func show(progress line: String) {
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
