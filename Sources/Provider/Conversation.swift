// A conversation as the APIs take it: assembled from texts that are escaped already.

import JSONText

/// What one side says before the other answers.
struct Turn {
  let role: Message.Role
  /// The text as a JSON string literal.
  var literal: WrittenBytes
}

extension Request {
  /// The messages with neighbours of one role joined by an empty line and empty messages left out: several APIs
  /// and chat templates refuse both.
  var turns: [Turn] {
    var turns: [Turn] = []
    turns.reserveCapacity(messages.count)
    for message in messages where !message.text.isEmpty {
      if let last = turns.last, last.role == message.role {
        turns[turns.count - 1].literal = WrittenBytes(
          last.literal.bytes.dropLast() + Array(#"\n\n"#.utf8) + message.text.literal.bytes.dropFirst())
      } else {
        turns.append(Turn(role: message.role, literal: message.text.literal))
      }
    }
    return turns
  }

  /// About how many bytes the body of the request has, so that it is not copied while it grows.
  var expectedBytes: Int {
    messages.reduce(system.literal.count + 1024) { $0 + $1.text.literal.count + 128 }
  }
}

extension JSONWriter {
  /// A member whose value is a literal already.
  mutating func member(_ name: StaticString, literal: WrittenBytes) {
    key(name)
    raw(literal)
  }

  /// The member `content` of OpenRouter's and Anthropic's APIs, as a block that ends what is to be cached.
  mutating func member(_ name: StaticString, cached literal: WrittenBytes) {
    key(name)
    array {
      $0.object {
        $0.member("type", "text")
        $0.member("text", literal: literal)
        $0.key("cache_control")
        $0.object { $0.member("type", "ephemeral") }
      }
    }
  }
}
