// Fresh spools, a provider, and the two programs that are run on them.
import Glibc
import JSONText
import Threads

/// Where figures are measured: everything is in one directory, which goes when the benchmark ends.
struct Workbench {
  /// The program that is measured.
  let program: String
  /// This program, which is also the provider and the limit.
  let itself: String
  let directory: String
  /// Fewer inputs and fewer rounds.
  let isQuick: Bool
  private let counter = Counter()

  private final class Counter {
    var value = 0
  }

  /// - Parameter parent: Where the directory is made.
  init?(program: String?, in parent: String, isQuick: Bool) {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    itself = String(decoding: buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let folder = String(itself.prefix(upTo: itself.lastIndex(of: "/") ?? itself.startIndex))
    self.program = program ?? folder + "/obspool"
    self.isQuick = isQuick
    directory = "\(parent)/obspool-bench.\(getpid())"
    guard access(self.program, X_OK) == 0, mkdir(directory, 0o700) == 0 else { return nil }
  }

  func remove() { Files.remove(directory) }

  private func next(_ name: String) -> String {
    counter.value += 1
    return "\(directory)/\(name)\(counter.value)"
  }

  // MARK: Spools

  /// A spool with inputs in pending, `perSession` for each session, taken in turn.
  func spool(sessions: Int, perSession: Int, lines: Int = 60) -> String {
    let spool = next("spool")
    mkdir(spool, 0o750)
    for part in ["pending", "inflight", "done", "failed", "errors", "observations", "paused", "usage", "tmp"]
    {
      mkdir("\(spool)/\(part)", 0o750)
    }
    for number in 0..<perSession {
      for session in 0..<sessions {
        Files.write(
          Workload.payload(session: session, number, lines: lines),
          to: "\(spool)/pending/\(Workload.name(session: session, number)).json")
      }
    }
    // What is dirty here would be on the account of the first sync of the program.
    sync()
    return spool
  }

  /// How much is asked at once.
  struct Asking {
    let calls: Int
    /// In one call, all of one session.
    var inputs = 1

    /// What the program does where nothing is set.
    static let byDefault = Asking(calls: 8, inputs: 6)
  }

  // MARK: The provider

  struct Server {
    let child: Child
    let board: Board
    /// The end of the pipe whose other end is the provider's standard input: it ends with this one.
    fileprivate let leash: Int32

    var url: String { "http://127.0.0.1:\(board.port)" }

    func end() {
      close(leash)
      _ = child.wait()
    }
  }

  /// Starts a provider and waits until it listens.
  ///
  /// - Parameter inputs: How many inputs a call has.
  func serve(latencyMilliseconds: Int, inputs: Int = 1) -> Server? {
    let path = next("board")
    var ends: [Int32] = [0, 0]
    guard let board = Board(path: path), pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let child = Child(
      itself, ["serve", path, "\(latencyMilliseconds)", "\(inputs)"], input: ends[0], errors: nil)
    close(ends[0])
    guard let child else { return nil }
    while board.port == 0 { usleep(1000) }
    return Server(child: child, board: board, leash: ends[1])
  }

  // MARK: Ours

  /// As long as OpenRouter's, since it is looked for in what is sent.
  private static let key = "sk-or-v1-" + String(repeating: "0123456789abcdef", count: 4)

  /// The environment of the program, which names no file of the user's.
  ///
  /// - Parameter asking: Nil for the program's own defaults.
  func environment(_ server: Server, _ asking: Asking?) -> [String] {
    let settings = [
      "HOME=\(directory)", "OBSPOOL_SETTINGS=\(directory)/no-settings.json",
      "CLAUDE_MEM_PROVIDER=openrouter",
      "OPENROUTER_API_KEY=\(Self.key)", "CLAUDE_MEM_OPENROUTER_MODEL=bench/one",
      "CLAUDE_MEM_OPENROUTER_BASE_URL=\(server.url)",
    ]
    guard let asking else { return settings }
    return settings + ["OBSPOOL_CONCURRENCY=\(asking.calls)", "OBSPOOL_BATCH=\(asking.inputs)"]
  }

  func start(_ command: String, _ spool: String, _ environment: [String], log: String? = nil) -> Child? {
    Child(program, [command, "--spool", spool], environment: environment, errors: log ?? "/dev/null")
  }

  /// Waits until the provider has got `count` requests, at most so long.
  func await(_ count: Int, at server: Server, seconds limit: Double = 60) {
    let start = monotonicNanoseconds()
    while server.board.count < count, seconds(since: start) < limit { usleep(500) }
  }

  // MARK: The limit

  /// What the limit program has to do to do the same as the program did on `spool`.
  func limitJob(after spool: String, on other: String, _ server: Server, _ asking: Asking) -> LimitJob? {
    let sizes = next("sizes")
    let requests = (0..<server.board.count).map { UInt32(server.board.size($0)) }
    Files.write(requests.withUnsafeBytes { Array($0) }, to: sizes)
    var (xml, json, count) = (0, 0, 0)
    for session in Files.names("\(spool)/observations").prefix(20) {
      for name in Files.names("\(spool)/observations/\(session)").prefix(20) {
        let size = Files.size("\(spool)/observations/\(session)/\(name)")
        if name.hasSuffix(".xml") { xml += size } else { json += size }
        count += name.hasSuffix(".xml") ? 1 : 0
      }
    }
    guard count > 0 else { return nil }
    return LimitJob(
      [other, server.url, "\(asking.calls)", "\(asking.inputs)", sizes, "\(xml / count)", "\(json / count)"])
  }

  /// Starts `PlainFiles` in a fresh directory.
  func writeFiles() -> Child? {
    let directory = next("files")
    for name in [directory, "\(directory)/from", "\(directory)/to"] { mkdir(name, 0o750) }
    return Child(itself, ["files", directory], errors: nil)
  }

  func limit(_ words: [String], input: Int32? = nil) -> Child? {
    Child(itself, ["limit"] + words, input: input, errors: nil)
  }
}
