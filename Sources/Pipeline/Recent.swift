// A small memory of what was used last.

/// The things used last, so many of them.
struct Recent<Value> {
  private let capacity: Int
  private var values: [String: Value] = [:]
  private var order: [String] = []

  init(capacity: Int) { self.capacity = capacity }

  subscript(key: String) -> Value? {
    mutating get {
      guard let value = values[key] else { return nil }
      if order.last != key {
        order.removeAll { $0 == key }
        order.append(key)
      }
      return value
    }
    set {
      values[key] = newValue
      order.removeAll { $0 == key }
      if newValue != nil { order.append(key) }
      if order.count > capacity { values[order.removeFirst()] = nil }
    }
  }

  mutating func removeAll() {
    values.removeAll()
    order.removeAll()
  }
}
