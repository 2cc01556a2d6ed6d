// How fast answers are read and records written, beside libxml2's SAX reader.
import CSystem
import FoundationEssentials
import Glibc
import JSONText
import Observation
import Threads

enum Reading {
  static func measure(_ bench: Workbench, _ report: inout Report) {
    // What is freed is kept: else the figures tell how often the kernel clears pages anew, which comes in steps.
    csystem_keep_freed_memory(64 << 20)
    let period = bench.isQuick ? 0.2 : 0.5
    let documents = Workload.answers.map { Array("<answer>\($0)</answer>".utf8) }
    let sax = SAXReader()
    let yardstick = sax.map { sax in
      throughput(period, documents.map(\.count)) { index in
        precondition(sax.read(documents[index]) != nil, "the answers are well-formed")
      }
    }
    if sax == nil { report.add("reading", "libxml2 is not installed", 0, "") }
    let speed = throughput(period, Workload.answers.map(\.utf8.count)) { index in
      precondition(Answer(parsing: Workload.answers[index], inputs: 1).fault == nil)
    }
    report.add("reading", "well-formed answers", speed, "MB/s", limit: yardstick, goal: .atLeast(150))
    let loose = throughput(period, Workload.looseAnswers.map(\.utf8.count)) { index in
      precondition(Answer(parsing: Workload.looseAnswers[index], inputs: 1).fault == nil)
    }
    report.add(
      "reading", "answers as models write them", loose, "MB/s", limit: yardstick, goal: .atLeast(150))
    writing(period, yardstick, &report)
    hostile(&report)
  }

  private static func writing(_ period: Double, _ yardstick: Double?, _ report: inout Report) {
    let now = Date(timeIntervalSince1970: 1_763_985_600)
    let records = Workload.answers.map { answer in
      let part = Answer(parsing: answer, inputs: 1).parts[0]
      return Record(
        name: "s00000-0000000", inputSHA256: String(repeating: "a", count: 64), session: "s00000",
        project: "linkcheck", turn: 1, kind: .toolUse, occurredAt: now, processedAt: now, outcome: .observed,
        findings: part?.findings ?? [], summary: part?.summary, provider: "openrouter", model: "bench/one")
    }
    let xml = throughput(period, records.map(\.xml.count)) { _ = records[$0].xml }
    report.add("reading", "records written as XML", xml, "MB/s", limit: yardstick)
    let json = throughput(period, records.map(\.json.count)) { _ = records[$0].json }
    report.add("reading", "records written as JSON", json, "MB/s", limit: yardstick)
  }

  /// Texts that are made to cost time: twice the text may take twice the time, and a little for noise.
  private static func hostile(_ report: inout Report) {
    var worst = (growth: 0.0, name: "")
    var slowest = (speed: Double.infinity, name: "")
    for (name, text) in Workload.hostileAnswers {
      let (half, whole) = (text(1 << 18), text(1 << 19))
      // The least of several times, since others may use the processor's caches meanwhile; in turns, since they may
      // do so for longer than one text takes.
      var (one, two) = (Double.infinity, Double.infinity)
      for _ in 0..<15 {
        one = min(one, time(of: half))
        two = min(two, time(of: whole))
      }
      if two / one > worst.growth { worst = (two / one, name) }
      let speed = Double(whole.utf8.count) / two / 1e6
      if speed < slowest.speed { slowest = (speed, name) }
    }
    report.add("reading", "hostile, doubled: \(worst.name)", worst.growth, "times", goal: .atMost(2.2))
    report.add("reading", "hostile, slowest: \(slowest.name)", slowest.speed, "MB/s")
  }

  /// How long it takes to read an answer, in seconds.
  private static func time(of text: String) -> Double {
    let start = threadSeconds()
    _ = Answer(parsing: text, inputs: 1)
    return threadSeconds() - start
  }

  /// Processor time of this thread.
  private static func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// MB a second, at the fastest of several passes over all texts.
  private static func throughput(_ period: Double, _ sizes: [Int], _ body: (Int) -> Void) -> Double {
    let start = monotonicNanoseconds()
    var best = Double.infinity
    while seconds(since: start) < period {
      let before = threadSeconds()
      for _ in 0..<20 {
        for index in sizes.indices { body(index) }
      }
      best = min(best, (threadSeconds() - before) / 20)
    }
    return Double(sizes.reduce(0, +)) / best / 1e6
  }
}
