// A memory of what was used last, of a bounded size.

/// The things used last, as many as cost no more than a budget together.
struct Recent<Value> {
  private struct Kept {
    var value: Value
    var cost: Int
    /// Larger than that of all that was used before.
    var use: Int
  }

  private let budget: Int
  private let cost: (Value) -> Int
  private var kept: [String: Kept] = [:]
  private var total = 0
  private var uses = 0

  /// - Parameters:
  ///   - budget: What all may cost; the thing used last is kept whatever it costs.
  ///   - cost: What a thing costs. It may change; it is asked at each use.
  init(budget: Int, cost: @escaping (Value) -> Int) {
    self.budget = budget
    self.cost = cost
  }

  subscript(key: String) -> Value? {
    mutating get {
      guard let value = kept[key]?.value else { return nil }
      keep(value, key)
      return value
    }
    set {
      if let newValue { keep(newValue, key) } else { total -= kept.removeValue(forKey: key)?.cost ?? 0 }
    }
  }

  mutating func removeAll() {
    kept.removeAll()
    total = 0
  }

  /// Forgets what was used longest ago, until the rest costs no more than this; the thing used last is kept whatever it
  /// costs.
  mutating func shrink(to limit: Int) {
    guard total > limit else { return }
    total = 0
    var shrunk: [String: Kept] = [:]
    for (key, thing) in kept.sorted(by: { $0.value.use > $1.value.use }) {
      guard shrunk.isEmpty || total + thing.cost <= limit else { break }
      total += thing.cost
      shrunk[key] = thing
    }
    kept = shrunk
  }

  private mutating func keep(_ value: Value, _ key: String) {
    uses += 1
    let new = Kept(value: value, cost: cost(value), use: uses)
    total += new.cost - (kept.updateValue(new, forKey: key)?.cost ?? 0)
    // By half at a time, so that looking for the oldest costs little for each.
    if total > budget { shrink(to: budget / 2) }
  }
}
