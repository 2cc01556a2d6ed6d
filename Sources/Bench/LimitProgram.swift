// The limit: a program that does only what must be done. It reads, posts, writes, syncs and renames the same bytes
// in the same steps, and parses, schedules and escapes nothing.
import CLibcurl
import CSystem
import Glibc
import Threads

/// What the limit program works on.
struct LimitJob {
  var spool: String
  var url: String
  /// Calls at once.
  var concurrency: Int
  /// Inputs of a session in one call.
  var batch: Int
  /// The sizes of the requests' bodies, in order; a file of four bytes each.
  var sizes: String
  var xmlBytes: Int
  var jsonBytes: Int

  init?(_ words: [String]) {
    guard words.count == 7, let concurrency = Int(words[2]), let batch = Int(words[3]),
      let xml = Int(words[5]), let json = Int(words[6])
    else { return nil }
    spool = words[0]
    url = words[1]
    self.concurrency = concurrency
    self.batch = batch
    sizes = words[4]
    xmlBytes = xml
    jsonBytes = json
  }

  var words: [String] {
    [spool, url, "\(concurrency)", "\(batch)", sizes, "\(xmlBytes)", "\(jsonBytes)"]
  }
}

/// The inputs of one call of the limit program, with their session.
struct LimitCall: Sendable {
  let session: Int
  let directory: String
  var names: [String]
}

/// The calls: one thread on libcurl's multi interface, as many at once as are allowed, one a session. As in the
/// program, a session's next call may leave before its last commit is on disk, and its commits keep their order.
struct LimitProgram {
  private let job: LimitJob
  private let calls: LimitCalls
  private let committer: LimitCommitter
  private let pending: Int32
  private let inflight: Int32
  private var sessions: [Session] = []
  private var ready: [Int] = []
  private var firstReady = 0
  private var left = 0

  private struct Session {
    var calls: ArraySlice<LimitCall>
    var commits = 0
    /// Answered, and waiting for the commit before it.
    var answered: LimitCall?
  }

  /// Drains the spool. The exit code.
  static func drain(_ job: LimitJob) -> Int32 {
    guard let calls = LimitCalls(url: job.url, slots: job.concurrency, sizes: job.sizes),
      var program = LimitProgram(job, calls)
    else { return 1 }
    return program.run()
  }

  private init?(_ job: LimitJob, _ calls: LimitCalls) {
    self.job = job
    self.calls = calls
    pending = open(job.spool + "/pending", O_RDONLY | O_CLOEXEC)
    inflight = open(job.spool + "/inflight", O_RDONLY | O_CLOEXEC)
    committer = LimitCommitter(job) { calls.wake() }
    guard pending >= 0, inflight >= 0 else { return nil }
    for name in Files.names(job.spool + "/pending").sorted() { add(name) }
  }

  /// Adds an input behind those of its session, in the place where they are: a copy would be on the limit's account.
  private mutating func add(_ name: String) {
    let directory = String(name.prefix { $0 != "-" })
    if sessions.last?.calls.last?.directory != directory {
      ready.append(sessions.count)
      sessions.append(Session(calls: []))
    }
    let session = sessions.count - 1
    let call = sessions[session].calls.count - 1
    if call >= 0, sessions[session].calls[call].names.count < job.batch {
      sessions[session].calls[call].names.append(name)
    } else {
      sessions[session].calls.append(LimitCall(session: session, directory: directory, names: [name]))
      left += 1
    }
  }

  private mutating func run() -> Int32 {
    while left > 0 {
      while calls.hasRoom, firstReady < ready.count {
        let session = ready[firstReady]
        firstReady += 1
        begin(session)
      }
      calls.perform { call in answered(call) }
      for call in committer.takeDone() { committed(call) }
      if left > 0, firstReady == ready.count || !calls.hasRoom, committer.isDoneEmpty { calls.sleep() }
    }
    committer.close()
    return 0
  }

  private mutating func begin(_ session: Int) {
    guard let call = sessions[session].calls.popFirst() else { return }
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    for name in call.names {
      let descriptor = openat(pending, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | csystem_o_noatime)
      while read(descriptor, &buffer, buffer.count) > 0 {}
      Glibc.close(descriptor)
      _ = csystem_rename_noreplace(pending, name, inflight, name)
    }
    calls.begin(call)
  }

  private mutating func answered(_ call: LimitCall) {
    if sessions[call.session].commits == 0 {
      commit(call)
    } else {
      sessions[call.session].answered = call
    }
  }

  private mutating func commit(_ call: LimitCall) {
    sessions[call.session].commits += 1
    committer.commit(call)
    if !sessions[call.session].calls.isEmpty { ready.append(call.session) }
  }

  private mutating func committed(_ call: LimitCall) {
    left -= 1
    sessions[call.session].commits -= 1
    guard let next = sessions[call.session].answered else { return }
    sessions[call.session].answered = nil
    commit(next)
  }
}

/// libcurl handles that are used again, each with one call at a time.
final class LimitCalls: @unchecked Sendable {
  // Unchecked because of the pointers: one thread uses it, but for `wake`, which libcurl allows to all.
  private let lib: UnsafeMutablePointer<clibcurl>
  private let multi: UnsafeMutableRawPointer
  private var free: [UnsafeMutableRawPointer] = []
  private var underWay: [UnsafeMutableRawPointer: LimitCall] = [:]
  private let sizes: [UInt32]
  private var made = 0
  private let body: UnsafeMutableRawPointer
  private let headers: UnsafeMutablePointer<curl_slist>?

  init?(url: String, slots: Int, sizes path: String) {
    lib = .allocate(capacity: 1)
    lib.initialize(to: clibcurl())
    guard clibcurl_load(lib) == 1, let multi = lib.pointee.multi_init() else { return nil }
    self.multi = multi
    _ = clibcurl_set_multi(lib, multi, CURLMOPT_MAXCONNECTS, slots)
    let bytes = Files.bytes(path)
    sizes = bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) }
    let largest = Int(sizes.max() ?? 0) + 1
    body = .allocate(byteCount: largest, alignment: 1)
    memset(body, 0x61, largest)
    var list: UnsafeMutablePointer<curl_slist>?
    for line in [
      "Authorization: Bearer x", "HTTP-Referer: https://github.com/thedotmack/claude-mem",
      "X-Title: claude-mem",
      "Content-Type: application/json", "Accept: application/json", "Expect:",
    ] {
      list = lib.pointee.slist_append(list, line)
    }
    headers = list
    for _ in 0..<slots {
      guard let easy = lib.pointee.easy_init() else { return nil }
      _ = clibcurl_set_text(lib, easy, CURLOPT_URL, url + "/chat/completions")
      _ = clibcurl_set_pointer(lib, easy, CURLOPT_HTTPHEADER, headers)
      _ = clibcurl_set_pointer(lib, easy, CURLOPT_POSTFIELDS, body)
      _ = clibcurl_set_number(lib, easy, CURLOPT_NOSIGNAL, 1)
      _ = clibcurl_set_sink(lib, easy, CURLOPT_WRITEFUNCTION) { _, _, count, _ in count }
      free.append(easy)
    }
  }

  var hasRoom: Bool { !free.isEmpty }

  func begin(_ call: LimitCall) {
    guard let easy = free.popLast() else { return }
    let size = sizes.isEmpty ? 0 : sizes[made % sizes.count]
    made += 1
    _ = clibcurl_set_large(lib, easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(size))
    underWay[easy] = call
    _ = lib.pointee.multi_add_handle(multi, easy)
  }

  func perform(_ done: (LimitCall) -> Void) {
    var running: Int32 = 0
    _ = lib.pointee.multi_perform(multi, &running)
    var left: Int32 = 0
    while let message = lib.pointee.multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
      _ = lib.pointee.multi_remove_handle(multi, easy)
      free.append(easy)
      if let call = underWay.removeValue(forKey: easy) { done(call) }
    }
  }

  func sleep() { _ = lib.pointee.multi_poll(multi, nil, 0, 1000, nil) }
  func wake() { _ = lib.pointee.multi_wakeup(multi) }
}
