// Which part of a conversation a call carries.

import JSONText

/// What was said to the model for one turn, and what it answered.
struct Exchange: Sendable, Equatable {
  /// The number of the call.
  var turn = 0
  var user: JSONString
  var assistant: JSONString

  var length: Int { user.length + assistant.length }
}

/// The newest exchanges of a conversation that fit beside the system prompt and the turn to come.
///
/// The window grows by an exchange a turn. When a limit is reached it is cut to half in one step, so that
/// between cuts each request begins with the bytes of the one before and the provider's prompt cache can
/// serve them. Each record says where the window began, so that made anew from the records it is the same.
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
  /// Characters a token in the last calls, by model, as the providers' reported usage tells.
  private var densities: [String: [Double]] = [:]
  /// Tokens that a model has refused as too many, by estimate and with some room, by model.
  private var ceilings: [String: Int] = [:]

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
    Int((Double(characters) / density(of: model)).rounded(.up))
  }

  /// Characters a token: the median of the last five calls, once there are three, so that no single odd one
  /// decides; never more than the seed's estimate, which is the careful one.
  func density(of model: String) -> Double {
    guard let seen = densities[model], seen.count >= 3 else { return Self.standardDensity }
    let median = seen.sorted()[seen.count / 2]
    // In steps, so that a cut does not move with every call.
    return min(Self.standardDensity, max(1, (median * 4).rounded(.down) / 4))
  }

  /// The budget for a model: the user's, or less where the model has refused as much.
  private func budget(_ model: String) -> Int { min(limits.tokens, ceilings[model] ?? limits.tokens) }

  /// The turn of the oldest exchange; nil where there is none.
  var since: Int? { exchanges.first?.turn }

  /// How many characters a turn may have that stands alone.
  func room(model: String) -> Int {
    max(Int(Double(budget(model)) * density(of: model)) - systemLength, 1000)
  }

  /// Makes room for a turn. The number of messages dropped, 0 as long as the limits hold.
  mutating func makeRoom(forTurn turn: Int, model: String) -> Int {
    guard 2 * exchanges.count + 1 > limits.messages || tokens(withTurn: turn, model: model) > budget(model)
    else {
      return 0
    }
    let before = exchanges.count
    // Half of what there is beside the system prompt and the turn: a large turn costs no more than it must.
    let tokensBeside = budget(model) - estimate(systemLength + turn, model: model)
    while !exchanges.isEmpty,
      2 * exchanges.count + 1 > limits.messages / 2 || estimate(length, model: model) > tokensBeside / 2
    {
      dropOldest()
    }
    return 2 * (before - exchanges.count)
  }

  /// Halves the window because the server says that it is too long with this turn, and remembers that. The number
  /// of messages dropped; 0 where nothing was left to drop.
  mutating func halve(turn: Int, model: String) -> Int {
    ceilings[model] = min(budget(model), max(tokens(withTurn: turn, model: model) * 3 / 4, 1000))
    let before = exchanges.count
    let target = length / 2
    while !exchanges.isEmpty, length > target || exchanges.count == before { dropOldest() }
    return 2 * (before - exchanges.count)
  }

  mutating func append(_ exchange: Exchange) {
    exchanges.append(exchange)
    length += exchange.length
  }

  /// Goes back to where the window began in an earlier call.
  mutating func drop(before turn: Int) {
    while let first = exchanges.first, first.turn < turn { dropOldest() }
  }

  /// Learns from what the provider reports that a call took, whose request had `characters` in all.
  mutating func learn(characters: Int, inputTokens: Int, model: String) {
    // Of a few tokens most are the API's own.
    guard inputTokens >= 100, characters > 0 else { return }
    densities[model] = (densities[model] ?? []).suffix(4) + [Double(characters) / Double(inputTokens)]
  }

  private mutating func dropOldest() {
    length -= exchanges.removeFirst().length
  }
}
