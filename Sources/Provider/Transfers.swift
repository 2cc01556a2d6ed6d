// The transfers that a driver has under way, each on a libcurl handle that is used again for the next.

import CLibcurl
import Glibc
import JSONText
import Threads

/// The transfers of one multi handle; used on its thread alone.
struct Transfers {
  private let libcurl: Libcurl
  private let multi: Libcurl.Multi
  private let limits: HTTPClient.Limits
  private var active: [UInt64: Transfer] = [:]
  private var idle: [Transfer] = []
  /// Calls that wait for others, and since when.
  private var waiting: [(job: HTTPDriver.Job, since: UInt64)] = []
  /// How many may be under way.
  var most = Int.max

  init(libcurl: Libcurl, multi: Libcurl.Multi, limits: HTTPClient.Limits) {
    self.libcurl = libcurl
    self.multi = multi
    self.limits = limits
  }

  /// Makes a call, or has it wait its turn.
  mutating func add(_ job: HTTPDriver.Job) {
    if active.count < most, waiting.isEmpty {
      start(job, waited: 0)
    } else {
      waiting.append((job, monotonicNanoseconds()))
    }
  }

  /// Makes calls that wait, in order, as many as may be under way.
  mutating func startWaiting() {
    let free = min(most - active.count, waiting.count)
    guard free > 0 else { return }
    let now = monotonicNanoseconds()
    for (job, since) in waiting.prefix(free) { start(job, waited: Double(now - since) / 1e9) }
    waiting.removeFirst(free)
  }

  private mutating func withdrawWaiting() {
    for (job, _) in waiting { job.continuation.resume(returning: .failure(.withdrawn)) }
    waiting.removeAll()
  }

  private mutating func start(_ job: HTTPDriver.Job, waited: Double) {
    let failure = HTTPFailure(cause: .connection, message: "there is no memory left for a request")
    guard let transfer = idle.popLast() ?? Transfer(libcurl: libcurl, limits: limits) else {
      return job.continuation.resume(returning: .failure(failure))
    }
    guard transfer.begin(job, waited: waited), libcurl.add(transfer.easy, to: multi) else {
      return transfer.end(.failure(failure))
    }
    active[job.id] = transfer
  }

  /// Ends a transfer, if it has not ended already.
  mutating func cancel(_ id: UInt64) {
    guard let transfer = active.removeValue(forKey: id) else {
      guard let index = waiting.firstIndex(where: { $0.job.id == id }) else { return }
      return waiting.remove(at: index).job.continuation.resume(returning: .failure(.cancelled))
    }
    libcurl.remove(transfer.easy, from: multi)
    transfer.end(.failure(.cancelled))
    idle.append(transfer)
  }

  /// Ends the transfers that are done, and makes calls that wait in their place; but withdraws these where one of those
  /// failed, since it may tell that no more are to be made.
  mutating func finishDone() {
    var isFailed = false
    while let (easy, result) = libcurl.nextDone(multi) {
      libcurl.remove(easy, from: multi)
      guard let context = libcurl.context(easy) else { continue }
      let transfer = Transfer.at(context)
      if let id = transfer.id { active.removeValue(forKey: id) }
      let outcome = transfer.outcome(of: result)
      if case .success(let answer) = outcome, answer.isSuccess {} else { isFailed = true }
      transfer.end(outcome)
      idle.append(transfer)
    }
    if isFailed { withdrawWaiting() }
    startWaiting()
  }

  /// Ends every transfer and frees the handles.
  mutating func end() {
    for id in waiting.map(\.job.id) + active.keys { cancel(id) }
    idle.removeAll()
  }
}

/// One libcurl handle and what it receives.
final class Transfer {
  let easy: Libcurl.Easy
  private let libcurl: Libcurl
  private let limits: HTTPClient.Limits
  private let errorText: UnsafeMutablePointer<CChar>
  private var job: HTTPDriver.Job?
  private var waited = 0.0
  /// The header lines that `headers` holds for libcurl, from the last call to the next, which mostly has the same.
  private var headerLines: [String] = []
  private var headers: Libcurl.List?
  private var head = HeaderFields()
  private var headBytes = 0
  private var body: [UInt8] = []
  /// A short request body in one piece, as libcurl takes it.
  private var joined: WrittenBytes?
  /// How far a long one has been read.
  private var position = SplicedBytes.Position()
  private var excess: String?

  /// The number of the call under way.
  var id: UInt64? { job?.id }

  init?(libcurl: Libcurl, limits: HTTPClient.Limits) {
    guard let easy = libcurl.makeEasy() else { return nil }
    self.easy = easy
    self.libcurl = libcurl
    self.limits = limits
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit {
    libcurl.free(easy: easy)
    libcurl.free(list: headers)
    errorText.deallocate()
  }

  /// The transfer that libcurl was told of as the context of its calls.
  static func at(_ context: UnsafeMutableRawPointer) -> Transfer {
    Unmanaged.fromOpaque(context).takeUnretainedValue()
  }

  /// Sets what is the same for every call.
  private func setUp() {
    // Without it libcurl counts over all of a handle's calls how often it has sent one again because the server
    // closed an idle connection at that moment, and stops doing so at the fifth.
    libcurl.reset(easy)
    let context = Unmanaged.passUnretained(self).toOpaque()
    libcurl.set(easy, CURLOPT_PRIVATE, pointer: context)
    libcurl.set(easy, CURLOPT_ERRORBUFFER, pointer: errorText)
    libcurl.set(easy, CURLOPT_WRITEDATA, pointer: context)
    libcurl.set(easy, CURLOPT_HEADERDATA, pointer: context)
    libcurl.set(
      easy, CURLOPT_WRITEFUNCTION,
      sink: { bytes, _, count, context in
        guard let bytes, let context else { return 0 }
        let received = UnsafeRawBufferPointer(start: bytes, count: count)
        return Transfer.at(context).take(body: received) ? count : 0
      })
    libcurl.set(
      easy, CURLOPT_HEADERFUNCTION,
      sink: { bytes, _, count, context in
        guard let bytes, let context else { return 0 }
        let received = UnsafeRawBufferPointer(start: bytes, count: count)
        return Transfer.at(context).take(header: received) ? count : 0
      })
    libcurl.keepSocketsFromChildren(easy)
    libcurl.set(easy, CURLOPT_NOSIGNAL, 1)
    libcurl.set(easy, CURLOPT_PROTOCOLS_STR, "http,https")
    libcurl.set(easy, CURLOPT_FOLLOWLOCATION, 0)
    libcurl.set(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    libcurl.set(easy, CURLOPT_SSL_VERIFYPEER, 1)
    libcurl.set(easy, CURLOPT_SSL_VERIFYHOST, 2)
    libcurl.set(easy, CURLOPT_ACCEPT_ENCODING, "gzip")
    libcurl.set(easy, CURLOPT_MAXFILESIZE_LARGE, large: limits.body)
    libcurl.set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    libcurl.set(easy, CURLOPT_TCP_KEEPALIVE, 1)
    libcurl.set(easy, CURLOPT_USERAGENT, "obspool")
    if let file = limits.trustedCertificates { libcurl.set(easy, CURLOPT_CAINFO, file) }
  }

  /// Sets what is this call's own; false where there is no memory.
  func begin(_ job: HTTPDriver.Job, waited: Double) -> Bool {
    let call = job.call
    self.job = job
    self.waited = waited
    setUp()
    guard libcurl.set(easy, CURLOPT_URL, call.base.text + call.path) else { return false }
    guard headers != nil && call.headers == headerLines || makeList(of: call.headers) else { return false }
    libcurl.set(easy, CURLOPT_HTTPHEADER, pointer: headers)
    if let body = call.body {
      libcurl.set(easy, CURLOPT_POST, 1)
      libcurl.set(easy, CURLOPT_POSTFIELDSIZE_LARGE, large: body.count)
      if body.count < Self.longestJoined {
        let whole = body.joined()
        libcurl.set(
          easy, CURLOPT_POSTFIELDS, pointer: UnsafeMutableRawPointer(mutating: whole.contents.baseAddress))
        joined = whole
      } else {
        readBody()
      }
    } else {
      libcurl.set(easy, CURLOPT_HTTPGET, 1)
    }
    libcurl.set(easy, CURLOPT_TIMEOUT_MS, milliseconds(call.timeout))
    libcurl.set(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(min(limits.connecting, call.timeout)))
    let version = call.base.isSecure ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1
    libcurl.set(easy, CURLOPT_HTTP_VERSION, version)
    // Where one connection may carry many calls, they wait for it rather than make one each.
    libcurl.set(easy, CURLOPT_PIPEWAIT, call.base.isSecure ? 1 : 0)
    // The empty text means none at all; nil, what the environment says.
    libcurl.set(easy, CURLOPT_PROXY, call.base.isLoopback ? "" : nil)
    errorText[0] = 0
    return true
  }

  /// Over HTTP/1.1 libcurl copies a body of less than this behind its header lines and sends both at once, but takes
  /// a longer one piece by piece in any case.
  private static let longestJoined = 64 << 10

  /// Has libcurl read the body from where its parts stand, from the beginning each time that it sends it.
  ///
  /// It asks for that beginning where it knows that it has sent something before. But it also sends anew where it has
  /// read and not sent, when a connection ends whose window was full. So each sending begins with a call of ours.
  private func readBody() {
    let context = Unmanaged.passUnretained(self).toOpaque()
    libcurl.set(easy, CURLOPT_READDATA, pointer: context)
    libcurl.set(
      easy, CURLOPT_READFUNCTION,
      sink: { start, size, count, context in
        guard let start, let context else { return 0 }
        let room = UnsafeMutableRawBufferPointer(start: start, count: size * count)
        return Transfer.at(context).give(to: room)
      })
    libcurl.set(easy, CURLOPT_PREREQDATA, pointer: context)
    libcurl.set(
      easy,
      beforeSending: { context, _, _, _, _ in
        guard let context else { return CURL_PREREQFUNC_ABORT }
        Transfer.at(context).rewind()
        return CURL_PREREQFUNC_OK
      })
    libcurl.set(easy, CURLOPT_SEEKDATA, pointer: context)
    libcurl.set(
      easy,
      seek: { context, offset, origin in
        guard let context, offset == 0, origin == SEEK_SET else { return CURL_SEEKFUNC_CANTSEEK }
        Transfer.at(context).rewind()
        return CURL_SEEKFUNC_OK
      })
  }

  private func rewind() { position = SplicedBytes.Position() }

  private func give(to room: UnsafeMutableRawBufferPointer) -> Int {
    job?.call.body?.copy(from: &position, to: room) ?? 0
  }

  /// Makes the list of a call's header lines; false where there is no memory. No handle holds the one before: it was
  /// reset.
  private func makeList(of lines: [String]) -> Bool {
    libcurl.free(list: headers)
    headers = nil
    headerLines = []
    // "Expect:" turns off the wait for a 100 that libcurl makes before a large body.
    for line in lines + ["Expect:"] {
      headers = libcurl.append(line, to: headers)
      guard headers != nil else { return false }
    }
    headerLines = lines
    return true
  }

  private func milliseconds(_ seconds: Double) -> Int { Int(max(0.001, min(seconds, 86_400)) * 1000) }

  private func take(header line: UnsafeRawBufferPointer) -> Bool {
    headBytes += line.count
    guard headBytes <= limits.head else {
      excess = "sent more than \(limits.head >> 10) KiB of headers"
      return false
    }
    // A status line begins a head; one of an interim answer stood before.
    if line.starts(with: "HTTP/".utf8) { head.bytes.removeAll(keepingCapacity: true) }
    head.bytes.append(contentsOf: line)
    return true
  }

  private func take(body part: UnsafeRawBufferPointer) -> Bool {
    guard body.count + part.count <= limits.body else {
      excess = Self.tooLarge(limits)
      return false
    }
    body.append(contentsOf: part)
    return true
  }

  private static func tooLarge(_ limits: HTTPClient.Limits) -> String {
    "sent an answer of more than \(limits.body >> 20) MiB"
  }

  /// What a call that libcurl is done with came to.
  func outcome(of result: CURLcode) -> HTTPDriver.Outcome {
    guard result != CURLE_OK else {
      let status = libcurl.number(easy, CURLINFO_RESPONSE_CODE)
      return .success(HTTPClient.Answer(status: status, headers: head, body: body, waited: waited))
    }
    let host = job?.call.base.host ?? ""
    if result == CURLE_FILESIZE_EXCEEDED { excess = Self.tooLarge(limits) }
    if let excess { return .failure(HTTPFailure(cause: .connection, message: "\(host) \(excess)")) }
    let detail = String(cString: errorText)
    return .failure(
      HTTPFailure(
        result, at: host, timeout: job?.call.timeout ?? 0,
        detail: detail.isEmpty ? libcurl.words(for: result) : detail))
  }

  /// Tells the one who waits, and makes the handle ready for another call.
  func end(_ outcome: HTTPDriver.Outcome) {
    libcurl.set(easy, CURLOPT_POSTFIELDS, pointer: nil)
    joined = nil
    job?.continuation.resume(returning: outcome)
    job = nil
    head = HeaderFields()
    headBytes = 0
    body = []
    excess = nil
  }
}
