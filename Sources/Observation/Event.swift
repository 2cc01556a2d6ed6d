// What a coding agent did: one input, in whichever form its hook wrote it.
import FoundationEssentials
import JSONText

/// One input: a prompt, a tool use, a stop or something merely noted.
///
/// It can only be made by decoding an input, which removes what is private. So an event that holds private text does
/// not exist.
public struct Event: Sendable, Equatable {
  /// What an input leads to.
  public enum Kind: String, Sendable, CaseIterable {
    /// What the person asked for; leads the session's next call.
    case prompt
    /// A tool was used; leads to observations.
    case toolUse = "tool_use"
    /// The agent stopped; leads to a summary.
    case stop
    /// Anything else; noted without a call.
    case note
  }

  public let session: String
  public let kind: Kind
  /// Empty where neither a project nor a working directory is known.
  public let project: String
  public let cwd: String?
  /// When it happened, if the input says so.
  public let occurredAt: Date?
  public let prompt: String?
  public let toolName: String?
  public let toolInput: JSON?
  public let toolResponse: JSON?
  public let lastAssistantMessage: String?
  /// The name of the hook event, such as `PostToolUse`.
  public let label: String?
}

extension Event {
  /// How much memory its texts and values take, in bytes, about.
  public var memory: Int {
    let texts = [session, project, cwd, prompt, toolName, lastAssistantMessage, label]
    return texts.reduce(0) { $0 + ($1?.utf8.count ?? 0) } + (toolInput?.memory ?? 0)
      + (toolResponse?.memory ?? 0)
  }
}

/// Why an input is no event.
public struct EventError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: Sendable, Equatable {
    /// An object that ends too early: its writer may not have finished.
    case truncatedObject
    /// Not JSON (RFC 8259), not UTF-8, or nested too deep to be read.
    case notJSON
    /// JSON, but no object.
    case notAnObject
    /// More than `Event.maximumBytes`.
    case tooLarge
  }

  public let code: Code
  /// What is wrong and what to do, in one line.
  public let message: String

  public var description: String { message }
}
