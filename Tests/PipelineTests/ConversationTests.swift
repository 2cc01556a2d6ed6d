import FoundationEssentials
import JSONText
import Observation
import TestSupport
import Testing

@testable import Pipeline

/// The records are the conversation: what a restart reads from them is what was in memory before.
@Suite struct ConversationTests {
  static let limits = ContextWindow.Limits(messages: 20, tokens: 8000)
  static let now = Date(timeIntervalSince1970: 1_795_521_600)

  static func record(
    _ name: String, turn: Int, outcome: Record.Outcome, model: String? = nil, tokens: Int? = nil,
    exchange: Record.Exchange?, since: Int? = nil
  ) -> Record {
    Record(
      name: name, inputSHA256: String(repeating: "0", count: 64), session: "s", project: "p", turn: turn,
      kind: outcome == .noted ? .prompt : .toolUse, occurredAt: now, processedAt: now, outcome: outcome,
      model: model,
      usage: tokens.map {
        Record.Usage(inputTokens: $0, outputTokens: 1, cachedTokens: 0, costUSD: nil, estimated: false)
      }, exchange: exchange, since: since)
  }

  static func said(_ user: String, _ assistant: String) -> Record.Exchange {
    .said(user: JSONString(user), assistant: JSONString(assistant))
  }

  /// A session as it goes: the conversation in memory, and the records that it leaves.
  struct Session {
    var conversation = Conversation(session: "s", limits: limits)
    var records: [Record] = []
    var count = 0

    var nextName: String { "n" + String(100_000 + count) }

    mutating func prompt(_ text: String) {
      let turn = conversation.turn + 1
      records.append(record(nextName, turn: turn, outcome: .noted, exchange: said(text, "")))
      conversation.note(prompt: text, turn: turn)
      count += 1
    }

    /// - Parameter refused: How often the server finds the conversation too long first.
    mutating func call(_ length: Int, inputs: Int, model: String, tokens: Int?, refused: Int = 0) {
      let text = conversation.prompts.joined() + "#\(count)" + String(repeating: "u", count: length)
      _ = conversation.makeRoom(forTurn: text.utf16.count, model: model)
      for _ in 0..<refused { _ = conversation.halve(turn: text.utf16.count, model: model) }
      let turn = conversation.turn + 1
      let names = (0..<inputs).map { "n" + String(100_000 + count + $0) }
      for name in names.dropLast() {
        records.append(
          record(name, turn: turn, outcome: .observed, model: model, exchange: .within(names[inputs - 1])))
      }
      records.append(
        record(
          names[inputs - 1], turn: turn, outcome: .observed, model: model, tokens: tokens,
          exchange: said(text, "a\(count)"), since: conversation.window.since ?? turn))
      conversation.append(
        Exchange(turn: turn, user: JSONString(text), assistant: JSONString("a\(count)")), model: model,
        inputTokens: tokens)
      count += inputs
    }

    mutating func skip() {
      records.append(record(nextName, turn: conversation.turn + 1, outcome: .skipped, exchange: nil))
      count += 1
    }
  }

  static func replayed(_ records: [Record]) -> Conversation {
    let conversation = Conversation(session: "s", limits: limits)
    conversation.replay(records)
    return conversation
  }

  static func expectSame(_ one: Conversation, _ other: Conversation) {
    #expect(one.turn == other.turn)
    #expect(one.prompts == other.prompts)
    #expect(Array(one.window.exchanges) == Array(other.window.exchanges))
    #expect(one.window.length == other.window.length)
    for model in ["one", "other", "m"] {
      #expect(one.window.density(of: model) == other.window.density(of: model))
    }
  }

  /// After every step of a long random session a restart finds the same turn, the same prompts to come, and the
  /// same window, so that the next call begins with the same bytes.
  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func aRestartSendsTheSame(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var session = Session()
    for _ in 0..<80 {
      switch Int.random(in: 0..<10, using: &generator) {
      case 0, 1: session.prompt("prompt \(session.count)")
      case 2: session.skip()
      default:
        let length = Int.random(in: 0..<(Bool.random(using: &generator) ? 200 : 9000), using: &generator)
        let tokens = Bool.random(using: &generator) ? Int.random(in: 0..<4000, using: &generator) : nil
        session.call(
          length, inputs: Int.random(in: 1...3, using: &generator),
          model: ["one", "other"].randomElement(using: &generator)!, tokens: tokens,
          refused: Int.random(in: 0..<12, using: &generator) == 0 ? 1 : 0)
      }
      Self.expectSame(Self.replayed(session.records.shuffled(using: &generator)), session.conversation)
    }
    #expect(session.conversation.window.exchanges.count < session.conversation.turn)
  }

  /// Through the files themselves.
  @Test func aRestartReadsTheSameFromTheRecordsFiles() throws {
    var session = Session()
    for number in 0..<15 {
      if number % 4 == 0 { session.prompt("prompt \(number) \"quoted\"\n\u{202E}") }
      session.call(900, inputs: 1 + number % 3, model: "m", tokens: 400 + number)
    }
    let records = try session.records.map { try Record(json: $0.json.bytes) }
    Self.expectSame(Self.replayed(records), session.conversation)
  }

  @Test func promptsLeadTheNextCallAlone() {
    var session = Session()
    session.prompt("first")
    session.prompt("second")
    #expect(session.conversation.prompts == ["first", "second"])
    session.call(10, inputs: 1, model: "m", tokens: nil)
    #expect(session.conversation.prompts == [])
    #expect(session.conversation.window.exchanges.first?.user.text.hasPrefix("firstsecond") == true)
    session.prompt("third")
    #expect(Self.replayed(session.records).prompts == ["third"])
  }

  @Test func aPromptOfACallThatWasMadeDoesNotComeBack() {
    var session = Session()
    session.prompt("said")
    session.call(10, inputs: 1, model: "m", tokens: nil)
    let conversation = Self.replayed(session.records)
    #expect(conversation.prompts == [] && conversation.turn == 1)
    #expect(conversation.window.exchanges.count == 1)
  }

  /// Whatever its name: an input that came later may stand before it in name order.
  @Test func aPromptBehindItsCallInNameOrderDoesNotComeBackEither() {
    let conversation = Self.replayed([
      Self.record("z", turn: 1, outcome: .noted, exchange: Self.said("said", "")),
      Self.record(
        "a", turn: 1, outcome: .observed, model: "m", exchange: Self.said("said, and more", "answer")),
    ])
    #expect(conversation.prompts == [])
  }

  @Test func theHistoryGoesByTurnNotByName() {
    let conversation = Self.replayed([
      Self.record("a", turn: 2, outcome: .observed, model: "m", exchange: Self.said("second", "answer")),
      Self.record("b", turn: 1, outcome: .observed, model: "m", exchange: Self.said("first", "answer")),
    ])
    #expect(conversation.window.exchanges.map(\.user.text) == ["first", "second"])
    #expect(conversation.turn == 2)
  }

  @Test func theInputsOfOneCallAreOneExchange() {
    var session = Session()
    session.call(10, inputs: 6, model: "m", tokens: nil)
    #expect(session.records.count == 6)
    let conversation = Self.replayed(session.records)
    #expect(conversation.turn == 1 && conversation.window.exchanges.count == 1)
  }

  @Test func anEmptySessionHasNoTurnYet() {
    let conversation = Self.replayed([])
    #expect(conversation.turn == 0 && conversation.window.exchanges.isEmpty && conversation.prompts.isEmpty)
  }

  /// Another provider goes on with the same history.
  @Test func anotherModelSeesTheWholeHistory() {
    var session = Session()
    session.call(10, inputs: 1, model: "one", tokens: nil)
    session.call(10, inputs: 1, model: "other", tokens: nil)
    #expect(session.conversation.window.exchanges.count == 2)
    #expect(Self.replayed(session.records).window.exchanges.count == 2)
  }
}
