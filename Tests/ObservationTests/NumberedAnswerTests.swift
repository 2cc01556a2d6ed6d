// Which input each block of an answer answers.
import Observation
import Testing

@Suite struct NumberedAnswerTests {
  private func titles(_ answer: Answer) -> [[String?]?] {
    answer.parts.map { part in
      part.map { $0.isSkip ? ["-"] : $0.findings.map(\.title) + ($0.summary.map { [$0.request] } ?? []) }
    }
  }

  private func block(_ title: String, _ attributes: String = "") -> String {
    "<observation\(attributes)><title>\(title)</title></observation>\n"
  }

  @Test func takesNumbersAtTheirWord() {
    let answer = Answer(
      parsing: block("b", " input=\"2\"") + "<skip input=\"3\"/>" + block("a", " input='1'")
        + block("B", " input=2"), inputs: 3)
    #expect(titles(answer) == [["a"], ["b", "B"], ["-"]])
    #expect(answer.isNumbered)
    #expect(answer.fault == nil)
  }

  @Test func takesBlocksInOrderIfThereAreAsManyAsInputs() {
    let answer = Answer(
      parsing: block("a") + "<skip/>" + "<summary>\n<request>c</request></summary>", inputs: 3)
    #expect(titles(answer) == [["a"], ["-"], ["c"]])
    #expect(!answer.isNumbered)
    #expect(answer.fault == nil)
  }

  @Test(arguments: [1, 2]) func givesBlocksToNobodyIfTheirCountIsAnother(_ count: Int) {
    let answer = Answer(parsing: (1...count).map { block("\($0)") }.joined(), inputs: 3)
    #expect(answer.parts == [nil, nil, nil])
    #expect(answer.fault == .unnumbered)
  }

  @Test func leavesOutWhatIsNotNumberedAmongNumbered() {
    let answer = Answer(parsing: block("a", " input=\"1\"") + block("b"), inputs: 2)
    #expect(titles(answer) == [["a"], nil])
    #expect(!answer.isNumbered)
    #expect(answer.fault == .unanswered([2]))
  }

  @Test func ignoresNumbersThatThereAreNot() {
    let answer = Answer(
      parsing: block("a", " input=\"1\"") + block("b", " input=\"0\"") + block("c", " input=\"9\""), inputs: 2
    )
    #expect(titles(answer) == [["a"], nil])
  }

  @Test func takesAnyNumberForTheOnlyInput() {
    let answer = Answer(parsing: block("a", " input=\"7\""), inputs: 1)
    #expect(titles(answer) == [["a"]])
    #expect(answer.isNumbered)
  }

  @Test func skipsSeveralInputsInOne() {
    let answer = Answer(parsing: "<skip input=\"1, 3-4\"/>" + block("b", " input=\"2,5\""), inputs: 5)
    #expect(titles(answer) == [["-"], ["b"], ["-"], ["-"], ["-"]])
  }

  @Test func anEmptyBlockAnswersNobody() {
    let answer = Answer(
      parsing: block("a", " input=\"1\"") + "<observation input=\"2\"></observation>", inputs: 2)
    #expect(answer.fault == .unanswered([2]))
  }

  @Test func keepsTheWholeBlockBeforeACutOne() {
    let answer = Answer(
      parsing: block("a", " input=\"1\"") + "<observation input=\"2\"><type>bugf", inputs: 2)
    #expect(titles(answer) == [["a"], nil])
    #expect(answer.fault == .cutShort)
  }

  @Test func aTypeIsTakenBesideANumber() {
    let answer = Answer(
      parsing: block("a", " type=\"bugfix\" input=\"2\"") + block("b", " input=\"1\" type=change"), inputs: 2)
    #expect(answer.parts.map { $0?.findings[0].type } == ["change", "bugfix"])
  }
}
