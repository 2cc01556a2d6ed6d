// Rows of combining marks: no text that is read may take longer to compare than to read.
import JSONText
import Testing

@Suite struct StreamSafeTests {
  private static let joiner: Unicode.Scalar = "\u{34F}"

  /// How many marks stand in a row at most.
  private static func longestRow(_ text: String) -> Int {
    var (longest, row) = (0, 0)
    for scalar in text.unicodeScalars {
      row = scalar.properties.canonicalCombiningClass == .notReordered ? 0 : row + 1
      longest = max(longest, row)
    }
    return longest
  }

  private static func repeated(_ text: String, _ count: Int) -> String {
    String(repeating: text, count: count)
  }

  /// Marks of two, three and four bytes, in rows of each length, with anything before and behind.
  @Test(arguments: ["\u{301}", "\u{316}\u{301}", "\u{20D0}", "\u{1D165}"])
  func breaksUpLongRowsAlone(marks: String) {
    for before in 0..<70 {
      for count in [1, 15, 29, 30, 31, 32, 60, 61, 95] {
        let row = Self.repeated(marks, count)
        let text = Self.repeated("a", before) + row + "z"
        let safe = text.streamSafe
        #expect(Self.longestRow(safe) == min(30, row.unicodeScalars.count))
        #expect(Array(safe.unicodeScalars).filter { $0 != Self.joiner } == Array(text.unicodeScalars))
        #expect(Array(safe.streamSafe.utf8) == Array(safe.utf8))
        if row.unicodeScalars.count <= 30 { #expect(Array(safe.utf8) == Array(text.utf8)) }
      }
    }
  }

  @Test(arguments: [
    "", "plain", "Zoë", String(repeating: "界", count: 200), String(repeating: "e\u{301}\u{327}", count: 200),
    String(repeating: "क\u{93F}", count: 200), String(repeating: "😀", count: 200),
  ])
  func leavesWhatPeopleWrite(text: String) {
    #expect(Array(text.streamSafe.utf8) == Array(text.utf8))
  }

  @Test func holdsForWhatIsReadFromJSON() throws {
    let row = Self.repeated("\u{301}", 1000)
    let escaped = Self.repeated(#"\u0301"#, 1000)
    let json = try JSON(parsing: #"{"\#(row)": "\#(row)", "b": "\#(escaped)"}"#)
    let members = try #require(json.object)
    for text in [members[0].key, members[0].value.string, members[1].value.string] {
      #expect(Self.longestRow(try #require(text)) == 30)
    }
    let repaired = try JSON(parsing: Array("\"\(row)".utf8) + [0xFF, 0x22], repairing: true)
    #expect(Self.longestRow(try #require(repaired.string)) == 30)
    #expect(throws: JSONError.self) { try JSON(parsing: Array("\"\(row)".utf8) + [0xFF, 0x22]) }
  }
}
