import JSONText
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

  @Test func takesNoLongerWhereThereAreMany() {
    // In place and from the front each time, this would move terabytes.
    let many = Array(repeating: UInt8(ascii: "k"), count: 8 << 20)
    #expect(many.replacing(bytesOf: "kkkkkkkk", with: "[key]").count == 5 << 20)
  }
}
