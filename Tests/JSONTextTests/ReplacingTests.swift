import Foundation
import JSONText
import TestSupport
import Testing

/// Replacing bytes in a text.
@Suite struct ReplacingTests {
  @Test(arguments: [
    ("", "ab", ""), ("a", "ab", "a"), ("ab", "ab", "-"), ("xab", "ab", "x-"), ("abx", "ab", "-x"),
    ("abab", "ab", "--"), ("aab", "ab", "a-"), ("aaab aab", "aab", "a- -"), ("aaa", "aa", "-a"),
    ("abc", "", "abc"),
    ("ab\u{301}", "ab", "-\u{301}"), ("e\u{301}", "\u{E9}", "e\u{301}"),
  ])
  func replaces(_ text: String, _ wanted: String, _ expected: String) {
    let replaced = text.replacing(bytesOf: wanted, with: "-")
    #expect(Array(replaced.utf8) == Array(expected.utf8))
    #expect(Array(text.utf8).replacing(bytesOf: wanted, with: "-") == Array(expected.utf8))
    #expect(
      WrittenBytes(Array(text.utf8)).replacing(bytesOf: wanted, with: "-").bytes == Array(expected.utf8))
  }

  /// Those of a few letters, where many begin and few are whole, and those that are as long as keys and longer.
  @Test func findsWhatFoundationFinds() {
    var generator = SeededGenerator(seed: 21)
    for _ in 0..<3000 {
      func letters(_ count: ClosedRange<Int>) -> String {
        String(
          (0..<Int.random(in: count, using: &generator)).map { _ in Bool.random(using: &generator) ? "a" : "b"
          })
      }
      let wanted = letters(Bool.random(using: &generator) ? 1...4 : 60...300)
      let text = (0..<4).map { _ in letters(0...40) + (Bool.random(using: &generator) ? wanted : "") }
        .joined()
      #expect(
        text.replacing(bytesOf: wanted, with: "[key]")
          == text.replacingOccurrences(of: wanted, with: "[key]", options: .literal))
    }
  }

  @Test func takesNoLongerWhereThereAreMany() {
    // In place and from the front each time, this would move terabytes.
    let many = Array(repeating: UInt8(ascii: "k"), count: 8 << 20)
    #expect(many.replacing(bytesOf: "kkkkkkkk", with: "[key]").count == 5 << 20)
  }
}
