// What is measured, and how it is shown.
import JSONText

/// One line of the table.
struct Measurement {
  enum Goal {
    case atLeast(Double)
    case atMost(Double)
  }

  /// What a goal is about.
  enum Subject { case value, ratio }

  let figure: String
  let measure: String
  let unit: String
  let value: Double
  /// What it is compared with in the same run: the limit program, libxml2, or another figure of ours.
  var limit: Double?
  var goal: Goal?
  var subject = Subject.value

  var ratio: Double? { limit.flatMap { $0 == 0 ? nil : value / $0 } }

  /// Whether the goal is met; nil where there is none.
  var isMet: Bool? {
    guard let goal else { return nil }
    guard let number = subject == .value ? value : ratio else { return false }
    return switch goal {
    case .atLeast(let least): number >= least
    case .atMost(let most): number <= most
    }
  }

  fileprivate var goalText: String {
    let number: String
    switch goal {
    case nil: return ""
    case .atLeast(let least): number = "≥ \(short(least))"
    case .atMost(let most): number = "≤ \(short(most))"
    }
    return number + (subject == .ratio ? " of it" : "")
  }
}

/// Takes measurements and shows them, each as it comes.
struct Report {
  private let asJSON: Bool
  private(set) var measurements: [Measurement] = []

  init(asJSON: Bool) {
    self.asJSON = asJSON
    if !asJSON { print(Self.row("figure", "measure", "ours", "unit", "limit", "ratio", "goal", "")) }
  }

  mutating func add(
    _ figure: String, _ measure: String, _ value: Double, _ unit: String, limit: Double? = nil,
    goal: Measurement.Goal? = nil, of subject: Measurement.Subject = .value
  ) {
    let new = Measurement(
      figure: figure, measure: measure, unit: unit, value: value, limit: limit, goal: goal, subject: subject)
    measurements.append(new)
    guard !asJSON else { return }
    print(
      Self.row(
        figure, measure, short(value), unit, limit.map(short) ?? "", new.ratio.map(short) ?? "", new.goalText,
        new.isMet.map { $0 ? "met" : "MISSED" } ?? ""))
  }

  /// Whether all goals are met.
  var isGood: Bool { measurements.allSatisfy { $0.isMet ?? true } }

  var json: [UInt8] {
    var writer = JSONWriter(.indented)
    writer.array {
      for one in measurements {
        $0.object {
          $0.member("figure", one.figure)
          $0.member("measure", one.measure)
          $0.member("value", one.value)
          $0.member("unit", one.unit)
          $0.member("limit", one.limit)
          $0.member("ratio", one.ratio)
          $0.member("goal", one.goal == nil ? nil : one.goalText)
          $0.key("met")
          if let isMet = one.isMet { $0.value(isMet) } else { $0.null() }
        }
      }
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }

  private static let widths = [21, 34, 10, 8, 10, 8, 14, 6]

  private static func row(_ cells: String...) -> String {
    var line = ""
    for (cell, width) in zip(cells, widths) {
      let padding = String(repeating: " ", count: max(0, width - cell.count))
      // Numbers stand at the right.
      let isNumber = [2, 4, 5].contains(widths.firstIndex(of: width) ?? 0) && cell.first?.isNumber == true
      line += isNumber ? padding + cell + "  " : cell + padding + "  "
    }
    while line.last == " " { line.removeLast() }
    return line
  }
}

/// Three digits, or all before the point.
func short(_ number: Double) -> String {
  guard number.isFinite else { return "-" }
  var decimals = 0
  while decimals < 3, abs(number) * power(decimals) < 100 { decimals += 1 }
  let scaled = Int((abs(number) * power(decimals)).rounded())
  let digits = String(scaled)
  let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
  let fraction = padded.suffix(decimals)
  return (number < 0 ? "-" : "") + padded.dropLast(decimals) + (fraction.isEmpty ? "" : "." + fraction)
}

private func power(_ decimals: Int) -> Double { (0..<decimals).reduce(1) { power, _ in power * 10 } }

extension [Double] {
  /// 0 where there is none.
  var median: Double { quantile(0.5) }

  /// The value that so large a part of all is below.
  func quantile(_ part: Double) -> Double {
    guard !isEmpty else { return 0 }
    let sorted = self.sorted()
    return sorted[Swift.min(Int(Double(count) * part), count - 1)]
  }
}
