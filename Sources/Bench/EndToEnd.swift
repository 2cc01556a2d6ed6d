// From files in pending to records on disk, beside the limit program.
import Glibc

/// Drains spools of so many sessions, with so late a provider.
struct EndToEnd {
  let sessions: Int
  let latencyMilliseconds: Int
  let perSession: Int
  /// Nil for what the program does where nothing is set.
  let asking: Workbench.Asking?
  var rounds = 3

  private var figure: String { Self.name(sessions, latencyMilliseconds, asking) }

  static func name(_ sessions: Int, _ latencyMilliseconds: Int, _ asking: Workbench.Asking?) -> String {
    "drain-\(sessions)-\(latencyMilliseconds)" + (asking == nil ? "-by-default" : "")
  }

  func measure(_ bench: Workbench, _ report: inout Report) {
    let asked = asking ?? .byDefault
    guard let server = bench.serve(latencyMilliseconds: latencyMilliseconds, inputs: asked.inputs) else {
      return
    }
    defer { server.end() }
    let count = sessions * perSession
    var ours: [Taken] = []
    var limits: [Taken] = []
    var files: [Taken] = []
    // The spools stay until all is measured: ext4 takes its time for new files where many have just been removed.
    for _ in 0..<(bench.isQuick ? 1 : rounds) {
      let spool = bench.spool(sessions: sessions, perSession: perSession)
      let other = bench.spool(sessions: sessions, perSession: perSession)
      server.board.clear()
      if isMain, let one = bench.writeFiles() { files.append(one.wait()) }
      guard
        let child = bench.start("drain", spool, bench.environment(server, asking))
      else { return }
      let taken = child.wait()
      if isMain, let one = bench.writeFiles() { files.append(one.wait()) }
      guard taken.code == 0, Files.names("\(spool)/done").count == count else {
        return report.add(figure, "left undone", Double(Files.names("\(spool)/pending").count), "inputs")
      }
      let calls = sessions * ((perSession + asked.inputs - 1) / asked.inputs)
      guard server.board.count == calls else {
        return report.add(figure, "calls, where \(calls) were expected", Double(server.board.count), "")
      }
      ours.append(taken)
      guard let job = bench.limitJob(after: spool, on: other, server, asked),
        let limit = bench.limit(["drain"] + job.words)
      else { return }
      limits.append(limit.wait())
    }
    tell(ours, limits, files, count, &report)
  }

  /// Whether goals are set for it.
  private var isMain: Bool { sessions == 20 && latencyMilliseconds == 0 }

  private func tell(
    _ ours: [Taken], _ limits: [Taken], _ files: [Taken], _ count: Int, _ report: inout Report
  ) {
    func rate(_ all: [Taken]) -> Double { all.map { Double(count) / $0.wallSeconds }.median }
    func each(_ all: [Taken], _ value: (Taken) -> Double) -> Double {
      all.map { value($0) / Double(count) }.median
    }
    report.add(
      figure, "rate", rate(ours), "/s", limit: rate(limits), goal: isMain ? .atLeast(0.7) : nil, of: .ratio)
    if let asking, latencyMilliseconds > 0, asking.calls <= sessions {
      let possible = Double(asking.calls) * 1000 / Double(latencyMilliseconds)
      report.add(
        figure, "rate, of what latency permits", rate(ours), "/s", limit: possible,
        goal: sessions == 1000 ? .atLeast(0.9) : nil, of: .ratio)
    }
    report.add(
      figure, "CPU an input", each(ours) { $0.cpuSeconds * 1000 }, "ms",
      limit: each(limits) { $0.cpuSeconds * 1000 }, goal: isMain ? .atMost(0.25) : nil)
    if isMain {
      // What a millisecond does differs by a factor of two between the hours of one machine, and the kernel's part of
      // it most of all. This goal is the 0.25 ms where 31,000 such files a second are made. The least counts: right
      // after many files were removed ext4 takes a multiple, and anything would be little beside that.
      report.add(
        figure, "CPU, beside a file of 4 kB", each(ours) { $0.cpuSeconds * 1000 }, "ms",
        limit: (files.map(\.cpuSeconds).min() ?? 0) * 1000 / Double(PlainFiles.count),
        goal: .atMost(0.25 * 31), of: .ratio)
    }
    report.add(
      figure, "context switches an input", each(ours) { Double($0.contextSwitches) }, "",
      limit: each(limits) { Double($0.contextSwitches) })
    report.add(
      figure, "peak memory", ours.map { Double($0.peakBytes) / 1e6 }.median, "MB",
      limit: limits.map { Double($0.peakBytes) / 1e6 }.median)
  }
}

/// How many system calls an input takes, by strace.
enum SystemCallCounts {
  static let figure = "calls"

  static func measure(_ bench: Workbench, _ report: inout Report) {
    guard let server = bench.serve(latencyMilliseconds: 0) else { return }
    defer { server.end() }
    let count = bench.isQuick ? 400 : 2000
    // Only these are stopped at, so that the program runs at its own pace and its groups are its own.
    let syncs = counts(["--seccomp-bpf", "-e", "trace=fsync,fdatasync,syncfs"], count, bench, server)
    guard let syncs else { return report.add(figure, "strace is not installed", 0, "") }
    report.add(
      figure, "syncs an input", Double(syncs.ours) / Double(count), "",
      limit: Double(syncs.limit) / Double(count), goal: .atMost(0.5))
    if let all = counts([], count, bench, server) {
      report.add(
        figure, "system calls an input", Double(all.ours) / Double(count), "",
        limit: Double(all.limit) / Double(count))
    }
  }

  private static func counts(
    _ options: [String], _ count: Int, _ bench: Workbench, _ server: Workbench.Server
  ) -> (ours: Int, limit: Int)? {
    let spool = bench.spool(sessions: 20, perSession: count / 20)
    let other = bench.spool(sessions: 20, perSession: count / 20)
    server.board.clear()
    guard
      let ours = traced(
        options, [bench.program, "drain", "--spool", spool],
        bench.environment(server, Workbench.Asking(calls: 20)), bench),
      let job = bench.limitJob(after: spool, on: other, server, Workbench.Asking(calls: 20)),
      let limit = traced(options, [bench.itself, "limit", "drain"] + job.words, [], bench)
    else { return nil }
    return (ours, limit)
  }

  /// The total of `strace -c`; nil where there is none.
  private static func traced(
    _ options: [String], _ command: [String], _ environment: [String], _ bench: Workbench
  ) -> Int? {
    let log = "\(bench.directory)/strace"
    unlink(log)
    guard let child = Child("strace", ["-f", "-c", "-o", log] + options + command, environment: environment)
    else { return nil }
    _ = child.wait()
    for line in Files.text(log).split(separator: "\n") where line.hasSuffix("total") {
      let words = line.split(separator: " ")
      return words.count > 3 ? Int(words[3]) : nil
    }
    return nil
  }
}
