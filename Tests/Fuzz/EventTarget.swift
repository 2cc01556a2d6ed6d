// Events: nothing private gets into one, and nothing in one gets out of its frame.

import FoundationEssentials
import JSONText
import Observation

func fuzzEvent(_ bytes: [UInt8]) {
  // The outline, which decides the order of work, is read without all that the event holds.
  require(
    (try? Event.Outline(decoding: bytes)) == (try? Event(decoding: bytes))?.outline,
    "the outline is another event's")
  if let event = try? Event(decoding: bytes) { examine([event], prompts: []) }
  // The same bytes as texts of an event that is well made, each with something private in it.
  var bytes = bytes
  let choice = bytes.takeFirst()
  let (first, second) = bytes.halves
  let hidden = marked(choice)
  let texts = [
    first.withoutSecret + hidden + second.withoutSecret, second.withoutSecret, first.withoutSecret + hidden,
  ]
  let kinds = [#""tool_use""#, #""stop""#, #""note""#, #""prompt""#, "null"]
  func text(_ index: Int) -> JSON { .string(texts[(index + choice) % texts.count]) }
  var events: [Event] = []
  for number in 0..<2 {
    let json = JSON.object([
      JSON.Member("kind", (try? JSON(parsing: kinds[(choice + number) % kinds.count])) ?? .null),
      JSON.Member("session_id", text(number)), JSON.Member("project", text(number + 1)),
      JSON.Member("cwd", text(number + 2)), JSON.Member("prompt", text(number)),
      JSON.Member("tool_name", text(number + 1)),
      JSON.Member(
        "tool_input", .object([JSON.Member(texts[0], text(1)), JSON.Member("file_path", text(2))])),
      JSON.Member("tool_response", choice & 8 == 0 ? .string(JSON.array([text(0), text(1)]).text) : text(0)),
      JSON.Member("last_assistant_message", text(number + 2)), JSON.Member("hook_event_name", text(number)),
      JSON.Member("occurred_at", text(1)),
    ])
    guard let event = try? Event(decoding: Array(json.text.utf8)) else {
      fatalError("a whole object is refused")
    }
    events.append(event)
  }
  require(!"\(events)".utf8Contains(secret), "private text in an event")
  examine(events, prompts: [Privacy.remove(from: texts[0])])
}

private func examine(_ events: [Event], prompts: [String]) {
  for event in events {
    require(!event.session.isEmpty, "a session without a name")
    let values = [event.toolInput, event.toolResponse].compactMap { $0?.text }
    for text in values
      + [
        event.session, event.project, event.cwd, event.prompt, event.toolName, event.lastAssistantMessage,
        event.label,
      ].compactMap({ $0 })
    {
      requireNoTag(in: text)
    }
  }
  for limits in [PayloadLimits(), PayloadLimits(toolInput: 90, toolResponse: 70, prompt: 80, lastMessage: 3)]
  {
    let turn = String(decoding: Prompt.turn(events, ledBy: prompts, limits: limits).bytes, as: UTF8.self)
    require(!turn.utf8Contains(secret), "private text in a turn")
    require(
      frames(in: turn) == expectedFrames(events, prompts.count),
      "a frame is opened or closed from inside: \(turn)")
  }
  // The answer without a model is one that is understood, and its records are whole.
  let answer = Answer(parsing: WithoutModel.answer(to: events, ledBy: prompts), inputs: events.count)
  require(
    answer.fault == nil, "the answer without a model is not understood: \(String(describing: answer.fault))")
  for (event, part) in zip(events, answer.parts) {
    guard let part else { continue }
    requireWhole(record(of: part.withFiles(of: event), event))
  }
}

/// The names that frame what is not ours, and how often a turn of these events opens each.
private func expectedFrames(_ events: [Event], _ prompts: Int) -> [String: Int] {
  var frames: [String: Int] = [:]
  func add(_ name: String, _ count: Int = 1) { if count > 0 { frames[name, default: 0] += count } }
  add("user_prompt", prompts)
  for event in events {
    add("observed")
    add("occurred_at", event.occurredAt == nil ? 0 : 1)
    add("working_directory", event.cwd == nil ? 0 : 1)
    switch event.kind {
    case .toolUse:
      add("tool_name")
      add("tool_input", event.toolInput == nil ? 0 : 1)
      add("tool_output", event.toolResponse == nil ? 0 : 1)
    case .stop:
      add("event")
      add("user_prompt", event.prompt == nil ? 0 : 1)
      add("last_message", event.lastAssistantMessage == nil ? 0 : 1)
    case .prompt, .note:
      add("event")
      add("user_prompt", event.prompt == nil ? 0 : 1)
    }
  }
  for (name, count) in frames { frames["/\(name)"] = count }
  return frames
}

/// The tags of frames in a text, read as loosely as a model might: what no one sees does not count, nor do spaces and
/// slashes before a name.
private func frames(in text: String) -> [String: Int] {
  let names: Set = [
    "observed", "user_prompt", "tool_name", "tool_input", "tool_output", "occurred_at", "working_directory",
    "event",
    "last_message",
  ]
  var frames: [String: Int] = [:]
  let bytes = Array(text.utf8)
  for start in bytes.indices where bytes[start] == UInt8(ascii: "<") {
    var word: [UInt8] = []
    var slash = ""
    for byte in bytes[(start + 1)...] {
      if byte >= 0x80 || byte < 0x20 && !(9...13).contains(byte) { continue }
      let letter = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
      if word.isEmpty, byte == UInt8(ascii: "/") { slash = "/" }
      if word.isEmpty, byte == UInt8(ascii: "/") || byte == 0x20 || (9...13).contains(byte) { continue }
      guard letter >= 0x61 && letter <= 0x7A || byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte)
      else { break }
      word.append(letter)
      if word.count > 20 { break }
    }
    let name = String(decoding: word, as: UTF8.self)
    if names.contains(name) { frames[slash + name, default: 0] += 1 }
  }
  return frames
}
