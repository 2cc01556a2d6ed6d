// Reads an event in all the forms that producers write: obspool's own, the hook payloads of coding agents, and the
// field spellings of workers before us.
import FoundationEssentials
import JSONText

extension Event {
  /// The largest input, in bytes.
  public static let maximumBytes = 8 << 20

  /// Decodes one input: a JSON object in UTF-8, with or without a byte-order mark.
  ///
  /// Unknown members are ignored, a known one of another type is read as its JSON text, and a string that holds an
  /// object or array counts as that. What is private is removed from every text.
  public init(decoding bytes: [UInt8]) throws(EventError) {
    let payload = try Payload(bytes)
    let hook = payload.text(Spelling.hookEvent)
    let toolName = payload.text(Spelling.toolName)
    let prompt = payload.text(Spelling.prompt)
    let lastMessage = payload.text(Spelling.lastMessage)
    let cwd = payload.text(Spelling.cwd)

    kind = Kind(
      stated: payload.text(Spelling.kind), hook: hook, hasTool: toolName != nil, hasPrompt: prompt != nil,
      hasLastMessage: lastMessage != nil)
    session = payload.text(Spelling.session) ?? "default"
    project = payload.text(Spelling.project) ?? cwd.map(Self.lastComponent) ?? ""
    self.cwd = cwd
    occurredAt = payload.date(Spelling.time)
    self.prompt = prompt ?? payload.text(Spelling.lastPrompt)
    self.toolName = toolName
    toolInput = payload.value(Spelling.toolInput)
    toolResponse = payload.value(Spelling.toolResponse)
    lastAssistantMessage = lastMessage
    label = hook
  }

  /// What the order of work depends on.
  public struct Outline: Sendable, Equatable {
    public var session: String
    public var kind: Kind
    public var toolName: String?

    init(session: String, kind: Kind, toolName: String?) {
      self.session = session
      self.kind = kind
      self.toolName = toolName
    }

    /// Reads as much of an input as is needed, and finds in it every error that `Event` would: the rest, most of an input,
    /// is checked and not kept.
    public init(decoding bytes: [UInt8]) throws(EventError) {
      let payload = try Payload(bytes, keeping: Spelling.ofOutline)
      let toolName = payload.text(Spelling.toolName)
      let kind = Kind(
        stated: payload.text(Spelling.kind), hook: payload.text(Spelling.hookEvent), hasTool: toolName != nil,
        hasPrompt: payload.text(Spelling.prompt) != nil,
        hasLastMessage: payload.text(Spelling.lastMessage) != nil)
      self.init(session: payload.text(Spelling.session) ?? "default", kind: kind, toolName: toolName)
    }
  }

  /// The same of an event that has been read.
  public var outline: Outline { Outline(session: session, kind: kind, toolName: toolName) }

  private static func lastComponent(of path: String) -> String {
    let slash = UInt8(ascii: "/")
    guard let last = path.utf8.lastIndex(where: { $0 != slash }) else { return "" }
    let start = path.utf8[..<last].lastIndex(of: slash).map(path.utf8.index(after:)) ?? path.startIndex
    return String(Substring(path.utf8[start...last]))
  }
}

/// The names under which a member comes; the first that is there counts.
private enum Spelling {
  static let session = [
    "session_id", "sessionId", "contentSessionId", "content_session_id", "claudeSessionId",
    "claude_session_id",
    "conversation_id",
  ]
  static let kind = ["kind", "message_type"]
  static let hookEvent = ["hook_event_name", "hookEventName"]
  static let project = ["project"]
  static let cwd = ["cwd"]
  static let prompt = ["prompt", "userPrompt", "user_prompt"]
  /// The prompt that a stop looks back on; by itself it makes no prompt.
  static let lastPrompt = ["last_user_message", "lastUserMessage"]
  static let toolName = ["tool_name", "toolName"]
  static let toolInput = ["tool_input", "toolInput"]
  /// `error` is what a hook gives for a tool that failed.
  static let toolResponse = [
    "tool_response", "toolResponse", "tool_output", "toolOutput", "tool_result", "toolResult", "error",
  ]
  static let lastMessage = ["last_assistant_message", "lastAssistantMessage"]
  static let time = [
    "occurred_at", "occurredAt", "timestamp", "created_at_epoch", "createdAtEpoch", "created_at",
  ]

  /// All that `Event.Outline` asks for: what is not in here it does not find.
  static let ofOutline = session + kind + hookEvent + prompt + toolName + lastMessage
}

extension Event.Kind {
  /// The kind that an input states, or else the one that follows from its hook event and from what it holds.
  fileprivate init(stated: String?, hook: String?, hasTool: Bool, hasPrompt: Bool, hasLastMessage: Bool) {
    if let stated, let kind = Self.workerKinds[stated] ?? Event.Kind(rawValue: stated) {
      self = kind
    } else if let hook, let kind = Self.hookKinds[hook] {
      self = kind
    } else if hasTool {
      self = .toolUse
    } else if hasPrompt {
      self = .prompt
    } else if hasLastMessage, hook == nil {
      self = .stop
    } else {
      self = .note
    }
  }

  /// What a worker's queue calls its messages.
  private static let workerKinds: [String: Event.Kind] = ["observation": .toolUse, "summarize": .stop]

  /// Hook events whose kind does not follow from their members. Those listed as notes may carry a tool's name or a
  /// prompt without that tool having been used, or a person having said it.
  private static let hookKinds: [String: Event.Kind] = [
    "UserPromptSubmit": .prompt, "PostToolUse": .toolUse, "PostToolUseFailure": .toolUse, "Stop": .stop,
    "SubagentStop": .stop, "SessionStart": .note, "SessionEnd": .note, "PreToolUse": .note,
    "Notification": .note,
    "PermissionRequest": .note, "PermissionDenied": .note, "PreCompact": .note, "PostCompact": .note,
    "SubagentStart": .note, "StopFailure": .note, "Setup": .note,
  ]
}

/// The members of an input, read as the types that an event wants of them, without what is private.
private struct Payload {
  private let members: [JSON.Member]

  init(_ bytes: [UInt8], keeping wanted: [String]? = nil) throws(EventError) {
    guard bytes.count <= Event.maximumBytes else {
      throw EventError(
        code: .tooLarge,
        message: "the input has \(bytes.count) bytes, more than \(Event.maximumBytes); split or shorten it")
    }
    let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let text = bytes.starts(with: byteOrderMark) ? Array(bytes.dropFirst(byteOrderMark.count)) : bytes
    guard case .object(let members) = try Self.parsed(text, keeping: wanted) else {
      throw EventError(
        code: .notAnObject, message: "the input is JSON but no object; write one object, {…}, a file")
    }
    self.members = members
  }

  private static func parsed(_ text: [UInt8], keeping wanted: [String]?) throws(EventError) -> JSON {
    do {
      return try JSON(parsing: text, keeping: wanted)
    } catch {
      let first = text.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
      if error.code == .truncated, first == UInt8(ascii: "{") {
        throw EventError(
          code: .truncatedObject,
          message: "the input ends inside its object, at byte \(error.offset); was it written completely?")
      }
      throw EventError(
        code: .notJSON,
        message: text.isEmpty
          ? "the input is empty; write one JSON object a file" : "the input cannot be read: \(error)")
    }
  }

  private func first(_ names: [String]) -> JSON? {
    for name in names {
      if let value = member(name), !value.isNull { return value }
    }
    return nil
  }

  /// Of a name that stands more than once, the last.
  private func member(_ name: String) -> JSON? { members.last { $0.key == name }?.value }

  /// Nil where the member is missing or has no text, also after what is private is gone.
  func text(_ names: [String]) -> String? {
    for name in names {
      guard let value = member(name), !value.isNull else { continue }
      let text = value.string.map(Privacy.remove(from:)) ?? Privacy.remove(from: value).text
      if !text.isEmpty { return text }
    }
    return nil
  }

  func value(_ names: [String]) -> JSON? {
    guard let value = first(names) else { return nil }
    guard let text = value.string, let first = text.utf8.first(where: { $0 > 0x20 }),
      first == UInt8(ascii: "{") || first == UInt8(ascii: "["), let inner = try? JSON(parsing: text)
    else { return Privacy.remove(from: value) }
    return Privacy.remove(from: inner)
  }

  /// RFC 3339, or the time since 1970 in seconds, milliseconds or microseconds, told apart by size.
  func date(_ names: [String]) -> Date? {
    for name in names {
      guard let value = member(name) else { continue }
      if let text = value.string, let date = Date(rfc3339: text) { return Self.plausible(date) }
      guard let number = value.double else { continue }
      let unit: Double = abs(number) < 1e11 ? 1 : abs(number) < 1e14 ? 1e3 : 1e6
      return Self.plausible(Date(timeIntervalSince1970: number / unit))
    }
    return nil
  }

  /// Nil for a date before 1970 or after 9999: no tool was used then, and RFC 3339 has no year 10000.
  private static func plausible(_ date: Date) -> Date? {
    (0..<253_402_300_800).contains(date.timeIntervalSince1970) ? date : nil
  }
}
