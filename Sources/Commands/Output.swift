import Glibc

/// Where a command's results go: standard output, written to in large pieces.
///
/// SIGPIPE is ignored by the program, so a reader that has gone is seen here and ends the command in silence.
final class Output {
  private let descriptor: Int32
  private var buffer: [UInt8] = []

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// The terminal's width in columns; nil where the output is none.
  var columns: Int? { terminalColumns(descriptor) }

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

extension Output {
  /// Writes text without waiting for more. False if there is no reader any more.
  func writeAtOnce(_ text: String) throws(CommandError) -> Bool {
    do throws(CommandError) {
      try write(text)
      try flush()
      return true
    } catch {
      guard error == .readerGone else { throw error }
      return false
    }
  }
}

/// The width of a terminal in columns, 80 where it does not say; nil for what is no terminal.
func terminalColumns(_ descriptor: Int32) -> Int? {
  guard isatty(descriptor) == 1 else { return nil }
  var size = winsize()
  guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
  return Int(size.ws_col)
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
