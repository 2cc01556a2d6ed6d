// What is kept of what was used last.

import Testing

@testable import Pipeline

struct RecentTests {
  /// Numbers that cost what they are, used in their order.
  private func recent(_ numbers: [Int], budget: Int) -> Recent<Int> {
    var recent = Recent<Int>(budget: budget) { $0 }
    for number in numbers { recent["\(number)"] = number }
    return recent
  }

  private func kept(_ recent: Recent<Int>, of numbers: [Int]) -> [Int] {
    var recent = recent
    return numbers.filter { recent["\($0)"] != nil }
  }

  @Test func `what was used longest ago is forgotten when all costs too much`() {
    #expect(kept(recent([1, 2, 3, 4], budget: 10), of: [1, 2, 3, 4]) == [1, 2, 3, 4])
    // As much of it as leaves half of the budget.
    #expect(kept(recent([5, 4, 3, 2, 1], budget: 14), of: [5, 4, 3, 2, 1]) == [3, 2, 1])
    #expect(kept(recent([1, 2, 20], budget: 14), of: [1, 2, 20]) == [20])
    var used = recent([2, 9, 8], budget: 19)
    _ = used["2"]
    used["1"] = 1
    #expect(kept(used, of: [2, 9, 8, 1]) == [2, 1])
  }

  @Test func `what costs more than when it was used last is counted again, if it is still there`() {
    final class Thing {
      var cost: Int
      init(_ cost: Int) { self.cost = cost }
    }
    let things = [4, 4, 1, 1].map(Thing.init)
    var recent = Recent<Thing>(budget: 10) { $0.cost }
    for (number, thing) in things.enumerated() { recent["\(number)"] = thing }
    things[3].cost = 2
    _ = recent["3"]
    #expect((0..<4).filter { recent["\($0)"] != nil } == [2, 3])
    things[0].cost = 100
    _ = recent["0"]
    #expect((0..<4).filter { recent["\($0)"] != nil } == [2, 3])
  }

  @Test(arguments: [
    (10, [1, 2, 3, 4]), (9, [2, 3, 4]), (7, [3, 4]), (6, [4]), (0, [4]),
  ])
  func `shrinking keeps what was used last, and of that the last at least`(limit: Int, expected: [Int]) {
    var shrunk = recent([1, 2, 3, 4], budget: 100)
    shrunk.shrink(to: limit)
    #expect(kept(shrunk, of: [1, 2, 3, 4]) == expected)
    // What is left counts against the budget, and nothing else.
    var tight = recent([1, 2, 3, 4], budget: 10)
    tight.shrink(to: limit)
    let more = 10 - expected.reduce(0, +)
    tight["more"] = more
    #expect(kept(tight, of: expected) == expected)
  }
}
