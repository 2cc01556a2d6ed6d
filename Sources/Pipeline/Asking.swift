// Asking the model for one turn, until there is an answer that can be understood or a reason why not.

import FoundationEssentials
import JSONText
import Observation
import Provider
import Spool

/// What is asked in one call: the inputs, and the prompts that lead them.
struct Question: Sendable {
  var session: String
  var events: [Event]
  var prompts: [String]
  var project: String { events.first?.project ?? "" }
}

/// An answer that was understood, and what was said to get it.
struct Understood: Sendable {
  /// One for each input; nil where it got none and is to be asked by itself.
  var parts: [Answer.Part?]
  var isNumbered: Bool
  var exchange: Exchange
  /// The turn of the oldest exchange that was sent along.
  var since: Int
  var provider: String
  var model: String
  var servedModel: String?
  var requestID: String?
  var usage: Record.Usage?
}

/// The state of asking one question: what has been tried already.
struct Asking {
  /// How many tokens an answer may have, as the seed's users know it.
  static let standardRoom = 4096

  let question: Question
  let redact: Redaction
  var limits = PayloadLimits()
  var turn: JSONString
  /// The answer that could not be used and the request for another one, which never enter the history.
  var correction: [Message] = []
  var room = standardRoom
  var withoutReasoning = false
  /// Whether it was asked once more already, because the answer could not be understood.
  var hasCorrected = false
  /// Whether it was asked once more already, with more room.
  var hasMoreRoom = false
  /// How often the turn itself was shortened because the server found it too long.
  var shortenings = 0

  init(_ question: Question, redact: Redaction) {
    self.question = question
    self.redact = redact
    turn = JSONString(utf8: redact(Prompt.turn(question.events, ledBy: question.prompts, limits: limits)))
  }

  /// Makes the turn shorter until it has at most `characters`: first what each payload may have, at last
  /// the whole text. True if anything was shortened.
  mutating func shorten(to characters: Int) -> Bool {
    guard turn.length > characters else { return false }
    for _ in 0..<6 where turn.length > characters {
      limits = limits.halved
      turn = JSONString(utf8: redact(Prompt.turn(question.events, ledBy: question.prompts, limits: limits)))
    }
    if turn.length > characters { turn = JSONString(Prompt.shortened(turn.text, to: characters)) }
    return true
  }

  func request(_ window: ContextWindow) -> Request {
    var messages: [Message] = []
    messages.reserveCapacity(2 * window.exchanges.count + 3)
    for exchange in window.exchanges {
      messages.append(Message(role: .user, text: exchange.user))
      messages.append(Message(role: .assistant, text: exchange.assistant))
    }
    messages.append(Message(role: .user, text: turn))
    messages += correction
    let question = question
    return Request(
      system: Self.system, messages: messages, maxOutputTokens: room, session: question.session,
      withoutReasoning: withoutReasoning,
      withoutModel: { WithoutModel.answer(to: question.events, ledBy: question.prompts) })
  }

  private static let system = JSONString(Prompt.system)

  /// What is to be done with a reply.
  enum Reading {
    case understood(Answer)
    case askAgain
    case failed(Failure)
  }

  /// Reads a reply. Where the answer cannot be used it is asked once more, with the fault named.
  mutating func read(_ reply: Reply, log: Log, name: String) -> Reading {
    if case .refused(let reason) = reply.finish {
      return .failed(
        Failure(.refused, message: "the provider refused to answer: \(reason)", answer: reply.text))
    }
    let answer = Answer(parsing: reply.text, inputs: question.events.count)
    let isCut = reply.finish == .length || (answer.endsOpen && answer.fault != nil)
    if isCut { return readCut(reply) }
    switch answer.fault {
    case nil:
      return .understood(answer)
    case .unanswered where question.events.count > 1:
      return .understood(answer)
    case .empty where hasCorrected && reply.finish == .stop && question.events.count == 1:
      log.warning("\(name): the model answered with nothing, twice; the input is recorded as skipped")
      return .understood(Answer(parsing: "<skip/>", inputs: 1))
    case .some(let fault):
      if hasCorrected {
        return .failed(
          Failure(
            .answer, message: "the model's answer cannot be understood: \(fault.words)", answer: reply.text))
      }
      hasCorrected = true
      correction =
        reply.text.isEmpty
        ? []
        : [
          Message(role: .assistant, text: JSONString(reply.text)),
          Message(role: .user, text: JSONString(Prompt.again(after: fault, inputs: question.events.count))),
        ]
      // Reasoning may have taken all the room and left nothing for the answer.
      if reply.text.isEmpty { withoutReasoning = true }
      return .askAgain
    }
  }

  private mutating func readCut(_ reply: Reply) -> Reading {
    if hasMoreRoom {
      return .failed(
        Failure(
          .answer, message: "the model's answer was cut short at \(room) tokens, also with more room",
          answer: reply.text))
    }
    hasMoreRoom = true
    room = Self.standardRoom * 4
    withoutReasoning = true
    return .askAgain
  }
}

extension PayloadLimits {
  var halved: PayloadLimits {
    PayloadLimits(
      toolInput: toolInput / 2, toolResponse: toolResponse / 2, prompt: prompt / 2,
      lastMessage: lastMessage / 2)
  }
}

extension Answer.Fault {
  /// For a person, in the errors file.
  var words: String {
    switch self {
    case .empty: "it is empty"
    case .nothingUnderstood: "it has no <observation>, <summary> or <skip/> that says anything"
    case .cutShort: "it ends in the middle of a block"
    case .unnumbered: "its blocks do not say which input they answer"
    case .unanswered(let inputs): "nothing answers input \(inputs.map(String.init).joined(separator: ", "))"
    }
  }
}
