// Inputs in the forms in which producers write them.
import FoundationEssentials
import JSONText
import Observation
import Testing

@Suite struct EventTests {
  @Test func readsTheOwnForm() throws {
    let event = try event(
      """
      {"session_id": "s1", "kind": "tool_use", "project": "shop", "cwd": "/home/a/work", "occurred_at": "2026-11-24T12:00:00Z",
       "tool_name": "Edit", "tool_input": {"file_path": "/home/a/work/x.swift"}, "tool_response": {"ok": true}, "extra": [1]}
      """)
    #expect(event.session == "s1")
    #expect(event.kind == .toolUse)
    #expect(event.project == "shop")
    #expect(event.cwd == "/home/a/work")
    #expect(event.occurredAt == Date(timeIntervalSince1970: 1_795_521_600))
    #expect(event.toolName == "Edit")
    #expect(event.toolInput?["file_path"]?.string == "/home/a/work/x.swift")
    #expect(event.toolResponse?["ok"]?.bool == true)
    #expect(event.prompt == nil)
  }

  @Test func fillsInWhatIsMissing() throws {
    let bare = try event("{}")
    #expect(bare.session == "default")
    #expect(bare.project == "")
    #expect(bare.kind == .note)
    #expect(bare.occurredAt == nil)
    #expect(try event(#"{"cwd": "/home/a/shop/"}"#).project == "shop")
    #expect(try event(#"{"cwd": "shop"}"#).project == "shop")
    #expect(try event(#"{"cwd": "/home/ö/Läden//"}"#).project == "Läden")
    #expect(try event(#"{"cwd": "//"}"#).project == "")
    // A slash is one to the kernel, whatever mark stands behind it.
    #expect(try event(#"{"cwd": "/home/\u0301x"}"#).project == "\u{301}x")
    #expect(try event(#"{"cwd": "/a", "cwd": "/b"}"#).project == "b")
    #expect(try event(#"{"session_id": "", "project": null, "cwd": "/"}"#).session == "default")
  }

  @Test(arguments: [
    ("UserPromptSubmit", #""prompt": "Fix it""#, Event.Kind.prompt),
    ("PostToolUse", #""tool_name": "Read", "tool_input": {}, "tool_response": {}"#, .toolUse),
    ("PostToolUseFailure", #""tool_name": "Bash", "tool_input": {}, "error": "exit 1""#, .toolUse),
    ("Stop", #""stop_hook_active": false, "last_assistant_message": "Done.""#, .stop),
    ("SubagentStop", #""stop_hook_active": false, "agent_id": "x""#, .stop),
    ("SessionStart", #""source": "startup""#, .note),
    ("SessionEnd", #""reason": "exit""#, .note),
    ("PreToolUse", #""tool_name": "Bash", "tool_input": {}"#, .note),
    ("Notification", #""message": "waiting""#, .note),
    ("PreCompact", #""trigger": "auto""#, .note),
    ("PermissionRequest", #""tool_name": "Bash", "tool_input": {}"#, .note),
    ("SomethingNew", #""value": 1"#, .note),
    ("AfterTool", #""tool_name": "replace""#, .toolUse),
  ])
  func readsHookPayloads(_ name: String, _ members: String, _ kind: Event.Kind) throws {
    let event = try event(
      """
      {"session_id": "abc", "transcript_path": "/nowhere/t.jsonl", "cwd": "/w/shop", "permission_mode": "default",
       "hook_event_name": "\(name)", \(members)}
      """)
    #expect(event.kind == kind)
    #expect(event.label == name)
    #expect(event.session == "abc")
    #expect(event.project == "shop")
  }

  @Test(arguments: [
    (
      #"{"contentSessionId": "w", "tool_name": "Read", "tool_input": "{}", "tool_output": "x"}"#,
      Event.Kind.toolUse
    ),
    (#"{"claudeSessionId": "w", "project": "p", "userPrompt": "Fix it"}"#, .prompt),
    (#"{"contentSessionId": "w", "last_user_message": "Fix it", "last_assistant_message": "Done."}"#, .stop),
    (#"{"content_session_id": "w", "message_type": "summarize", "last_assistant_message": "Done."}"#, .stop),
    (#"{"sessionId": "w", "toolName": "Read", "toolInput": {}, "toolResponse": "x"}"#, .toolUse),
    (#"{"session_id": "w", "kind": "note", "tool_name": "Read"}"#, .note),
    (#"{"session_id": "w", "kind": "unheard of", "prompt": "x"}"#, .prompt),
  ])
  func readsWorkersSpellings(_ json: String, _ kind: Event.Kind) throws {
    let event = try event(json)
    #expect(event.session == "w")
    #expect(event.kind == kind)
    if kind == .toolUse {
      #expect(event.toolName == "Read")
      #expect(event.toolInput == .object([]))
      #expect(event.toolResponse == .string("x"))
    }
  }

  @Test(
    arguments: [
      (#""occurred_at": "2026-11-24T13:00:00.250+01:00""#, 1_795_521_600.25),
      (#""created_at_epoch": 1795521600"#, 1_795_521_600),
      (#""created_at_epoch": 1795521600250"#, 1_795_521_600.25),
      (#""created_at_epoch": "1795521600250""#, 1_795_521_600.25),
      (#""created_at": "2026-11-24T12:00:00.000Z", "created_at_epoch": 1795521601000"#, 1_795_521_601),
      (#""occurred_at": "yesterday", "timestamp": "2026-11-24T12:00:00Z""#, 1_795_521_600),
      (#""occurred_at": "yesterday""#, nil), (#""created_at_epoch": -5"#, nil),
      (#""created_at_epoch": 1e300"#, nil),
      (#""occurred_at": {}"#, nil),
    ] as [(String, Double?)])
  func readsTimes(_ member: String, _ seconds: Double?) throws {
    #expect(try event("{\(member)}").occurredAt?.timeIntervalSince1970 == seconds)
  }

  @Test func readsAnotherTypeAsItsText() throws {
    let event = try event(
      #"{"session_id": 42, "prompt": {"a": [1, 2.50]}, "cwd": true, "tool_name": null, "tool_input": "plain", "tool_response": 7}"#
    )
    #expect(event.session == "42")
    #expect(event.prompt == #"{"a":[1,2.50]}"#)
    #expect(event.cwd == "true")
    #expect(event.toolName == nil)
    #expect(event.toolInput == .string("plain"))
    #expect(event.toolResponse == .number("7"))
  }

  @Test func readsStringsThatHoldJSON() throws {
    let event = try event(
      #"{"tool_name": "Read", "tool_input": " {\"file_path\": \"/a\"}", "tool_response": "{broken"}"#)
    #expect(event.toolInput?["file_path"]?.string == "/a")
    #expect(event.toolResponse == .string("{broken"))
  }

  @Test func forgivesAByteOrderMark() throws {
    #expect(try event("\u{FEFF}{\"session_id\": \"s\"}\r\n").session == "s")
  }

  @Test(arguments: [
    ("", EventError.Code.notJSON), ("  \n", .notJSON), ("{", .truncatedObject),
    (#"{"prompt": "Fix"#, .truncatedObject),
    ("\u{FEFF} {\"a\": [", .truncatedObject), ("[1, 2", .notJSON), ("[]", .notAnObject),
    ("\"text\"", .notAnObject),
    ("null", .notAnObject), ("{} {}", .notJSON), ("{'a': 1}", .notJSON), ("nonsense", .notJSON),
    (String(repeating: "{\"a\":", count: 100_000), .notJSON),
  ])
  func saysWhyAnInputIsNoEvent(_ text: String, _ code: EventError.Code) {
    let error = #expect(throws: EventError.self) { try event(text) }
    #expect(error?.code == code)
    #expect(error?.message.isEmpty == false)
  }

  @Test func refusesWhatIsTooLargeOrNotUTF8() {
    let large = Array("{\"a\": \"\(String(repeating: "a", count: Event.maximumBytes))\"}".utf8)
    #expect(throws: EventError.self) { try Event(decoding: large) }
    let wrong = Array("{\"a\": \"".utf8) + [0xC3, 0x28] + Array("\"}".utf8)
    #expect((#expect(throws: EventError.self) { try Event(decoding: wrong) })?.code == .notJSON)
  }

  @Test func survivesLoneSurrogatesAndNULs() throws {
    let event = try event(#"{"prompt": "a\ud800b\u0000c", "session_id": "../.."}"#)
    #expect(event.prompt == "a\u{FFFD}b\u{0}c")
    #expect(event.session == "../..")
  }
}
