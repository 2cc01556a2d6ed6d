// A conversation as the APIs take it: assembled from texts that are escaped already.

import JSONText

/// What one side says before the other answers.
struct Turn {
  let role: Message.Role
  /// The text as a JSON string literal.
  let literal: WrittenBytes
}

extension Request {
  /// The messages with neighbours of one role joined by an empty line and empty messages left out: several APIs
  /// and chat templates refuse both.
  var turns: [Turn] {
    let said = messages.filter { !$0.text.isEmpty }
    var turns: [Turn] = []
    turns.reserveCapacity(said.count)
    var start = 0
    while start < said.count {
      let role = said[start].role
      let end = said[start...].firstIndex { $0.role != role } ?? said.count
      turns.append(Turn(role: role, literal: Self.literal(of: said[start..<end])))
      start = end
    }
    return turns
  }

  /// The literal of what one side says, an empty line between one message and the next.
  private static func literal(of said: ArraySlice<Message>) -> WrittenBytes {
    if said.count == 1, let only = said.first { return only.text.literal }
    var joined = ByteBuffer(reserving: said.reduce(2) { $0 + $1.text.literal.count + 4 })
    joined.append(UInt8(ascii: "\""))
    for (position, message) in said.enumerated() {
      if position > 0 { joined.append(literal: #"\n\n"#) }
      message.text.literal.withContents {
        joined.append(UnsafeBufferPointer(rebasing: $0.dropFirst().dropLast()))
      }
    }
    joined.append(UInt8(ascii: "\""))
    return WrittenBytes(joined)
  }

  /// About how many bytes the body of the request has beside its long texts.
  var expectedBytes: Int { 1024 + 128 * messages.count }
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
