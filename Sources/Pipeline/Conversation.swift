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
        _ = makeRoom(forTurn: user.length, model: model)
        append(
          Exchange(user: user, assistant: assistant), turn: record.turn, model: model,
          inputTokens: record.usage?.inputTokens)
      }
    }
  }

  func note(prompt: String, turn: Int) {
    guard turn > self.turn else { return }
    prompts.append(prompt)
  }

  func makeRoom(forTurn length: Int, model: String) -> Int { window.makeRoom(forTurn: length, model: model) }

  func halve() -> Int { window.halve() }

  /// Adds what was said for a call; the prompts that led it are in it.
  func append(_ exchange: Exchange, turn: Int, model: String, inputTokens: Int?) {
    if let inputTokens {
      window.learn(
        characters: window.systemLength + window.length + exchange.user.length, inputTokens: inputTokens,
        model: model)
    }
    window.append(exchange)
    self.turn = max(self.turn, turn)
    prompts.removeAll()
  }
}
