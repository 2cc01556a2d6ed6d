// The work of reading an answer grows as its length does, whatever it holds.
import Testing

@testable import Observation

@Suite struct AnswerWorkTests {
  static let hostile: [String] = [
    "<", "<!--", "<![CDATA[", "-->", "]]>", "&", "&#x", "</", "<observation ", "<observation>",
    "<observation>\n",
    "</observation>", "<observation", "<title>", "</title>", "<title>a", "<fact>x", "<facts>",
    "<facts><fact>",
    "<think>", "</think>", "<think></think>", "<skip/>", "<skip input=\"1\"/>", "<summary>\n", "a=\"",
    "<title a=",
    "<observation><title>x</title></observation>", "<observation><title>", "<observation>\n<fact><!--",
    "<title><![CDATA[", "<title><!--", "<title>]]>", "<type>a</type>",
    "<observation input=\"1,1,1,1\">\n<title>a",
    "<observation>          ", "          <observation>\nx", "<narrative>&lt;</narrative>", "\r", "\u{0}",
    "<facts>- a\n", "<concept>x:</concept>",
  ]

  @Test(arguments: hostile) func isLinear(_ piece: String) {
    for lead in ["", "<observation>\n<narrative>", "<observation>\n<facts>"] {
      let base = lead + String(repeating: piece, count: 20_000 / piece.utf8.count)
      var once = 0
      var twice = 0
      _ = Answer(parsing: base, inputs: 3, work: &once)
      _ = Answer(parsing: base + base, inputs: 3, work: &twice)
      #expect(twice <= once * 2 + 2_000, "after '\(lead)'")
      #expect(twice <= 12 * 40_000, "after '\(lead)'")
    }
  }
}
