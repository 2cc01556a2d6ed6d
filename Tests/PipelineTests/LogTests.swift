import Testing
import Threads

@testable import Pipeline

@Suite struct LogTests {
  static func lines(journal: Bool, upTo least: Log.Level = .info, _ body: (Log) -> Void) -> [String] {
    let lines = Locked<[String]>([])
    body(Log(journal: journal, upTo: least) { line in lines.withLock { $0.append(line) } })
    return lines.withLock { $0 }
  }

  static func sayAll(_ log: Log) {
    log.error("one")
    log.warning("two")
    log.notice("three")
    log.info("four")
  }

  @Test func theJournalGetsPriorities() {
    #expect(Self.lines(journal: true, Self.sayAll) == ["<3>one", "<4>two", "<5>three", "<6>four"])
  }

  @Test func peopleGetWords() {
    #expect(Self.lines(journal: false, Self.sayAll) == ["error: one", "warning: two", "three", "four"])
  }

  @Test func whatIsNotWantedIsNotEvenMade() {
    #expect(Self.lines(journal: true, upTo: .warning, Self.sayAll) == ["<3>one", "<4>two"])
    _ = Self.lines(journal: false, upTo: .notice) { log in
      func message() -> String {
        Issue.record("the message was made")
        return ""
      }
      log.info(message())
    }
  }

  /// No message can start a line of its own, not even one with a priority.
  @Test func aMessageIsOneLine() {
    let lines = Self.lines(journal: true) { $0.warning("a\n<3>b\r\nc\u{2028}d\u{85}e") }
    #expect(lines == ["<4>a\\n<3>b\\r\\nc\\u{2028}d\\u{85}e"])
  }
}

@Suite struct PrintableTests {
  @Test(arguments: ["", "plain", "grüße 😀 e\u{301} \u{200D}", "tab-free, quote's \"fine\" \\ too"])
  func whatIsHarmlessStays(text: String) {
    #expect(Printable.line(text) == text && Printable.text(text) == text)
  }

  @Test func whatMovesTheCursorOrReordersIsShown() {
    #expect(Printable.line("\u{1B}[2J\u{7}\0\u{7F}\u{9B}") == "\\u{1B}[2J\\u{7}\\u{0}\\u{7F}\\u{9B}")
    #expect(
      Printable.line("a\u{202E}b\u{2066}c\u{200F}\u{61C}\u{FEFF}")
        == "a\\u{202E}b\\u{2066}c\\u{200F}\\u{61C}\\u{FEFF}")
  }

  @Test func nothingHostileIsLeft() {
    for value in (0...0x2100 as ClosedRange<UInt32>).filter({ $0 < 0x20 || (0x7F..<0xA0).contains($0) }) {
      let shown = Printable.line("x" + String(Character(Unicode.Scalar(value)!)))
      #expect(shown.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7F })
      let text = Printable.text("x" + String(Character(Unicode.Scalar(value)!)))
      #expect(
        text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7F || $0 == "\n" || $0 == "\t" })
    }
  }

  @Test func aTextKeepsItsLinesAndTabs() {
    #expect(Printable.text("a\tb\n\n\u{1B}c\n") == "a\tb\n\n\\u{1B}c\n")
    #expect(Printable.text("\n") == "\n" && Printable.text("\t\t") == "\t\t")
    // As Windows ends them.
    #expect(Printable.text("a\r\nb\r\n") == "a\nb\n")
    #expect(Printable.text("over\rwritten") == "over\\rwritten")
  }
}
