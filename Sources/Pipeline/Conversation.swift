// What has been said in a session, made from its records.

import JSONText
import Observation
import Spool

/// The conversation of one session, kept in memory while the session is busy.
///
/// The records are the conversation: this is read from them when the session wakes, and each exchange is
/// added only together with the record that holds it.
final class Conversation {
  let session: String
  private(set) var window: ContextWindow
  /// The number of the last call, 0 before the first.
  private(set) var turn = 0
  /// Prompts that were noted since the last call and lead the next one.
  private(set) var prompts: [String] = []

  init(session: String, limits: ContextWindow.Limits) {
    self.session = session
    window = ContextWindow(limits: limits, systemLength: Prompt.system.utf16.count)
  }

  /// Takes the session's records, in any order.
  func replay(_ records: [Record]) {
    for record in records.sorted(by: { ($0.turn, $0.name) < ($1.turn, $1.name) }) {
      guard case .said(let user, let assistant) = record.exchange else { continue }
      if record.outcome == .noted {
        // It leads the call of its own turn; if there was one, that call's exchange carries it.
        note(prompt: user.text, turn: record.turn)
      } else {
        let model = record.model ?? ""
        // Where the window began then, whatever moved it: a limit, or a server that found it too long.
        if let since = record.since {
          window.drop(before: since)
        } else {
          _ = makeRoom(forTurn: user.length, model: model)
        }
        // What the command `claude` reports counts instructions of its own.
        let usage = record.usage.flatMap { record.provider == "claude" && $0.estimated ? nil : $0 }
        append(
          Exchange(turn: record.turn, user: user, assistant: assistant), model: model,
          inputTokens: usage?.inputTokens)
      }
    }
  }

  func note(prompt: String, turn: Int) {
    guard turn > self.turn else { return }
    prompts.append(prompt)
  }

  func makeRoom(forTurn length: Int, model: String) -> Int { window.makeRoom(forTurn: length, model: model) }

  func halve(turn: Int, model: String) -> Int { window.halve(turn: turn, model: model) }

  /// Adds what was said for a call; the prompts that led it are in it.
  func append(_ exchange: Exchange, model: String, inputTokens: Int?) {
    if let inputTokens {
      window.learn(
        characters: window.systemLength + window.length + exchange.user.length, inputTokens: inputTokens,
        model: model)
    }
    window.append(exchange)
    turn = max(turn, exchange.turn)
    prompts.removeAll()
  }
}
