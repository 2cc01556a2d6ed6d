// What a backlog costs: the same work with more waiting behind it.
import Glibc

enum Backlogs {
  /// Drains backlogs of different sizes, of a hundred sessions each. They stay, as in `EndToEnd`.
  static func drain(_ bench: Workbench, _ report: inout Report) {
    guard let server = bench.serve(latencyMilliseconds: 0) else { return }
    defer { server.end() }
    var first: (cpu: Double, start: Double)?
    for count in bench.isQuick ? [1000, 10_000] : [1000, 10_000, 100_000] {
      let spool = bench.spool(sessions: 100, perSession: count / 100, lines: 4)
      server.board.clear()
      guard let child = bench.start("drain", spool, bench.environment(server, Workbench.Asking(calls: 20)))
      else {
        return
      }
      let taken = child.wait()
      let figure = "backlog-\(count / 1000)k"
      guard taken.code == 0, server.board.count == count else {
        report.add(figure, "requests", Double(server.board.count), "")
        continue
      }
      let cpu = taken.cpuSeconds * 1000 / Double(count)
      let start = Double(server.board.moment(0) - child.started) / 1e6
      report.add(figure, "CPU an input", cpu, "ms", limit: first?.cpu)
      report.add(figure, "start to first request", start, "ms", limit: first?.start)
      report.add(figure, "peak memory", Double(taken.peakBytes) / 1e6, "MB")
      let (head, tail) = tenths(server.board)
      report.add(
        figure, "rate, last tenth of the first", tail, "/s", limit: head,
        goal: count == 100_000 ? .atLeast(0.9) : nil, of: .ratio)
      first = first ?? (cpu, start)
    }
  }

  private static func tenths(_ board: Board) -> (first: Double, last: Double) {
    let part = board.count / 10
    func rate(_ from: Int, _ to: Int) -> Double {
      Double(to - from) * 1e9 / Double(max(board.moment(to) - board.moment(from), 1))
    }
    return (rate(0, part), rate(board.count - 1 - part, board.count - 1))
  }

  /// A backlog that takes long to look at: the first request, and the memory once all has been looked at.
  static func million(_ bench: Workbench, _ report: inout Report) {
    // Late answers, so that nearly all the program does is to look.
    guard let server = bench.serve(latencyMilliseconds: 30_000) else { return }
    defer { server.end() }
    let count = bench.isQuick ? 50_000 : 1_000_000
    let figure = bench.isQuick ? "backlog-50k" : "backlog-1M"
    let spool = bench.spool(sessions: 1000, perSession: count / 1000, lines: 1)
    guard let child = bench.start("watch", spool, bench.environment(server, Workbench.Asking(calls: 8)))
    else { return }
    bench.await(1, at: server)
    let firstRequest = server.board.count > 0 ? Double(server.board.moment(0) - child.started) / 1e9 : 60
    report.add(figure, "start to first request", firstRequest, "s", goal: .atMost(2))
    // It has looked at everything when it rests.
    var cpu = child.cpuSoFar
    while true {
      usleep(300_000)
      let now = child.cpuSoFar
      if now - cpu < 0.005 || seconds(since: child.started) > 120 { break }
      cpu = now
    }
    report.add(figure, "CPU to look at all", cpu, "s")
    report.add(figure, "CPU to look at one", cpu * 1e6 / Double(count), "µs")
    report.add(figure, "peak memory", Double(child.status("VmHWM")) / 1e6, "MB", goal: .atMost(128))
    child.signal(SIGTERM)
    _ = child.wait()
  }
}
