// What is said to the model.

/// How much of each text of an event is sent, in UTF-16 code units; the middle of a longer one is left out.
public struct PayloadLimits: Sendable, Equatable {
  public var toolInput: Int
  public var toolResponse: Int
  public var prompt: Int
  public var lastMessage: Int

  public init(toolInput: Int = 16_000, toolResponse: Int = 32_000, prompt: Int = 16_000, lastMessage: Int = 32_000) {
    self.toolInput = toolInput
    self.toolResponse = toolResponse
    self.prompt = prompt
    self.lastMessage = lastMessage
  }
}

public enum Prompt {
  /// The pinned first message of every conversation.
  public static let system = ""

  public static func turn(_ events: [Event], ledBy prompts: [String], limits: PayloadLimits) -> String { "" }

  public static func again(after fault: Answer.Fault, inputs: Int) -> String { "" }

  public static func shortened(_ text: String, to limit: Int) -> String { text }
}
