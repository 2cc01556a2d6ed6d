// What is said to the model in a turn.
import FoundationEssentials
import JSONText

/// How much of each text of an event is sent, in UTF-16 code units; the middle of a longer one is left out.
public struct PayloadLimits: Sendable, Equatable {
  public var toolInput: Int
  public var toolResponse: Int
  public var prompt: Int
  public var lastMessage: Int

  public init(
    toolInput: Int = 16_000, toolResponse: Int = 32_000, prompt: Int = 16_000, lastMessage: Int = 32_000
  ) {
    self.toolInput = toolInput
    self.toolResponse = toolResponse
    self.prompt = prompt
    self.lastMessage = lastMessage
  }
}

public enum Prompt {
  /// The message that shows these events, framed and numbered from 1, led by the prompts that caused them.
  ///
  /// No text of an event can close its frame, or open another.
  ///
  /// - Returns: The message's UTF-8.
  public static func turn(
    _ events: [Event], ledBy prompts: [String], limits: PayloadLimits = PayloadLimits()
  ) -> WrittenBytes {
    var turn = ByteBuffer(reserving: 4096)
    for prompt in prompts { turn.add("user_prompt", framed(prompt, limit: limits.prompt)) }
    for (position, event) in events.enumerated() {
      turn.append(literal: "<observed n=\"")
      turn.append(String(position + 1))
      turn.append(literal: "\">\n")
      show(event, in: &turn, limits: limits)
      turn.append(literal: "</observed>\n")
    }
    turn.append(request(for: events))
    return WrittenBytes(turn)
  }

  private static func show(_ event: Event, in turn: inout ByteBuffer, limits: PayloadLimits) {
    if let time = event.occurredAt { turn.add("occurred_at", time.rfc3339) }
    if let cwd = event.cwd { turn.add("working_directory", framed(cwd, limit: pathLimit)) }
    switch event.kind {
    case .toolUse:
      turn.add("tool_name", framed(event.toolName ?? "unknown", limit: pathLimit))
      if let input = event.toolInput { turn.add("tool_input", input, limit: limits.toolInput) }
      if let response = event.toolResponse {
        turn.add("tool_output", response, limit: limits.toolResponse)
      }
    case .stop:
      turn.add("event", "the agent stopped")
      if let prompt = event.prompt { turn.add("user_prompt", framed(prompt, limit: limits.prompt)) }
      if let message = event.lastAssistantMessage {
        turn.add("last_message", framed(message, limit: limits.lastMessage))
      }
    case .prompt, .note:
      turn.add("event", framed(event.label ?? event.kind.rawValue, limit: pathLimit))
      if let prompt = event.prompt { turn.add("user_prompt", framed(prompt, limit: limits.prompt)) }
    }
  }

  /// What to answer: it stands last, where models heed it most.
  private static func request(for events: [Event]) -> String {
    let stops = events.indices.filter { events[$0].kind == .stop }.map { $0 + 1 }
    if events.count == 1 {
      return stops.isEmpty
        ? "Record what is worth remembering of this, or answer <skip/>."
        : "The agent has stopped. Answer with one <summary> of the work since the last summary."
    }
    var request = """
      There are \(events.count) inputs. Answer each of them, in blocks that say which one they answer: \
      <observation input="1">, or <skip input="1"/> where there is nothing worth remembering.
      """
    for stop in stops {
      request += " Input \(stop) is the agent's stop: answer it with <summary input=\"\(stop)\">."
    }
    return request
  }

  /// What is said when an answer was no answer; the conversation goes on as if neither had been said.
  public static func again(after fault: Answer.Fault, inputs: Int) -> String {
    let problem =
      switch fault {
      case .empty: "Your answer was empty."
      case .nothingUnderstood: "Your answer holds no block in the form that was asked for."
      case .cutShort: "Your answer ended in the middle of a block. Answer again from the start, and shorter."
      case .unnumbered: "Your answer does not say which input each block answers."
      case .unanswered(let missing):
        "Your answer leaves out input \(missing.map(String.init).joined(separator: ", "))."
      }
    let form =
      inputs == 1
      ? "Answer with <observation> blocks, with a <summary> if the agent stopped, or with <skip/>"
      : "Answer every one of the \(inputs) inputs, each block with its number: <observation input=\"1\">, "
        + "<summary input=\"1\"> for a stop, or <skip input=\"1\"/>"
    return "\(problem) \(form), and with nothing else."
  }

  private static let pathLimit = 1000

  fileprivate static func framed(_ text: String, limit: Int) -> String {
    Frame.harmless(shortened(text, to: limit))
  }
}

extension ByteBuffer {
  /// Adds an element of the frame with a text that is harmless.
  fileprivate mutating func add(_ name: StaticString, _ text: String) {
    open(name)
    append(text)
    close(name)
  }

  /// Adds an element of the frame with a value of an event: a text as it is, any other as compact JSON.
  fileprivate mutating func add(_ name: StaticString, _ value: JSON, limit: Int) {
    if let text = value.string { return add(name, Prompt.framed(text, limit: limit)) }
    open(name)
    let start = count
    append(value)
    let json = UnsafeBufferPointer(rebasing: contents[start...])
    // Mostly it can stay as it was written.
    if json.count > limit || Frame.firstTag(in: json, from: 0) != nil {
      let text = String(decoding: json, as: UTF8.self)
      remove(from: start)
      append(Prompt.framed(text, limit: limit))
    }
    close(name)
  }

  private mutating func open(_ name: StaticString) {
    append(literal: "<")
    append(literal: name)
    append(literal: ">")
  }

  private mutating func close(_ name: StaticString) {
    append(literal: "</")
    append(literal: name)
    append(literal: ">\n")
  }
}

extension Prompt {
  /// The text, or its beginning and end with a note between them of how much was left out, so that all has at most
  /// `limit` UTF-16 code units. A limit that has no room for the note gives the beginning alone.
  public static func shortened(_ text: String, to limit: Int) -> String {
    // No text has more code units than bytes.
    guard text.utf8.count > limit, text.utf16.count > limit else { return text }
    let length = text.utf16.count
    let note = "\n[… \(length - max(limit, 0)) characters or more left out here …]\n"
    let room = limit - note.utf16.count
    guard room > 0 else { return String(prefix(of: text, atMost: max(limit, 0))) }
    let head = prefix(of: text, atMost: room - room / 2)
    return head + note + suffix(of: text, atMost: room / 2)
  }

  private static func prefix(of text: String, atMost units: Int) -> Substring {
    let end = text.utf16.index(text.startIndex, offsetBy: units)
    return text[..<(end.samePosition(in: text.unicodeScalars) ?? text.utf16.index(before: end))]
  }

  private static func suffix(of text: String, atMost units: Int) -> Substring {
    let start = text.utf16.index(text.endIndex, offsetBy: -units)
    return text[(start.samePosition(in: text.unicodeScalars) ?? text.utf16.index(after: start))...]
  }
}

/// The frame around what is not ours.
private enum Frame {
  private static let names = [
    "observed", "user_prompt", "tool_name", "tool_input", "tool_output", "occurred_at", "working_directory",
    "event", "last_message",
  ].map { Array($0.utf8) }

  /// The text with the `<` of each tag of a frame written `&lt;`, however the tag is spelt: in any case, with spaces,
  /// slashes or characters beyond ASCII, some of which no one sees, around or within its name.
  static func harmless(_ text: String) -> String {
    let harmless: String? = text.withUTF8Bytes { bytes in
      guard var next = firstTag(in: bytes, from: 0) else { return nil }
      var output: [UInt8] = []
      var clean = 0
      while true {
        output.append(contentsOf: bytes[clean..<next])
        output.append(contentsOf: "&lt;".utf8)
        clean = next + 1
        guard let other = firstTag(in: bytes, from: clean) else { break }
        next = other
      }
      output.append(contentsOf: bytes[clean...])
      return String(decoding: output, as: UTF8.self)
    }
    return harmless ?? text
  }

  /// Where the first tag of a frame stands from `start` on; nil where there is none.
  static func firstTag(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    var next = bytes.position(of: UInt8(ascii: "<"), from: start)
    while let position = next, !isTag(bytes, behind: position) {
      next = bytes.position(of: UInt8(ascii: "<"), from: position + 1)
    }
    return next
  }

  private static func isTag(_ bytes: UnsafeBufferPointer<UInt8>, behind start: Int) -> Bool {
    // Bounded, so that a text of many `<` takes no longer than another; what goes on beyond is taken for a tag.
    let end = min(bytes.count, start + 1 + 64)
    var word: [UInt8] = []
    for position in start + 1..<end {
      let byte = lowercase(bytes[position])
      let isBlank = isSpace(byte)
      if byte >= 0x80 || byte < 0x20 && !isBlank { continue }
      if word.isEmpty, isBlank || byte == UInt8(ascii: "/") { continue }
      guard isLetter(byte) else { return names.contains(word) }
      word.append(byte)
    }
    return end < bytes.count || names.contains(word)
  }

  /// Whether the byte may stand in one of these names; `</observed-->` goes too far to be another.
  private static func isLetter(_ byte: UInt8) -> Bool {
    isNameByte(byte) && byte != UInt8(ascii: "-") && byte != UInt8(ascii: ".") && byte != UInt8(ascii: ":")
  }
}
