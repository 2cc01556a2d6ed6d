// What is felt by whoever waits: a start, a drop, a file that lands, a processor that stands.
import Glibc
import Threads

/// `obspool add` of one file, and from the start of a processor to its first request.
enum Starts {
  static func add(_ bench: Workbench, _ report: inout Report) {
    let spool = bench.spool(sessions: 0, perSession: 0)
    let other = bench.spool(sessions: 0, perSession: 0)
    let payload = "\(bench.directory)/payload.json"
    Files.write(Workload.payload(session: 0, 0), to: payload)
    var ours: [Taken] = []
    var limits: [Taken] = []
    for number in 0..<(bench.isQuick ? 15 : 50) {
      let input = open(payload, O_RDONLY | O_CLOEXEC)
      let again = open(payload, O_RDONLY | O_CLOEXEC)
      let child = Child(
        bench.program, ["add", "--quiet", "--spool", spool], environment: ["HOME=\(bench.directory)"],
        input: input)
      if let child { ours.append(child.wait()) }
      if let limit = bench.limit(["add", other, "a\(number)"], input: again) { limits.append(limit.wait()) }
      close(input)
      close(again)
    }
    guard ours.allSatisfy({ $0.code == 0 }) else {
      return report.add("add", "exit code", Double(ours.map(\.code).max() ?? 0), "")
    }
    tell("add", "whole process", ours, limits, most: 5, &report)
  }

  /// A drain of one input: up to its first request, and whole.
  static func first(_ bench: Workbench, _ report: inout Report) {
    untilRequest(bench, &report)
    whole(bench, &report)
  }

  /// What a start has taken when its first request has come. The answer is late, so that this is all there is to do
  /// until then, and what is read a little later is the same.
  private static func untilRequest(_ bench: Workbench, _ report: inout Report) {
    guard let server = bench.serve(latencyMilliseconds: 100) else { return }
    defer { server.end() }
    var ours: [(cpu: Double, delay: Double)] = []
    var limits: [(cpu: Double, delay: Double)] = []
    /// Nil where no request came.
    func taken(by child: Child) -> (cpu: Double, delay: Double)? {
      defer { _ = child.wait() }
      bench.await(1, at: server)
      guard server.board.count > 0 else { return nil }
      // Behind the client's last steps, long before the answer.
      usleep(20_000)
      return (child.cpuSoFar * 1000, Double(server.board.moment(0) - child.started) / 1e6)
    }
    for _ in 0..<(bench.isQuick ? 10 : 30) {
      let spool = bench.spool(sessions: 1, perSession: 1)
      let other = bench.spool(sessions: 1, perSession: 1)
      server.board.clear()
      guard let child = bench.start("drain", spool, bench.environment(server, Workbench.Asking(calls: 8))),
        let start = taken(by: child)
      else { return report.add("start", "requests", 0, "") }
      ours.append(start)
      let job = bench.limitJob(after: spool, on: other, server, Workbench.Asking(calls: 1))
      server.board.clear()
      guard let job, let limit = bench.limit(["drain"] + job.words), let start = taken(by: limit)
      else { return report.add("start", "requests of the limit", 0, "") }
      limits.append(start)
    }
    report.add(
      "start", "CPU, start to first request", ours.map(\.cpu).median, "ms", limit: limits.map(\.cpu).median,
      goal: .atMost(20))
    report.add(
      "start", "time, start to first request", ours.map(\.delay).median, "ms",
      limit: limits.map(\.delay).median)
  }

  /// Start, request, commit, end.
  private static func whole(_ bench: Workbench, _ report: inout Report) {
    guard let server = bench.serve(latencyMilliseconds: 0) else { return }
    defer { server.end() }
    var ours: [Taken] = []
    var limits: [Taken] = []
    for _ in 0..<(bench.isQuick ? 10 : 30) {
      let spool = bench.spool(sessions: 1, perSession: 1)
      let other = bench.spool(sessions: 1, perSession: 1)
      server.board.clear()
      guard let child = bench.start("drain", spool, bench.environment(server, Workbench.Asking(calls: 8)))
      else { return }
      ours.append(child.wait())
      guard let job = bench.limitJob(after: spool, on: other, server, Workbench.Asking(calls: 1)),
        let limit = bench.limit(["drain"] + job.words)
      else { return }
      limits.append(limit.wait())
    }
    tell("start", "drain of one input", ours, limits, most: nil, &report)
  }

  private static func tell(
    _ figure: String, _ what: String, _ ours: [Taken], _ limits: [Taken], most: Double?,
    _ report: inout Report
  ) {
    report.add(
      figure, "CPU, \(what)", ours.map { $0.cpuSeconds * 1000 }.median, "ms",
      limit: limits.map { $0.cpuSeconds * 1000 }.median, goal: most.map { .atMost($0) })
    report.add(
      figure, "time, \(what)", ours.map { $0.wallSeconds * 1000 }.median, "ms",
      limit: limits.map { $0.wallSeconds * 1000 }.median)
    report.add(
      figure, "peak memory", ours.map { Double($0.peakBytes) / 1e6 }.median, "MB",
      limit: limits.map { Double($0.peakBytes) / 1e6 }.median)
  }
}

/// A standing `watch`.
enum Watching {
  /// From the rename that drops a file to its request, whole, at the provider.
  static func delay(_ bench: Workbench, _ report: inout Report) {
    guard let server = bench.serve(latencyMilliseconds: 0) else { return }
    defer { server.end() }
    let count = bench.isQuick ? 50 : 200
    let spool = bench.spool(sessions: 0, perSession: 0)
    guard let child = bench.start("watch", spool, bench.environment(server, Workbench.Asking(calls: 8)))
    else { return }
    let ours = drop(count, in: spool, server)
    child.signal(SIGTERM)
    _ = child.wait()

    let other = bench.spool(sessions: 0, perSession: 0)
    let sizes = "\(bench.directory)/watch-sizes"
    let requests = (0..<max(server.board.count, 1)).map { UInt32(server.board.size($0)) }
    Files.write(requests.withUnsafeBytes { Array($0) }, to: sizes)
    guard let limit = bench.limit(["watch", other, server.url, sizes]) else { return }
    let limits = drop(count, in: other, server)
    Files.write([], to: "\(other)/pending/.end")
    rename("\(other)/pending/.end", "\(other)/pending/end.json")
    _ = limit.wait()
    report.add(
      "watch-delay", "drop to request, median", ours.median, "ms", limit: limits.median, goal: .atMost(3))
    report.add(
      "watch-delay", "drop to request, 95 of 100", ours.quantile(0.95), "ms", limit: limits.quantile(0.95))
  }

  /// Drops files one at a time, each of a session of its own; milliseconds from each drop to its request.
  private static func drop(_ count: Int, in spool: String, _ server: Workbench.Server) -> [Double] {
    server.board.clear()
    // Until the other process watches.
    usleep(300_000)
    var delays: [Double] = []
    for number in 0..<count {
      let hidden = "\(spool)/pending/.n\(number)"
      Files.write(Workload.payload(session: number, number), to: hidden)
      let before = server.board.count
      let start = monotonicNanoseconds()
      rename(hidden, "\(spool)/pending/\(Workload.name(session: number, number)).json")
      while server.board.count == before, seconds(since: start) < 5 { usleep(2000) }
      if server.board.count > before { delays.append(Double(server.board.moment(before) - start) / 1e6) }
      usleep(2000)
    }
    return delays
  }

  /// What a processor takes that has nothing to do.
  static func idle(_ bench: Workbench, _ report: inout Report) {
    guard let server = bench.serve(latencyMilliseconds: 0) else { return }
    defer { server.end() }
    let spool = bench.spool(sessions: 0, perSession: 0)
    guard let child = bench.start("watch", spool, bench.environment(server, Workbench.Asking(calls: 8)))
    else { return }
    usleep(1_000_000)
    tellMemory(of: child, "before the first call", &report)
    // libcurl has come with its TLS libraries then, of which other processes share the pages.
    _ = drop(100, in: spool, server)
    usleep(1_000_000)
    let (before, cpu) = (child.timesScheduled, child.cpuSoFar)
    let period = bench.isQuick ? 2.0 : 5.0
    usleep(UInt32(period * 1e6))
    report.add(
      "idle", "wake-ups in \(short(period)) s", Double(child.timesScheduled - before), "", goal: .atMost(0))
    report.add("idle", "CPU in \(short(period)) s", (child.cpuSoFar - cpu) * 1000, "ms")
    tellMemory(of: child, "after 100 calls", &report)
    child.signal(SIGTERM)
    _ = child.wait()
  }

  private static func tellMemory(of child: Child, _ moment: String, _ report: inout Report) {
    report.add("idle", "anonymous, \(moment)", Double(child.status("RssAnon")) / 1e6, "MB", goal: .atMost(6))
    report.add("idle", "resident, \(moment)", Double(child.status("VmRSS")) / 1e6, "MB", goal: .atMost(20))
  }

  /// Memory with 256 calls in flight.
  static func peak(_ bench: Workbench, _ report: inout Report) {
    guard let server = bench.serve(latencyMilliseconds: 1000) else { return }
    defer { server.end() }
    let spool = bench.spool(sessions: 256, perSession: 3)
    guard let child = bench.start("drain", spool, bench.environment(server, Workbench.Asking(calls: 256)))
    else { return }
    let taken = child.wait()
    report.add("peak", "256 calls of 4 kB in flight", Double(taken.peakBytes) / 1e6, "MB", goal: .atMost(64))
  }
}
