// The calls of the engine: each is counted, logged and paid for, whatever comes of it.

import FoundationEssentials
import JSONText
import Observation
import Provider
import Spool

extension Engine {
  /// Asks until there is an answer that can be understood. The window is cut on the way where it must be.
  ///
  /// - Parameter name: Of the first input, for the log.
  func ask(
    _ question: Question, in conversation: Conversation, of choice: ProviderChoice, provider: any Provider,
    settings: Settings, name: String
  ) async throws(Failure) -> Understood {
    let turn = conversation.turn + 1
    await giveWay()
    var asking = Asking(question, redact: choice.redact)
    let model = choice.model
    if asking.shorten(to: conversation.window.room(model: model)) {
      log.warning(
        "\(name): the message is longer than MAX_TOKENS or the model allows; it was shortened in the middle")
    }
    let dropped = conversation.makeRoom(forTurn: asking.turn.length, model: model)
    if dropped > 0 {
      log.warning(
        "session \(question.session): the context window is full; dropped \(dropped) oldest messages, "
          + "\(2 * conversation.window.exchanges.count) stay")
    }
    var isFirst = true
    while true {
      // The first call was counted when the turn began.
      if !isFirst { pacing.take(choice, clock.now()) }
      isFirst = false
      let reply: Reply
      do throws(Failure) {
        reply = try await call(asking, in: conversation, of: choice, provider: provider, settings: settings)
      } catch {
        guard error.failureClass == .context else { throw error }
        try makeShorter(&asking, in: conversation, model: model, after: error)
        continue
      }
      switch asking.read(reply, log: log, name: name) {
      case .askAgain:
        log.notice("\(name): the answer cannot be used and is asked for once more")
      case .failed(let failure):
        throw failure
      case .understood(let answer):
        return Understood(
          parts: answer.parts, isNumbered: answer.isNumbered,
          exchange: Exchange(turn: turn, user: asking.turn, assistant: JSONString(reply.text)),
          since: conversation.window.since ?? turn, provider: choice.name,
          model: model, servedModel: reply.servedModel, requestID: reply.requestID,
          usage: reply.usage.map { recordUsage($0, of: reply, choice, settings) })
      }
    }
  }

  /// What to leave out after the server found the conversation too long: half of the window, then all of it,
  /// then half of the turn, at most four times.
  private func makeShorter(
    _ asking: inout Asking, in conversation: Conversation, model: String, after failure: Failure
  ) throws(Failure) {
    let dropped = conversation.halve(turn: asking.turn.length, model: model)
    if dropped > 0 {
      log.warning(
        "session \(asking.question.session): the model finds the conversation too long; dropped \(dropped) oldest "
          + "messages and asking again")
      return
    }
    asking.shortenings += 1
    guard asking.shortenings <= 4, asking.shorten(to: asking.turn.length / 2) else { throw failure }
    log.warning(
      "session \(asking.question.session): the model finds the newest message alone too long; it was shortened in the "
        + "middle")
  }

  /// One call.
  private func call(
    _ asking: Asking, in conversation: Conversation, of choice: ProviderChoice, provider: any Provider,
    settings: Settings
  ) async throws(Failure) -> Reply {
    let request = asking.request(conversation.window)
    let began = clock.now()
    var reply: Reply
    do throws(ProviderError) {
      reply = try await provider.ask(request)
    } catch {
      throw Failure(error)
    }
    reply.text = choice.redact(reply.text)
    note(reply, request, asking.question, choice, settings, began: began)
    return reply
  }

  private func note(
    _ reply: Reply, _ request: Request, _ question: Question, _ choice: ProviderChoice, _ settings: Settings,
    began: Date
  ) {
    guard choice.name != "offline" else { return }
    let now = clock.now()
    let usage = reply.usage
    let counted = usage.map { recordUsage($0, of: reply, choice, settings) }
    let line = UsageLine(
      at: now, provider: choice.name, model: choice.model, servedModel: reply.servedModel,
      session: question.session,
      project: question.project, inputs: question.events.count, inputTokens: usage?.inputTokens ?? 0,
      outputTokens: usage?.outputTokens ?? 0, cachedTokens: usage?.cachedTokens ?? 0,
      costUSD: counted?.costUSD,
      estimated: counted?.estimated ?? (usage == nil),
      durationMilliseconds: Int(max(0, now.timeIntervalSince(began) - reply.waited) * 1000),
      requestID: reply.requestID)
    log.info(line.sentence(messagesInContext: request.messages.count))
    if line.inputTokens + line.outputTokens > 50_000 {
      log.warning(
        "session \(question.session): high token usage, \(line.inputTokens + line.outputTokens) tokens in one call; "
          + "reduce MAX_CONTEXT_MESSAGES or MAX_TOKENS")
    }
    spent(line)
  }

  private func recordUsage(_ usage: Usage, of reply: Reply, _ choice: ProviderChoice, _ settings: Settings)
    -> Record.Usage
  {
    let table = settings.price(
      model: choice.model, servedModel: reply.servedModel, input: usage.inputTokens,
      output: usage.outputTokens,
      cached: usage.cachedTokens)
    return Record.Usage(
      inputTokens: usage.inputTokens, outputTokens: usage.outputTokens, cachedTokens: usage.cachedTokens,
      costUSD: usage.costUSD ?? table, estimated: choice.isCommand || (usage.costUSD == nil && table != nil))
  }
}

extension UsageLine {
  /// The line for the log, in the form that the seed's users know.
  func sentence(messagesInContext: Int) -> String {
    let title = Providers.kind(named: provider)?.title ?? provider
    let cost = costUSD.map { "\"\(digits(ofDollars: $0))\"" } ?? "unknown"
    return """
      \(title) API usage: { model: "\(servedModel ?? model)", inputTokens: \(inputTokens), \
      outputTokens: \(outputTokens), totalTokens: \(inputTokens + outputTokens), cachedTokens: \(cachedTokens), \
      estimatedCostUSD: \(cost), messagesInContext: \(messagesInContext) }
      """
  }
}
