// The HTTP client: what a call and its answer are, and how a task waits for one.

import CLibcurl
import JSONText
import Threads

/// An HTTP client on libcurl's multi interface, which keeps connections alive and shares them among all calls.
///
/// One thread of its own drives all transfers; it starts with the first call, before which libcurl is not even
/// loaded, and ends when nobody holds the client. It does what libcurl does by default about proxies
/// (`https_proxy`, `no_proxy`, …), except that loopback is never asked through one. It follows no redirect, reads
/// no netrc and keeps no cookie.
public final class HTTPClient: Sendable {
  /// What is asked of a server.
  struct Call: Sendable {
    let base: BaseURL
    /// What is put behind the base, such as `/chat/completions`.
    let path: String
    /// Lines such as `Content-Type: application/json`.
    let headers: [String]
    /// The body to post; nil for a GET. A long one is sent from where its parts stand: while many calls wait for their
    /// answers, it takes little memory of its own.
    let body: SplicedBytes?
    /// Seconds from the call to the end of its answer.
    let timeout: Double
  }

  /// What a server answered, whatever the status.
  struct Answer: Sendable {
    let status: Int
    let headers: HeaderFields
    /// The body, decompressed.
    let body: [UInt8]
    /// Seconds that the call waited for others before it was made.
    var waited = 0.0

    var isSuccess: Bool { (200..<300).contains(status) }
  }

  /// What a server may at most make us wait for or keep.
  struct Limits: Sendable {
    /// Bytes of a body, also after decompression.
    var body = 8 << 20
    /// Bytes of all header lines, those of interim answers included.
    var head = 64 << 10
    /// Seconds until a connection stands, its TLS handshake included.
    var connecting = 10.0
    /// A file of certificates to trust in place of the system's.
    var trustedCertificates: String?
  }

  private let driver: HTTPDriver

  /// - Parameter waking: Calls what it is given when those who make calls have made all they will for now: those are
  ///   sent together. While calls are under way one may leave earlier.
  public convenience init(waking: @escaping Deferring = { $0() }) {
    self.init(limits: Limits(), waking: waking)
  }

  init(limits: Limits, waking: @escaping Deferring = { $0() }) {
    driver = HTTPDriver(limits: limits, waking: waking)
  }

  deinit { driver.stop() }

  /// Has at most so many calls made at once. More wait their turn, in order, and each is made as soon as another has
  /// been answered; their time begins then. Where one fails those that wait are not made, and end with
  /// the error `ProviderError.withdrawn`.
  public func limit(to calls: Int) { driver.limit(to: calls) }

  /// Makes a call and waits for the whole answer; ends at once when the task is cancelled.
  func send(_ call: Call) async throws(HTTPFailure) -> Answer {
    let id = driver.nextID()
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        driver.start(HTTPDriver.Job(id: id, call: call, continuation: continuation))
        // The handler below may have run before there was anything to cancel.
        if Task.isCancelled { driver.cancel(id) }
      }
    } onCancel: {
      driver.cancel(id)
    }
    return try outcome.get()
  }
}

/// A call that ended without an answer.
struct HTTPFailure: Error, Sendable, Equatable {
  enum Cause: Sendable {
    case cancelled
    /// It was not made.
    case withdrawn
    /// The network or the server: it may pass.
    case connection
    /// Something on this machine that a person must mend.
    case installation
  }

  let cause: Cause
  /// What happened, in words for a person.
  let message: String

  static let cancelled = HTTPFailure(cause: .cancelled, message: "the call was cancelled")
  static let withdrawn = HTTPFailure(cause: .withdrawn, message: "the call was not made")
}

/// The header lines of an answer, as they came.
struct HeaderFields: Sendable {
  var bytes: [UInt8] = []

  /// The value of the first header of a name, whatever the case of the name.
  subscript(name: String) -> String? {
    let wanted = Array(name.lowercased().utf8)
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon - line.startIndex == wanted.count,
        zip(line, wanted).allSatisfy({ ($0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0) == $1 })
      else { continue }
      return String(decoding: line[(colon + 1)...], as: UTF8.self).trimmingWhitespace()
    }
    return nil
  }
}
