import TestSupport
import Testing

@testable import Spool

@Suite struct NameListTests {
  /// Names in a random order, of each length that matters to a sort by eight bytes at a time.
  private static func names(_ make: (inout SeededGenerator) -> String) -> Set<String> {
    var random = SeededGenerator(seed: 1)
    var names: Set<String> = []
    for _ in 0..<3000 { names.insert(make(&random)) }
    return names
  }

  private static let alike = names { random in
    "2026-11-28T" + String(repeating: "0", count: Int.random(in: 0...20, using: &random))
      + String(UInt16.random(in: 0...999, using: &random))
  }
  private static let words = names { random in
    String(
      (1...Int.random(in: 1...30, using: &random)).map { _ in
        "abäß\u{1}\u{7f}🫖".randomElement(using: &random) ?? "a"
      })
  }

  @Test(arguments: [alike, words, ["a"], [], ["ab", "a", "abcdefgh", "abcdefghi", "b"]])
  func `Names are sorted by their bytes`(names: Set<String>) {
    var list = NameList()
    for name in names { list.append(name.utf8) }
    list.sort()
    #expect(list.map(\.text) == names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  }

  @Test func `A name that is there twice stays there twice`() {
    var list = NameList()
    for name in ["b", "longer-than-eight", "a", "longer-than-eight", "b"] { list.append(name.utf8) }
    list.sort()
    #expect(list.map(\.text) == ["a", "b", "b", "longer-than-eight", "longer-than-eight"])
  }
}
