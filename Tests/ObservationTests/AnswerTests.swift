// What a person would read out of an answer, whatever form the model gave it.
import Observation
import Testing

@Suite struct AnswerTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let answer: String
    let findings: [Finding]

    init(_ name: String, _ answer: String, _ findings: Finding...) {
      self.name = name
      self.answer = answer
      self.findings = findings
    }

    var testDescription: String { name }
  }

  static let wrapped: [Case] = [
    Case("as taught", plainAnswer, plainFinding),
    Case("in a fence", "```xml\n\(plainAnswer)\n```", plainFinding),
    Case(
      "prose around", "Here is what I found:\n\n\(plainAnswer)\n\nLet me know if you need more!", plainFinding
    ),
    Case("fence inside the block", "<observation>\n```\n\(plainAnswer.dropFirst(13))", plainFinding),
    Case("CRLF", plainAnswer.split(separator: "\n").joined(separator: "\r\n"), plainFinding),
    Case(
      "an XML declaration and a root", "<?xml version=\"1.0\"?>\n<observations>\(plainAnswer)</observations>",
      plainFinding),
    Case("CDATA around all", "<![CDATA[\(plainAnswer)]]>", plainFinding),
    Case(
      "thinking first",
      "<think>I could write <observation><title>Draft</title></observation>.</think>\(plainAnswer)",
      plainFinding),
    Case(
      "thinking that began before the text",
      "Maybe <observation>\n<title>Draft</title>\n</observation>? No.\n</think>\n\(plainAnswer)", plainFinding
    ),
    Case("thinking that is never closed", "<thinking>The lock matters.\n\(plainAnswer)", plainFinding),
    Case("thinking alone", "<think>\(plainAnswer)</think>"),
    Case("a comment", "<!-- <observation><title>No</title></observation> -->\(plainAnswer)", plainFinding),
    Case("a comment that is never closed", "<!-- as asked:\n\(plainAnswer)", plainFinding),
    Case(
      "a form that is mentioned", "I write an <observation> with a <title> for it.\n\(plainAnswer)",
      plainFinding),
    Case(
      "a summary that is only mentioned",
      "I will give the <summary> when the agent stops. `<summary>`s come later.\n\(plainAnswer)", plainFinding
    ),
    Case("the same block again", plainAnswer + plainAnswer, plainFinding),
    Case("a ghost before", "<observation></observation>\n\(plainAnswer)", plainFinding),
    Case(
      "a ghost after",
      "\(plainAnswer)<observation><type></type><title> </title><facts></facts><narrative/></observation>",
      plainFinding),
    Case(
      "a form that is mentioned at the end of a line",
      "I write an <observation>\nwith a <title>Draft</title> for it.\n\(plainAnswer)", plainFinding),
    Case(
      "a tag left open in one block and mentioned in the next",
      "<observation><title>A<narrative>n</narrative></observation>\n"
        + "<observation><narrative>Now </title> is read</narrative></observation>",
      Finding(type: "discovery", title: "A", narrative: "n"), narrative("Now </title> is read")),
    Case(
      "half a comment in each of two blocks",
      "<observation><narrative>a <!-- b</narrative></observation>\n"
        + "<observation><narrative>c --> d</narrative></observation>", narrative("a <!-- b"),
      narrative("c --> d")),
    Case("nothing but a file in no list", "<observation><type>a</type><file>b</file></observation>"),
    Case("nothing but a type", "<observation><type>bugfix</type></observation>"),
    Case(
      "nothing but a type and a subtitle", "<observation><type>a</type><subtitle>b</subtitle></observation>"),
    Case(
      "two blocks", "\(plainAnswer)\n<observation><title>Other</title></observation>", plainFinding,
      Finding(type: "discovery", title: "Other")),
    Case(
      "an observation and a remark that nothing is to skip", "\(plainAnswer)\nNothing to <skip/> here.",
      plainFinding),
    Case("the block's own tag left out", String(plainAnswer.dropFirst(14)), plainFinding),
    Case("the block's end left out", String(plainAnswer.dropLast(15)), plainFinding),
    Case("upper-case tags", upper(plainAnswer), plainFinding),
    Case("spaces and attributes in tags", attributed(plainAnswer), plainFinding),
    Case("tags that close without a bracket", plainAnswer.replacingAll("</title>", "</title"), plainFinding),
  ]

  private static func upper(_ text: String) -> String {
    text.split(separator: "<", omittingEmptySubsequences: false).map { part in
      guard let end = part.firstIndex(of: ">") else { return String(part) }
      return part[..<end].uppercased() + part[end...]
    }.joined(separator: "<")
  }

  private static func attributed(_ text: String) -> String {
    text.replacingAll("<fact>", "<fact n=\"1\" >").replacingAll("</title>", "</title >")
      .replacingAll("<observation>", "<observation id='x'>")
  }

  @Test(arguments: wrapped) func readsWhatAPersonReads(_ test: Case) {
    #expect(findings(test.answer) == test.findings)
  }

  struct Field: Sendable, CustomTestStringConvertible {
    let written: String
    let read: Finding

    init(_ written: String, _ read: Finding) {
      self.written = written
      self.read = read
    }

    var testDescription: String { written }
  }

  private static func narrative(_ text: String) -> Finding { Finding(type: "discovery", narrative: text) }

  static let fields: [Field] = [
    Field("<narrative>a < b && c > d</narrative>", narrative("a < b && c > d")),
    Field(
      "<narrative>Array<T>, Map<String, List<Int>>, <title</narrative>",
      narrative("Array<T>, Map<String, List<Int>>, <title")),
    Field(
      "<narrative>a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos; &#65;&#x42;</narrative>",
      narrative("a <b> & \"c\" 'd' AB")),
    Field(
      "<narrative>&amp;lt; &nbsp; &; &unknown; AT&T</narrative>", narrative("&lt; &nbsp; &; &unknown; AT&T")),
    Field("<narrative>&#0;&#xD800;&#x110000;x&#7;</narrative>", narrative("&#xD800;&#x110000;x")),
    Field(
      "<narrative><![CDATA[ if (a<b && c) </narrative> &amp; ]]></narrative>",
      narrative("if (a<b && c) </narrative> &amp;")),
    Field("<narrative>x <![CDATA[never closed</narrative>", narrative("x never closed")),
    Field("<narrative>before <!-- not this --> after</narrative>", narrative("before  after")),
    Field("<narrative>a <!-- b</narrative>", narrative("a <!-- b")),
    Field("<narrative>bell\u{7} nul\u{0} escape\u{1B} stay</narrative>", narrative("bell nul escape stay")),
    Field(
      "<narrative>bidi \u{202E}stays\u{202C} 👩‍👩‍👧 ﬁ</narrative>", narrative("bidi \u{202E}stays\u{202C} 👩‍👩‍👧 ﬁ")),
    Field(
      "<narrative>The form is <observation><title>x</title></observation>.</narrative>",
      narrative("The form is <observation><title>x</title></observation>.")),
    Field(
      "<narrative>A stray </observation> is handled</narrative>",
      narrative("A stray </observation> is handled")),
    Field(
      "<narrative>Emits <skip/> and <summary> blocks, <think> too</narrative>",
      narrative("Emits <skip/> and <summary> blocks, <think> too")),
    Field(
      "<facts><fact>XML <title>inside</title> a fact</fact><fact>second</fact></facts>",
      Finding(type: "discovery", facts: ["XML <title>inside</title> a fact", "second"])),
    Field(
      "<facts><fact>nested <fact>fact</fact> here</fact></facts>",
      Finding(type: "discovery", facts: ["nested <fact>fact</fact> here"])),
    Field(
      "<title>Never closed\n<narrative>Text</narrative>",
      Finding(type: "discovery", title: "Never closed", narrative: "Text")),
    Field(
      "<title>Wrongly closed</titel><narrative>Text</narrative>",
      Finding(type: "discovery", title: "Wrongly closed", narrative: "Text")),
    Field(
      "<title>Wrongly closed</subtitle><narrative>Text</narrative>",
      Finding(type: "discovery", title: "Wrongly closed", narrative: "Text")),
    Field(
      "<facts><fact>one<fact>two</fact><fact>three</facts><narrative>n",
      Finding(type: "discovery", facts: ["one", "two", "three"], narrative: "n")),
    Field("<facts>\n- one\n- two\n</facts>", Finding(type: "discovery", facts: ["one", "two"])),
    Field("<facts>[\"one\", \"two\"]</facts>", Finding(type: "discovery", facts: ["one", "two"])),
    Field("<fact>without a list</fact>", Finding(type: "discovery", facts: ["without a list"])),
    Field("<narrative>It emits <skip/> tags", narrative("It emits <skip/> tags")),
    Field("<narrative>a <type of thing> here", narrative("a <type of thing> here")),
    Field("<title>On\n  two lines</title>", Finding(type: "discovery", title: "On two lines")),
    Field("<title>First</title><title>Second</title>", Finding(type: "discovery", title: "First")),
    Field("<type>Bugfix</type><title>t</title>", Finding(type: "bugfix", title: "t")),
    Field("<type>Security Alert</type><title>t</title>", Finding(type: "security_alert", title: "t")),
    Field("<type>Performance</type><title>t</title>", Finding(type: "Performance", title: "t")),
    Field(
      "<title>t</title><concepts><concept>gotcha: the lock is per user</concept><concept>Discovery</concept><concept>gotcha</concept><concept>:</concept></concepts>",
      Finding(type: "discovery", title: "t", concepts: ["gotcha"])),
    Field(
      "<title>t</title><concepts>pattern, gotcha</concepts>",
      Finding(type: "discovery", title: "t", concepts: ["pattern", "gotcha"])),
    Field(
      "<title>t</title><files_read>a.swift, b.swift</files_read><files_modified><file>c.swift</file><file>c.swift</file></files_modified>",
      Finding(type: "discovery", title: "t", filesRead: ["a.swift", "b.swift"], filesModified: ["c.swift"])),
    Field("<title>t</title><confidence>high</confidence> and prose", Finding(type: "discovery", title: "t")),
    Field("<confidence>high</confidence><title>t</title>", Finding(type: "discovery", title: "t")),
    Field(
      "<title>t</title><notes>of <narrative>another</narrative> form</notes>",
      Finding(type: "discovery", title: "t")),
  ]

  @Test(arguments: fields) func readsAFieldAsItIsMeant(_ test: Field) {
    #expect(findings("<observation>\(test.written)</observation>") == [test.read])
  }

  @Test(arguments: [
    ("&amp;", "&"), ("\u{1}", ""), ("\u{7F}", ""), ("<!-- - -->", ""), ("\r\n", "\n"), ("é", "é"),
  ])
  func readsMarkupAtEachPlace(_ markup: String, _ meant: String) {
    for length in 1..<20 {
      let before = String("abcdefghijklmnopqrst".prefix(length))
      let answer = "<observation><narrative>\(before)\(markup)z</narrative></observation>"
      #expect(
        Answer(parsing: answer, inputs: 1).parts.first??.findings.first?.narrative == "\(before)\(meant)z")
    }
  }

  /// However the marks come: as they are, as entities, on both sides of a comment.
  @Test(arguments: ["\u{301}", "&#x301;", "\u{301}<!-- - -->"])
  func breaksUpARowOfMarks(_ mark: String) throws {
    let answer =
      "<observation><narrative>a\(String(repeating: mark, count: 100))</narrative></observation>"
    let narrative = try #require(Answer(parsing: answer, inputs: 1).parts.first??.findings.first?.narrative)
    #expect(narrative.unicodeScalars.count { $0 == "\u{301}" } == 100)
    #expect(narrative.unicodeScalars.count { $0 == "\u{34F}" } == 3)
    let typed =
      "<observation type='a\(String(repeating: "\u{301}", count: 100))'><title>t</title></observation>"
    #expect(findings(typed).first?.type.unicodeScalars.count { $0 == "\u{34F}" } == 3)
  }

  @Test func takesTheTypeFromAnAttribute() {
    #expect(findings("<observation type=\"feature\"><title>t</title></observation>")[0].type == "feature")
  }

  /// Few are told apart in another way than many.
  @Test(arguments: [1, 2, 7, 8, 9, 30])
  func keepsABlockThatIsRepeatedOnce(_ count: Int) {
    let blocks = (0..<count).map { "<observation><title>t\($0)</title><fact>f</fact></observation>" }
    let text = (blocks + blocks.reversed() + blocks).joined(separator: "\n")
    #expect(findings(text).map(\.title) == (0..<count).map { "t\($0)" })
  }

  @Test func keepsAMegabyteOfText() {
    let text = String(repeating: "All <work> & no play. ", count: 50_000)
    #expect(
      findings("<observation><narrative>\(text)</narrative></observation>")[0].narrative
        == String(text.dropLast()))
  }

  @Test func readsASummary() {
    let answer = """
      Done.
      <summary>
      <request>Fix the race</request><investigated>token.swift</investigated><learned>It was the lock</learned>
      <completed>Fixed</completed><next_steps>Write about <summary> tags</next_steps><notes></notes>
      </summary>
      """
    let part = Answer(parsing: answer, inputs: 1).parts[0]
    #expect(
      part
        == Answer.Part(
          summary: Summary(
            request: "Fix the race", investigated: "token.swift", learned: "It was the lock",
            completed: "Fixed",
            nextSteps: "Write about <summary> tags")))
  }

  @Test(arguments: [
    "<skip/>", "Nothing new here.\n<skip />", "<skip></skip>", "<SKIP>", "<observation><skip/></observation>",
  ])
  func skips(_ answer: String) {
    #expect(Answer(parsing: answer, inputs: 1).parts == [Answer.Part(isSkip: true)])
  }

  @Test(arguments: [
    ("", Answer.Fault.empty), (" \n", .empty), ("I'm ready to continue observing…", .nothingUnderstood),
    ("<observation></observation>", .nothingUnderstood), ("You write <skip> when…", nil),
    ("<summary>of what?", .nothingUnderstood), ("<observation>\n<type>bugf", .cutShort),
    ("<observation>\n<type>bugfix</type>\n<subtitle>The", .cutShort), (plainAnswer, nil),
    (String(plainAnswer.dropLast(200)), nil),
  ])
  func namesTheFault(_ answer: String, _ fault: Answer.Fault?) {
    #expect(Answer(parsing: answer, inputs: 1).fault == fault)
  }

  @Test func tellsWhetherTheTextEndsInABlock() {
    #expect(!Answer(parsing: plainAnswer, inputs: 1).endsOpen)
    for cut in [20, 100, 300] {
      #expect(Answer(parsing: String(plainAnswer.dropLast(cut)), inputs: 1).endsOpen)
    }
    #expect(Answer(parsing: plainAnswer + "<observation>", inputs: 1).endsOpen)
  }

  @Test func leavesHalfATagOutOfACutField() {
    #expect(
      findings("<observation><title>t</title><narrative>It was the lock</narr")[0].narrative
        == "It was the lock")
  }
}

extension String {
  func replacingAll(_ old: String, _ new: String) -> String { replacing(old, with: new) }
}
