// What is private is gone before anything else sees it.
import JSONText
import Observation
import Testing

@Suite struct PrivacyTests {
  /// What a tag held apart may be a longer row of marks than anything should have to compare.
  @Test func breaksUpTheRowThatIsLeft() {
    let marks = String(repeating: "\u{301}", count: 20)
    let text = Privacy.remove(from: "a\(marks)<private>x</private>\(marks)b")
    let ten = String(repeating: "\u{301}", count: 10)
    #expect(Array(text.utf8) == Array("a\(ten)\(ten)\(ten)\u{34F}\(ten)b".utf8))
  }

  @Test(arguments: [
    ("nothing to hide", "nothing to hide"),
    ("a <private>x</private> b", "a  b"),
    ("a <PRIVATE>x</Private> b", "a  b"),
    ("a <private reason=\"y\" >x</private > b", "a  b"),
    ("a <private>x", "a "),
    ("a <private", "a "),
    ("a <private>x<private>y</private>z</private> b", "a  b"),
    ("a <private>x<private>y</private>z", "a "),
    ("a <private>x<system-reminder>y</private>z</system-reminder> b", "a  b"),
    ("a </private> b", "a  b"),
    ("a <private/> b", "a  b"),
    ("a </private <private>x</private> b", "a  b"),
    ("a </system-reminder <private>x</private> b", "a  b"),
    ("a <private <private/>x</private> b", "a "),
    ("a <private a=\"</private>\">x</private> b", "a "),
    ("a <private a=\"x/>\">x</private> b", "a  b"),
    ("a <system-reminder>x</system-reminder> b", "a  b"),
    ("a <claude-mem-context>x</claude-mem-context> b", "a  b"),
    ("a <system-instruction>x</system-instruction> b", "a  b"),
    ("a <system_instruction>x</system_instruction> b", "a  b"),
    ("a <persisted-output>x</persisted-output> b", "a  b"),
    ("a <privateer> <private-key> <Private.Type> b", "a <privateer> <private-key> <Private.Type> b"),
    ("if a < private && b > c", "if a < private && b > c"),
    ("a <pri<private>x</private>vate>secret</private> b", "a "),
    (#"a \u003cprivate\u003ex\u003c/private\u003e b"#, "a  b"),
    (#"a \\u003Cprivate\\u003ex\\u003c\/private> b"#, "a  b"),
    (#"a \x3cprivate\x3ex\x3c/private\x3e b"#, "a  b"),
    (#"a <\u0070rivate>x</private> b"#, "a  b"),
    ("a &lt;private&gt;x&lt;/private&gt; b", "a  b"),
    ("a &#60;private&#x3E;x&#x3c;/private&gt; b", "a  b"),
    (#"C:\new\users <private>x</private>"#, #"C:\new\users "#),
    ("AT&T \\ & <b>", "AT&T \\ & <b>"),
    (#"{"a":"<private>x","b":"y"}"#, #"{"a":"","b":"y"}"#),
    (#"{"a":"\u0070 \u003c\u0070rivate>x","b":"y"}"#, #"{"a":"p ","b":"y"}"#),
    (#"{ "a" : "<b>" }"#, #"{ "a" : "<b>" }"#),
    (#"{"<private>k</private>x":1}"#, #"{"x":1}"#),
    (#"{"a": "<private>x"#, #"{"a": ""#),
    ("{\"n\":1}\n{\"t\":\"\\u003cprivate\\u003ex\"}\n{\"n\":2}", "{\"n\":1}\n{\"t\":\""),
  ])
  func removes(_ text: String, _ visible: String) {
    #expect(Privacy.remove(from: text) == visible)
  }

  @Test func reachesJSONInStringsInJSON() {
    var text = #"{"a":"<private>secret</private>open","b":"<system-reminder>secret","c":"open"}"#
    for _ in 0..<9 {
      text = JSON.array([.string(text), .string("open")]).text
      let visible = Privacy.remove(from: text)
      #expect(!visible.contains("secret"))
      #expect(visible.contains("open"))
    }
  }

  @Test func anEventHoldsNothingPrivate() throws {
    let secret = #"a<private>SECRET</private>b"#
    let inner = JSON.string(
      #"{"deep": "\u003cprivate\u003eSECRET\u003c/private\u003e", "k": ["<private>SECRET"]}"#
    ).text
    let event = try event(
      """
      {"session_id": "\(secret)", "project": "\(secret)", "cwd": "/\(secret)", "prompt": "\(secret)", "tool_name": "\(secret)",
       "tool_input": {"\(secret)": ["\(secret)", \(inner)]}, "tool_response": \(inner), "hook_event_name": "\(secret)",
       "last_assistant_message": {"x": "\(secret)"}}
      """)
    #expect(!"\(event)".contains("SECRET"))
    #expect(event.session == "ab")
    #expect(event.toolInput?["ab"]?.array?.first == .string("ab"))
    #expect(event.lastAssistantMessage == #"{"x":"ab"}"#)
  }

  @Test func hidesAPromptThatIsAllPrivate() throws {
    let event = try event(#"{"hook_event_name": "UserPromptSubmit", "prompt": "<private>SECRET</private>"}"#)
    #expect(event.kind == .prompt)
    #expect(event.prompt == nil)
  }

  @Test(arguments: [
    "<private>", "<private", "<pri<private>x</private>vate>", "\\", "\\u003c", "<\\\\\\\\u0070", "</private>",
    "&lt;", "<",
    "<private a=", "&#", "[\"",
  ])
  func endsWhateverComes(_ piece: String) {
    let visible = Privacy.remove(from: String(repeating: piece, count: 20_000))
    #expect(Privacy.remove(from: visible) == visible)
    #expect(!visible.contains("<private>"))
  }
}
