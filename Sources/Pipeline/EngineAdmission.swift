// Whether a call may be made now, and to whom.

import FoundationEssentials
import Observation
import Provider
import Spool

extension Engine {
  /// Whether the provider takes a call now.
  func admission(_ choice: ProviderChoice, _ settings: Settings, _ now: Date) -> Gate.Admission {
    var gate = gates[choice.name] ?? Gate()
    if let pause = gate.pause, pause.fingerprint != fingerprint(choice, pause, settings) {
      gate.reopen()
      withdrawPause(of: choice.name)
      log.notice("\(choice.name): the settings have changed; the pause is over")
    }
    if gate.pause == nil, let failure = hindrance(choice, settings, now) {
      let pause = Pause(
        provider: choice.name, failureClass: failure.failureClass, status: nil, message: failure.message,
        since: now,
        until: now.addingTimeInterval(failure.retryAfter ?? settings.retryMax), failures: 1,
        fingerprint: choice.fingerprint)
      var marked = pause
      marked.fingerprint = fingerprint(choice, pause, settings)
      gate.close(marked)
      publish(marked)
    }
    gates[choice.name] = gate
    let admission = gate.admission(now: now)
    // What cannot be asked at all is looked at again at the end of its pause, not tried.
    if admission == .probe, hindrance(choice, settings, now) != nil {
      if var pause = gate.pause {
        pause.until = now.addingTimeInterval(settings.retryMax)
        gate.close(pause)
        gates[choice.name] = gate
        publish(pause, quietly: true)
      }
      return .closed
    }
    if admission != .closed, let wait = pacing.wait(choice, now) {
      pacing.nextCall = now.addingTimeInterval(wait)
      return .closed
    }
    pacing.nextCall = nil
    return admission
  }

  /// Why nothing can be sent whatever the provider says: no key, a wrong setting, no money left for today.
  private func hindrance(_ choice: ProviderChoice, _ settings: Settings, _ now: Date) -> Failure? {
    if case .failure(let failure) = choice.provider { return failure }
    return choice.name == "offline" ? nil : money.overspent(settings, now)
  }

  /// What a pause's fingerprint would be with the settings of now.
  private func fingerprint(_ choice: ProviderChoice, _ pause: Pause, _ settings: Settings) -> String {
    guard pause.failureClass == .quota, let budget = settings.dailyBudgetUSD,
      pause.message.hasPrefix(Money.overspentPrefix)
    else { return choice.fingerprint }
    return "\(choice.fingerprint)-\(budget)"
  }

  /// The settings in force and who is asked by them. Says what is wrong with them, also while nothing waits.
  @discardableResult
  func lookAtSettings() -> (settings: Settings, choice: ProviderChoice) {
    let settings = source.current()
    if let choice, choice.settings === settings { return choice }
    complain(settings)
    let clock = clock
    let made = ProviderChoice(settings: settings, http: http, command: command, now: { clock.now() })
    if let choice, choice.choice.limits != made.limits { conversations.removeAll() }
    choice = (settings, made)
    http.limit(to: settings.concurrency)
    return (settings, made)
  }

  private func complain(_ settings: Settings) {
    for complaint in settings.complaints where complained.insert(complaint).inserted {
      log.warning(complaint)
    }
  }

  // MARK: Sessions

  /// The session's conversation, read from its records.
  func readConversation(of session: String, limits: ContextWindow.Limits) async throws(SpoolError)
    -> Conversation
  {
    // What is being committed has no record yet.
    if let commit = lastCommit[session] { _ = await commit.task.value }
    let conversation = Conversation(session: session, limits: limits)
    var records: [Record] = []
    try spool.records(of: SessionPlace(session: session)) { bytes in
      if let record = try? Record(json: bytes), record.session == session { records.append(record) }
    }
    conversation.replay(records)
    conversations[session] = conversation
    return conversation
  }

  /// The session's conversation; nil where it is not in memory.
  func conversation(of session: String, limits: ContextWindow.Limits) -> Conversation? {
    conversations[session].flatMap { $0.window.limits == limits ? $0 : nil }
  }

  /// Forgets a conversation, so that it is read from the records again.
  func forget(_ session: String) { conversations[session] = nil }
}
