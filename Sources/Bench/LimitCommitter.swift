// The limit program's commits, and its `add`.
import CSystem
import Glibc
import Threads

/// Commits whatever has queued up as one group: files written and synced together, records renamed and synced
/// together, inputs moved.
final class LimitCommitter: Sendable {
  private struct State {
    var jobs: [LimitCall] = []
    var done: [LimitCall] = []
    var isClosed = false
  }

  private let state = Locked(State())
  private let thread: Thread

  init(_ job: LimitJob, finished: @escaping @Sendable () -> Void) {
    let state = state
    thread = Thread(name: "commit") {
      var group = LimitGroup(job)
      while true {
        let jobs = state.wait { state -> [LimitCall]? in
          if state.jobs.isEmpty { return state.isClosed ? [] : nil }
          defer { state.jobs = [] }
          return state.jobs
        }
        if jobs.isEmpty { return group.end() }
        group.commit(jobs)
        state.withLock { $0.done += jobs }
        finished()
      }
    }
  }

  func commit(_ call: LimitCall) {
    state.withLock { $0.jobs.append(call) }
    state.signal()
  }

  var isDoneEmpty: Bool { state.withLock { $0.done.isEmpty } }

  func takeDone() -> [LimitCall] {
    state.withLock { state in
      defer { state.done = [] }
      return state.done
    }
  }

  func close() {
    state.withLock { $0.isClosed = true }
    state.signal()
    thread.join()
  }
}

private struct LimitGroup {
  private let root: Int32
  private let tmp: Int32
  private let observations: Int32
  private let inflight: Int32
  private let done: Int32
  private let usage: Int32
  private let xml: [UInt8]
  private let json: [UInt8]
  private let line: [UInt8]
  private var written = 0

  init(_ job: LimitJob) {
    func directory(_ name: String) -> Int32 { open(job.spool + "/" + name, O_RDONLY | O_CLOEXEC) }
    root = directory(".")
    tmp = directory("tmp")
    observations = directory("observations")
    inflight = directory("inflight")
    done = directory("done")
    usage = open(job.spool + "/usage/day.jsonl", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
    xml = [UInt8](repeating: 0x61, count: job.xmlBytes)
    json = [UInt8](repeating: 0x61, count: job.jsonBytes)
    line = [UInt8](repeating: 0x61, count: 320)
  }

  mutating func commit(_ calls: [LimitCall]) {
    let first = written
    let inputs = calls.flatMap { call in call.names.map { (directory: call.directory, name: $0) } }
    for call in calls {
      for _ in call.names {
        make("\(written).xml", xml)
        make("\(written).json", json)
        written += 1
      }
      _ = write(usage, line, line.count)
    }
    _ = csystem_syncfs(root)
    for (offset, input) in inputs.enumerated() {
      let path = "\(input.directory)/\(input.name.dropLast(5))"
      if renameat(tmp, "\(first + offset).xml", observations, path + ".xml") != 0 {
        mkdirat(observations, input.directory, 0o750)
        renameat(tmp, "\(first + offset).xml", observations, path + ".xml")
      }
    }
    for (offset, input) in inputs.enumerated() {
      renameat(tmp, "\(first + offset).json", observations, "\(input.directory)/\(input.name)")
    }
    _ = csystem_syncfs(root)
    for input in inputs { _ = csystem_rename_noreplace(inflight, input.name, done, input.name) }
  }

  func end() { _ = csystem_syncfs(root) }

  private func make(_ name: String, _ bytes: [UInt8]) {
    let file = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
    _ = write(file, bytes, bytes.count)
    close(file)
  }
}

/// The limit of `obspool add`: standard input becomes a file, synced, renamed, and its directory synced.
enum LimitAdd {
  static func run(spool: String, name: String) -> Int32 {
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    let count = read(STDIN_FILENO, &buffer, buffer.count)
    let pending = open(spool + "/pending", O_RDONLY | O_CLOEXEC)
    let file = openat(pending, ".\(name)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
    guard count > 0, write(file, buffer, count) == count, fsync(file) == 0,
      csystem_rename_noreplace(pending, ".\(name)", pending, "\(name).json") == 0, fsync(pending) == 0
    else { return 1 }
    return 0
  }
}

/// The limit of `obspool watch`: what lands in pending is posted at once.
enum LimitWatch {
  static func run(spool: String, url: String, sizes: String) -> Int32 {
    guard let calls = LimitCalls(url: url, slots: 4, sizes: sizes) else { return 1 }
    let inotify = inotify_init1(Int32(IN_CLOEXEC))
    inotify_add_watch(inotify, spool + "/pending", UInt32(IN_MOVED_TO))
    let pending = open(spool + "/pending", O_RDONLY | O_CLOEXEC)
    let inflight = open(spool + "/inflight", O_RDONLY | O_CLOEXEC)
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = read(inotify, &buffer, buffer.count)
      guard count > MemoryLayout<inotify_event>.size else { return 1 }
      // One file is dropped at a time.
      let name = String(
        decoding: buffer[MemoryLayout<inotify_event>.size..<count].prefix { $0 != 0 }, as: UTF8.self)
      if name == "end.json" { return 0 }
      let file = openat(pending, name, O_RDONLY | O_CLOEXEC)
      _ = read(file, &buffer, buffer.count)
      close(file)
      _ = csystem_rename_noreplace(pending, name, inflight, name)
      calls.begin(LimitCall(session: 0, directory: "", names: [name]))
      var isDone = false
      calls.perform { _ in isDone = true }
      while !isDone {
        calls.sleep()
        calls.perform { _ in isDone = true }
      }
    }
  }
}
