import JSONText
import TestSupport
import Testing

@testable import Pipeline

@Suite struct ContextWindowTests {
  static let model = "m"

  static func exchange(_ number: Int, length: Int) -> Exchange {
    let user = "\(number):"
    return Exchange(
      user: JSONString(user + String(repeating: "u", count: max(0, length / 2 - user.count))),
      assistant: JSONString(String(repeating: "a", count: max(0, length - max(length / 2, user.count)))))
  }

  /// Feeds exchanges of these lengths in, as calls do, and tells what each call carried.
  static func run(_ lengths: [Int], limits: ContextWindow.Limits) -> [[Exchange]] {
    var window = ContextWindow(limits: limits, systemLength: 1000)
    return lengths.enumerated().map { number, length in
      let exchange = Self.exchange(number, length: length)
      _ = window.makeRoom(forTurn: exchange.user.length, model: model)
      defer { window.append(exchange) }
      return Array(window.exchanges)
    }
  }

  @Test func aCallCarriesNoMoreMessagesThanAllowed() {
    for messages in 1...41 {
      let calls = Self.run(
        Array(repeating: 100, count: 100), limits: .init(messages: messages, tokens: 100_000))
      for call in calls { #expect(2 * call.count + 1 <= messages) }
      // And it uses what it may: now and then the window is as full as can be.
      #expect(calls.map(\.count).max() == (messages - 1) / 2)
    }
  }

  @Test func aCallCarriesNoMoreTokensThanAllowed() {
    var generator = SeededGenerator(seed: 1)
    let limits = ContextWindow.Limits(messages: 1000, tokens: 10_000)
    var window = ContextWindow(limits: limits, systemLength: 1000)
    for number in 0..<2000 {
      let room = window.room(model: Self.model)
      let turn = Self.exchange(
        number,
        length: min(Int.random(in: 20...(number % 10 == 0 ? 2 * room : 2000), using: &generator), 2 * room))
      _ = window.makeRoom(forTurn: turn.user.length, model: Self.model)
      #expect(window.tokens(withTurn: turn.user.length, model: Self.model) <= limits.tokens)
      #expect(window.length == window.exchanges.reduce(0) { $0 + $1.length })
      window.append(turn)
    }
  }

  /// Only the newest are kept, without gaps, and between cuts each call begins with what the last one sent.
  @Test(arguments: [
    ContextWindow.Limits(messages: 20, tokens: 1_000_000),
    ContextWindow.Limits(messages: 1000, tokens: 10_000),
  ])
  func theBeginningStaysTheSameBetweenCuts(limits: ContextWindow.Limits) {
    let lengths = (0..<300).map { 500 + 37 * ($0 % 11) }
    let calls = Self.run(lengths, limits: limits)
    var cuts = 0
    for (before, after) in zip(calls, calls.dropFirst()) {
      if after.starts(with: before) {
        #expect(after.count == before.count + 1)
      } else {
        cuts += 1
        #expect(after.count <= (before.count + 1) / 2 + 1)
        #expect(
          !after.isEmpty && (before + [after[after.count - 1]]).suffix(after.count).elementsEqual(after))
      }
    }
    // A window that slides would be cut at nearly every call.
    #expect(cuts > 5 && cuts < calls.count / 4)
  }

  @Test func tellsHowManyMessagesItDropped() {
    var window = ContextWindow(limits: .init(messages: 20, tokens: 100_000), systemLength: 0)
    for number in 0..<9 {
      #expect(window.makeRoom(forTurn: 10, model: Self.model) == 0)
      window.append(Self.exchange(number, length: 10))
    }
    #expect(window.makeRoom(forTurn: 10, model: Self.model) == 0)
    window.append(Self.exchange(9, length: 10))
    #expect(window.makeRoom(forTurn: 10, model: Self.model) == 12)
    #expect(window.exchanges.count == 4)
  }

  /// One large message must not cost the whole history, as far as there is room beside it.
  @Test func aLargeTurnLeavesTheNewestThatFitBesideIt() {
    var window = ContextWindow(limits: .init(messages: 100, tokens: 10_000), systemLength: 1000)
    for number in 0..<20 { window.append(Self.exchange(number, length: 1000)) }
    // 40000 characters in all: 1000 for the system prompt, 27000 for the turn, so 12000 are left.
    let dropped = window.makeRoom(forTurn: 27_000, model: Self.model)
    #expect(window.exchanges.count == 6 && dropped == 28)
    #expect(window.exchanges.last == Self.exchange(19, length: 1000))
    // One that takes all the room does cost all of it.
    #expect(window.makeRoom(forTurn: window.room(model: Self.model), model: Self.model) == 12)
    #expect(window.exchanges.isEmpty)
  }

  // MARK: Too long for the server

  @Test func halvingDropsTheOlderHalfAndInTheEndEverything() {
    var window = ContextWindow(limits: .init(messages: 100, tokens: 100_000), systemLength: 0)
    for number in 0..<8 { window.append(Self.exchange(number, length: 100)) }
    #expect(window.halve(turn: 0, model: Self.model) == 8)
    #expect(Array(window.exchanges) == (4..<8).map { Self.exchange($0, length: 100) })
    #expect(window.halve(turn: 0, model: Self.model) == 4)
    #expect(window.halve(turn: 0, model: Self.model) == 2)
    #expect(window.halve(turn: 0, model: Self.model) == 2)
    #expect(window.halve(turn: 0, model: Self.model) == 0)
    #expect(window.exchanges.isEmpty && window.length == 0)
  }

  @Test func halvingGoesByLength() {
    var window = ContextWindow(limits: .init(messages: 100, tokens: 100_000), systemLength: 0)
    for (number, length) in [5000, 10, 10, 10].enumerated() {
      window.append(Self.exchange(number, length: length))
    }
    #expect(window.halve(turn: 0, model: Self.model) == 2)
    #expect(window.exchanges.count == 3)
  }

  // MARK: What a token is

  @Test func countsFourCharactersATokenUntilToldOtherwise() {
    var window = ContextWindow(limits: .init(messages: 20, tokens: 100_000), systemLength: 400)
    window.append(Self.exchange(0, length: 400))
    #expect(window.tokens(withTurn: 200, model: Self.model) == 250)
    #expect(window.tokens(withTurn: 201, model: Self.model) == 251)
    #expect(window.room(model: Self.model) == 399_600)
  }

  @Test func learnsFromTheReportedUsageInStepsAndPerModel() {
    var window = ContextWindow(limits: .init(messages: 20, tokens: 1000), systemLength: 0)
    for _ in 0..<3 { window.learn(characters: 10_000, inputTokens: 3500, model: "dense") }  // 2.86 a token
    #expect(window.density(of: "dense") == 2.75)
    #expect(window.estimate(2750, model: "dense") == 1000)
    #expect(window.room(model: "dense") == 2750)
    #expect(window.estimate(2750, model: "other") == 688)
    // Nearly the same again moves nothing, so that no cut moves.
    for _ in 0..<3 { window.learn(characters: 10_000, inputTokens: 3600, model: "dense") }
    #expect(window.density(of: "dense") == 2.75)
  }

  /// A call that carried more than the conversation, or a server that counts oddly once.
  @Test func noSingleCallDecides() {
    var window = ContextWindow(limits: .init(messages: 20, tokens: 1000), systemLength: 0)
    window.learn(characters: 10_000, inputTokens: 9000, model: "m")
    #expect(window.density(of: "m") == 4)
    for _ in 0..<4 { window.learn(characters: 10_000, inputTokens: 3000, model: "m") }
    #expect(window.density(of: "m") == 3.25)
    // What is long ago is forgotten.
    for _ in 0..<3 { window.learn(characters: 10_000, inputTokens: 2600, model: "m") }
    #expect(window.density(of: "m") == 3.75)
  }

  @Test func neverLearnsToBeCareless() {
    var window = ContextWindow(limits: .init(messages: 20, tokens: 1000), systemLength: 0)
    for _ in 0..<5 { window.learn(characters: 10_000, inputTokens: 1000, model: "sparse") }
    #expect(window.density(of: "sparse") == 4)
  }

  @Test func whatAModelRefusedIsNotOfferedAgain() {
    var window = ContextWindow(limits: .init(messages: 100, tokens: 100_000), systemLength: 0)
    for number in 0..<10 { window.append(Self.exchange(number, length: 4000)) }
    #expect(window.halve(turn: 0, model: "small") > 0)
    // 10,000 tokens were too many: 7,500 are the budget from now on, for this model alone.
    for number in 10..<14 { window.append(Self.exchange(number, length: 4000)) }
    #expect(window.makeRoom(forTurn: 0, model: "large") == 0)
    #expect(window.makeRoom(forTurn: 0, model: "small") > 0)
  }

  @Test(arguments: [(0, 500), (50, 99), (10_000, 0), (10_000, -5)])
  func ignoresUsageThatTellsNothing(characters: Int, tokens: Int) {
    var window = ContextWindow(limits: .init(messages: 20, tokens: 1000), systemLength: 0)
    for _ in 0..<5 { window.learn(characters: characters, inputTokens: tokens, model: "m") }
    #expect(window.density(of: "m") == 4)
  }

  @Test func absurdUsageLeavesOneCharacterAToken() {
    var window = ContextWindow(limits: .init(messages: 20, tokens: 1000), systemLength: 0)
    for _ in 0..<5 { window.learn(characters: 100, inputTokens: 1_000_000, model: "m") }
    #expect(window.density(of: "m") == 1)
  }

  @Test func theRoomForATurnNeverVanishes() {
    let window = ContextWindow(limits: .init(messages: 20, tokens: 10), systemLength: 5000)
    #expect(window.room(model: Self.model) == 1000)
  }
}
