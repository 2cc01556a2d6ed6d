// What calls have cost, added up, for `obspool usage` and `obspool status`.

import FoundationEssentials
import JSONText
import Spool

/// What a number of calls came to.
public struct UsageTotal: Sendable, Equatable {
  public var calls = 0
  public var inputs = 0
  public var inputTokens = 0
  public var cachedTokens = 0
  public var outputTokens = 0
  /// Of the calls whose cost is known.
  public var costUSD = 0.0
  /// Calls whose cost neither the reply nor the price table told.
  public var unpricedCalls = 0
  /// Whether any cost was reckoned from the price table, or any tokens from the length.
  public var isEstimated = false

  public init() {}

  /// Adds up a usage file. Lines that are torn or not ours are passed over.
  public init(lines: [UInt8]) {
    for line in UsageLine.lines(of: lines) { add(line) }
  }

  public mutating func add(_ line: UsageLine) {
    calls += 1
    inputs += line.inputs
    inputTokens += line.inputTokens
    cachedTokens += line.cachedTokens
    outputTokens += line.outputTokens
    costUSD += line.costUSD ?? 0
    if line.costUSD == nil { unpricedCalls += 1 }
    isEstimated = isEstimated || line.estimated
  }

  /// The share of the input tokens that a provider's prompt cache served, 0 to 1.
  public var cachedShare: Double { inputTokens > 0 ? Double(cachedTokens) / Double(inputTokens) : 0 }

  func write(to writer: inout JSONWriter) {
    writer.member("calls", calls)
    writer.member("inputs", inputs)
    writer.member("input_tokens", inputTokens)
    writer.member("cached_tokens", cachedTokens)
    writer.member("output_tokens", outputTokens)
    writer.member("cost_usd", costUSD)
    writer.member("unpriced_calls", unpricedCalls)
    writer.member("estimated", isEstimated)
  }
}

/// The calls of some days, added up by what they have in common.
public struct UsageReport: Sendable, Equatable {
  /// What is added up.
  public enum Grouping: String, CaseIterable, Sendable {
    case model, project, session, day
  }

  public struct Row: Sendable, Equatable {
    /// The model that was asked (`PROVIDER MODEL`), the project, the session, or the day in UTC.
    public var key: String
    public var total: UsageTotal
  }

  public let grouping: Grouping
  /// By day: in order; else the most expensive first, then the one with the most tokens.
  public let rows: [Row]
  public let total: UsageTotal

  public init(lines: some Sequence<UsageLine>, by grouping: Grouping) {
    var totals: [String: UsageTotal] = [:]
    var total = UsageTotal()
    for line in lines {
      totals[Self.key(of: line, grouping), default: UsageTotal()].add(line)
      total.add(line)
    }
    let rows = totals.map { Row(key: $0.key, total: $0.value) }
    self.grouping = grouping
    self.total = total
    self.rows =
      grouping == .day
      ? rows.sorted { $0.key < $1.key }
      : rows.sorted {
        let (left, right) = ($0.total, $1.total)
        if left.costUSD != right.costUSD { return left.costUSD > right.costUSD }
        if left.inputTokens != right.inputTokens { return left.inputTokens > right.inputTokens }
        return $0.key < $1.key
      }
  }

  /// Reads the usage files of the days from `since` to `now`, and counts the calls from `since` on.
  public init(spool: Spool, since: Date, until now: Date, by grouping: Grouping) throws(SpoolError) {
    var lines: [UsageLine] = []
    let last = UsageLine.day(of: now)
    var moment = since
    while UsageLine.day(of: moment) <= last {
      let file = try spool.usage(of: UsageLine.day(of: moment)) ?? []
      lines += UsageLine.lines(of: file).filter { $0.at >= since }
      moment += 86400
    }
    self.init(lines: lines, by: grouping)
  }

  private static func key(of line: UsageLine, _ grouping: Grouping) -> String {
    switch grouping {
    case .model: line.provider + " " + line.model
    case .project: line.project
    case .session: line.session
    case .day: line.day
    }
  }

  /// An object with the rows under the grouping's plural, and the total; indented, with a line break at its end.
  public var json: [UInt8] {
    var writer = JSONWriter(.indented)
    writer.object {
      $0.key(text: grouping.rawValue + "s")
      $0.array {
        for row in rows {
          $0.object {
            $0.key(text: grouping.rawValue)
            $0.value(row.key)
            row.total.write(to: &$0)
          }
        }
      }
      $0.key("total")
      $0.object { total.write(to: &$0) }
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }
}

extension UsageLine {
  /// The lines of a usage file, without those that are torn or not ours.
  public static func lines(of file: [UInt8]) -> some Sequence<UsageLine> {
    file.split(separator: UInt8(ascii: "\n")).lazy.compactMap { UsageLine(json: Array($0)) }
  }
}
