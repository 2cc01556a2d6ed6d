// obspool-bench: measures the program beside what must be done in any case. Not a test: it says how fast, and exits
// 1 where a goal is missed.
import Glibc

let help = """
  Usage: obspool-bench [--quick] [--json] [--only FIGURE]… [--program FILE] [--directory DIR]

  Measures the obspool that stands beside it, each figure beside the limit: a program that posts, writes, syncs and
  renames the same bytes and does nothing else. Takes some five minutes, or one with --quick.

    --quick          fewer inputs and rounds
    --json           the measurements as JSON
    --only FIGURE    this figure alone; may be repeated
    --program FILE   the obspool to measure
    --directory DIR  where to work; it should be on a disk (default: $TMPDIR, or /tmp)

  Figures: \(Figure.all.map(\.name).joined(separator: ", "))
  """

/// Something that can be measured by itself.
struct Figure: Sendable {
  let name: String
  let measure: @Sendable (Workbench, inout Report) -> Void

  static let all: [Figure] = [
    drain(sessions: 20, latency: 0, perSession: (25, 150), concurrency: 20),
    drain(sessions: 20, latency: 0, perSession: (24, 150), concurrency: nil),
    drain(sessions: 1, latency: 0, perSession: (100, 300), concurrency: 8),
    drain(sessions: 1000, latency: 0, perSession: (1, 3), concurrency: 20),
    drain(sessions: 1, latency: 200, perSession: (5, 15), concurrency: 8),
    drain(sessions: 20, latency: 200, perSession: (5, 15), concurrency: 20),
    drain(sessions: 1000, latency: 200, perSession: (3, 12), concurrency: 256),
    Figure(name: SystemCallCounts.figure, measure: SystemCallCounts.measure),
    Figure(name: "add", measure: Starts.add),
    Figure(name: "start", measure: Starts.first),
    Figure(name: "watch-delay", measure: Watching.delay),
    Figure(name: "idle", measure: Watching.idle),
    Figure(name: "peak", measure: Watching.peak),
    Figure(name: "reading", measure: Reading.measure),
    Figure(name: "backlog", measure: Backlogs.drain),
    Figure(name: "backlog-1M", measure: Backlogs.million),
  ]

  /// - Parameters:
  ///   - perSession: Inputs of each session, in a quick run and in a whole one.
  ///   - concurrency: Calls at once, of one input each; nil for what the program does where nothing is set.
  private static func drain(
    sessions: Int, latency: Int, perSession: (quick: Int, whole: Int), concurrency: Int?
  ) -> Figure {
    let asking = concurrency.map { Workbench.Asking(calls: $0) }
    return Figure(name: EndToEnd.name(sessions, latency, asking)) { bench, report in
      EndToEnd(
        sessions: sessions, latencyMilliseconds: latency,
        perSession: bench.isQuick ? perSession.quick : perSession.whole, asking: asking,
        rounds: latency == 0 ? 3 : 1
      ).measure(bench, &report)
    }
  }
}

/// What the command line asks for.
struct Options {
  var isQuick = false
  var asJSON = false
  var figures: [Figure] = []
  var program: String?
  var directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"

  /// Nil where the words make no sense.
  init?(_ words: [String]) {
    var words = words[...]
    while let word = words.popFirst() {
      switch word {
      case "--quick": isQuick = true
      case "--json": asJSON = true
      case "--only":
        guard let name = words.popFirst(), let figure = Figure.all.first(where: { $0.name == name }) else {
          return nil
        }
        figures.append(figure)
      case "--program":
        guard let file = words.popFirst() else { return nil }
        program = file
      case "--directory":
        guard let folder = words.popFirst() else { return nil }
        directory = folder
      default: return nil
      }
    }
    if figures.isEmpty { figures = Figure.all }
  }
}

/// The other processes that this program is: the provider, the limit, and what makes plain files.
func runHidden(_ words: [String]) -> Int32? {
  switch (words.first, words.dropFirst().first, words.count) {
  case ("serve", _, 4):
    return FastProvider.run(
      board: words[1], latencyMilliseconds: Int(words[2]) ?? 0, inputs: Int(words[3]) ?? 1)
  case ("limit", "drain", _):
    return LimitJob(Array(words.dropFirst(2))).map(LimitProgram.drain) ?? 1
  case ("limit", "add", 4):
    return LimitAdd.run(spool: words[2], name: words[3])
  case ("limit", "watch", 5):
    return LimitWatch.run(spool: words[2], url: words[3], sizes: words[4])
  case ("files", _, 2):
    return PlainFiles.run(in: words[1])
  default:
    return nil
  }
}

func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(STDERR_FILENO, bytes, bytes.count)
}

func run() -> Int32 {
  let words = Array(CommandLine.arguments.dropFirst())
  if let code = runHidden(words) { return code }
  if words.contains("--help") {
    print(help)
    return 0
  }
  guard let options = Options(words) else {
    say(help)
    return 64
  }
  guard let bench = Workbench(program: options.program, in: options.directory, isQuick: options.isQuick)
  else {
    say(
      "error: there is no obspool beside obspool-bench, or \(options.directory) cannot be written to\n"
        + "hint: swift build -c release builds both; --program and --directory name others")
    return 66
  }
  defer { bench.remove() }
  var report = Report(asJSON: options.asJSON)
  for figure in options.figures { figure.measure(bench, &report) }
  if options.asJSON { print(String(decoding: report.json, as: UTF8.self), terminator: "") }
  return report.isGood ? 0 : 1
}

exit(run())
