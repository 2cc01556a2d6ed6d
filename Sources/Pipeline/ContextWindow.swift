// Which part of a conversation a call carries.

import JSONText

/// What was said to the model for one turn, and what it answered.
struct Exchange: Sendable, Equatable {
  var user: JSONString
  var assistant: JSONString

  var length: Int { user.length + assistant.length }
}

/// The newest exchanges of a conversation that fit beside the system prompt and the turn to come.
///
/// The window grows by an exchange a turn. When a limit is reached it is cut to half in one step, so that
/// between cuts each request begins with the bytes of the one before and the provider's prompt cache can
/// serve them. It is a fold over the turns: made anew from the records it comes out the same.
struct ContextWindow: Sendable {
  struct Limits: Sendable, Equatable {
    /// Messages a call, the turn included and the system prompt not.
    var messages: Int
    /// Tokens a call, all of it, by estimate.
    var tokens: Int
  }

  private(set) var exchanges: ArraySlice<Exchange> = []
  /// The length of `exchanges` in characters.
  private(set) var length = 0
  let limits: Limits
  /// The length of the system prompt in characters.
  let systemLength: Int
  /// Characters a token, by model, as the providers' reported usage taught.
  private(set) var density: [String: Double] = [:]

  /// The seed's estimate of characters a token.
  static let standardDensity = 4.0

  init(limits: Limits, systemLength: Int) {
    self.limits = limits
    self.systemLength = systemLength
  }

  /// How many tokens a call with `turn` characters of its own would take.
  func tokens(withTurn turn: Int, model: String) -> Int {
    estimate(systemLength + length + turn, model: model)
  }

  func estimate(_ characters: Int, model: String) -> Int {
    Int((Double(characters) / (density[model] ?? Self.standardDensity)).rounded(.up))
  }

  /// How many characters a turn may have that stands alone.
  func room(model: String) -> Int {
    max(Int(Double(limits.tokens) * (density[model] ?? Self.standardDensity)) - systemLength, 1000)
  }

  /// Makes room for a turn. The number of messages dropped, 0 as long as the limits hold.
  mutating func makeRoom(forTurn turn: Int, model: String) -> Int {
    guard 2 * exchanges.count + 1 > limits.messages || tokens(withTurn: turn, model: model) > limits.tokens
    else {
      return 0
    }
    let before = exchanges.count
    // Half of what there is beside the system prompt and the turn: a large turn costs no more than it must.
    let tokensBeside = limits.tokens - estimate(systemLength + turn, model: model)
    while !exchanges.isEmpty,
      2 * exchanges.count + 1 > limits.messages / 2 || estimate(length, model: model) > tokensBeside / 2
    {
      dropOldest()
    }
    return 2 * (before - exchanges.count)
  }

  /// Halves the window because the server says that it is too long. The number of messages dropped; 0 where
  /// nothing was left to drop.
  mutating func halve() -> Int {
    let before = exchanges.count
    let target = length / 2
    while !exchanges.isEmpty, length > target || exchanges.count == before { dropOldest() }
    return 2 * (before - exchanges.count)
  }

  mutating func append(_ exchange: Exchange) {
    exchanges.append(exchange)
    length += exchange.length
  }

  /// Learns from what the provider reports that a call took, whose request had `characters` in all.
  ///
  /// Only what makes the estimate more careful is learned, in steps of a quarter character a token, so that a
  /// cut does not move with every call.
  mutating func learn(characters: Int, inputTokens: Int, model: String) {
    guard inputTokens >= 100, characters > 0 else { return }
    let seen = Double(characters) / Double(inputTokens)
    let known = density[model] ?? Self.standardDensity
    let careful = max(0.5, (seen * 4).rounded(.down) / 4)
    if careful < known { density[model] = careful }
  }

  private mutating func dropOldest() {
    length -= exchanges.removeFirst().length
  }
}
