// One turn of a session: its next inputs are claimed, asked about and committed.

import FoundationEssentials
import JSONText
import Observation
import Provider
import Spool

/// An input in hand: claimed, and understood as an event.
final class Input: Sendable {
  let claimed: Claimed
  let event: Event
  let demand: Backlog.Demand
  var name: InputName { claimed.name }

  init(claimed: Claimed, event: Event, demand: Backlog.Demand) {
    self.claimed = claimed
    self.event = event
    self.demand = demand
  }
}

/// How a turn ended.
enum TurnOutcome {
  /// The session may go on at once.
  case advanced
  /// An input went back to wait for better times.
  case left
}

extension Engine {
  /// Takes a session's turn. Nothing is thrown: whatever fails leaves the inputs in a state directory, with the
  /// reason beside them.
  func takeTurn(
    of session: Backlog.Session, _ choice: ProviderChoice, _ settings: Settings, isProbe: Bool
  ) async -> TurnOutcome {
    let id = backlog.id(of: session)
    var hand = Hand()
    do throws(SpoolError) {
      try await gather(session, id, choice, settings, into: &hand)
    } catch {
      // What is in hand already goes back, and is taken again when the spool works.
      storageFailed(error)
      if isProbe { gates[choice.name]?.abandonProbe() }
      await putBack(hand.asked + hand.silent, id)
      return .left
    }
    let recorded: TurnOutcome =
      hand.silent.isEmpty ? .advanced : await recordSilently(hand.silent, id, choice, settings)
    guard let first = hand.asked.first else {
      if isProbe { gates[choice.name]?.abandonProbe() }
      return recorded
    }
    let previous = lastCommit[id]
    do throws(Failure) {
      let provider = try choice.provider.get()
      let conversation =
        if let known = conversation(of: id, limits: choice.limits) { known } else {
          try await readConversationOrFail(id, choice)
        }
      let question = Question(session: id, events: hand.asked.map(\.event), prompts: conversation.prompts)
      let understood = try await ask(
        question, in: conversation, of: choice, provider: provider, settings: settings, name: first.name.text)
      answered(choice, wasProbe: isProbe)
      await giveWay()
      return await record(understood, hand.asked, conversation, choice, after: previous)
    } catch {
      return await settle(error, hand.asked, id, choice, settings, wasProbe: isProbe)
    }
  }

  /// Lets the steps that wait on the loop go first. A turn does so where another kind of work begins: with many
  /// sessions each kind is then done for one after the other, while its code is in the processor's caches.
  func giveWay() async { await Task.yield() }

  private func readConversationOrFail(_ id: String, _ choice: ProviderChoice) async throws(Failure)
    -> Conversation
  {
    do throws(SpoolError) {
      return try await readConversation(of: id, limits: choice.limits)
    } catch {
      throw Failure(error)
    }
  }

  // MARK: Taking inputs in hand

  /// What one turn has claimed.
  struct Hand {
    /// Inputs of one call.
    var asked: [Input] = []
    /// Inputs that are recorded without one.
    var silent: [Input] = []
    var isEmpty: Bool { asked.isEmpty && silent.isEmpty }
  }

  /// Claims a session's next inputs: either those that are recorded without a call, up to the first that needs
  /// one, or the inputs of one call. These are tool uses that stand together; what needs no call between them
  /// comes along, a prompt ends them.
  private func gather(
    _ session: Backlog.Session, _ id: String, _ choice: ProviderChoice, _ settings: Settings,
    into hand: inout Hand
  ) async throws(SpoolError) {
    var bytes = 0
    let moment = Int64(clock.now().timeIntervalSince1970 * 1e9)
    let takesCall = backlog.head(of: session, now: moment)?.demand.needsCall ?? false
    let most = batchLimit(id, choice, settings)
    while !isStopping, hand.silent.count < 64, let head = backlog.head(of: session, now: moment) {
      switch head.demand {
      case .nothing: break
      case .prompt: if takesCall { return }
      case .observation:
        guard takesCall, hand.asked.count < (head.alone ? 1 : most) else { return }
        bytes += head.stamp.size
        if !hand.asked.isEmpty, bytes > choice.limits.tokens { return }
      case .summary: guard takesCall, hand.asked.isEmpty else { return }
      }
      let name = backlog.name(of: head)
      let kept = backlog.removeHead(of: session)
      let input: Input
      do throws(SpoolError) {
        switch try take(name, head, kept, id, choice, settings) {
        case .input(let taken): input = taken
        case .none: continue
        case .rejected(let failure):
          await reject(name, head.stamp, failure)
          continue
        case .rejectedInHand(let claimed, let failure):
          await reject(claimed, failure)
          continue
        case .foreign(let claimed):
          await insist { () async throws(SpoolError) in
            try await self.committer.giveBack(claimed, due: nil, note: nil)
          }
          backlog.add(arrival: claimed.name)
          continue
        }
      } catch {
        // Wherever the claim has stopped, the name is looked at again.
        backlog.add(arrival: name)
        throw error
      }
      if input.demand.needsCall {
        // What no longer needs a call is silent; what needs one all of a sudden waits for its own turn.
        guard takesCall else {
          return await putBack([input], id)
        }
        hand.asked.append(input)
        if input.demand == .summary || head.alone { return }
      } else {
        hand.silent.append(input)
      }
    }
  }

  /// How many inputs of a session one call may have.
  private func batchLimit(_ id: String, _ choice: ProviderChoice, _ settings: Settings) -> Int {
    // Without a model there is no call to save.
    if choice.name == "offline" { return 1 }
    if unnumbered[choice.model, default: 0] >= 2 { return 1 }
    if singly[id, default: 0] > 0 { return 1 }
    return settings.batch
  }

  /// What a name came to when its turn had come.
  private enum Taken {
    case input(Input)
    /// It is not to be had, or is looked at again, or was dealt with on the spot.
    case none
    /// It cannot even be read, and waits on.
    case rejected(Failure)
    /// It was claimed and is no event.
    case rejectedInHand(Claimed, Failure)
    /// It was claimed and belongs to another session.
    case foreign(Claimed)
  }

  /// Claims one input. It waits for nothing: what has to, the caller does.
  private func take(
    _ name: InputName, _ entry: Backlog.Entry, _ kept: Backlog.Kept?, _ id: String, _ choice: ProviderChoice,
    _ settings: Settings
  ) throws(SpoolError) -> Taken {
    if id.hasPrefix(Self.noSession) {
      switch try standing(of: name) {
      case .unusable(let failure): return .rejected(failure)
      case .event(let session) where session != id:
        // It could not be read when it was looked at, and can be now: it has a session after all.
        backlog.add(arrival: name)
        return .none
      case .event, .other: break
      }
    }
    // With other keys the input has to be read again.
    let kept = kept?.redact == choice.redact ? kept : nil
    let claimed: Claimed
    switch try spool.claim(
      name, session: id, expecting: entry.stamp, knowing: kept?.seen,
      reading: Recovering(redact: choice.redact))
    {
    case .claimed(let input): claimed = input
    case .gone: return .none
    case .changed:
      backlog.add(arrival: name)
      return .none
    case .notTaken(let reason):
      log.warning("\(spool.path)/pending/\(name.fileName) stays where it is: \(reason)")
      return .none
    case .redelivered:
      log.notice("\(name): the same file was recorded before; moved to done without asking")
      progress.done += 1
      return .none
    }
    do throws(EventError) {
      let event: Event
      if let bytes = claimed.bytes {
        event = try Event(decoding: choice.redact(bytes))
      } else if let kept {
        event = kept.event
      } else {
        // Not to be: a claim without bytes was given what was kept. It would be looked at again.
        return .foreign(claimed)
      }
      guard event.session == id || id.hasPrefix(Self.noSession) else {
        // The settings have got a key since the look that stands in the session's identifier: it has another queue.
        return .foreign(claimed)
      }
      return .input(Input(claimed: claimed, event: event, demand: demand(event.outline, settings)))
    } catch {
      return .rejectedInHand(claimed, Failure(.input, message: error.message))
    }
  }

  // MARK: Recording

  /// Records inputs without a call: notes, prompts, skipped tools.
  private func recordSilently(
    _ inputs: [Input], _ id: String, _ choice: ProviderChoice, _ settings: Settings
  ) async -> TurnOutcome {
    let conversation: Conversation
    do throws(SpoolError) {
      conversation =
        if let known = self.conversation(of: id, limits: choice.limits) { known } else {
          try await readConversation(of: id, limits: choice.limits)
        }
    } catch {
      storageFailed(error)
      await putBack(inputs, id)
      return .left
    }
    var batches: [Batch] = []
    for input in inputs {
      let turn = conversation.turn + 1
      var record = Record(input, turn: turn, at: clock.now())
      switch input.demand {
      case .prompt:
        let text = choice.redact(input.event.prompt ?? "")
        record.outcome = .noted
        record.exchange = .said(user: JSONString(text), assistant: JSONString(""))
        conversation.note(prompt: text, turn: turn)
      default:
        record.outcome = input.event.kind == .note ? .noted : .skipped
      }
      batches.append(Batch(entries: [Finished(claimed: input.claimed, record: record.file)]))
    }
    // It costs more memory now than when the turn began.
    _ = conversations[id]
    return await commit(inputs, batches, id, after: lastCommit[id])
  }

  /// Turns an answer into records and commits them. What the answer does not speak of is asked by itself.
  private func record(
    _ understood: Understood, _ inputs: [Input], _ conversation: Conversation, _ choice: ProviderChoice,
    after previous: CommitUnderWay?
  ) async -> TurnOutcome {
    let id = conversation.session
    noteNumbering(understood, inputs.count, choice)
    var answered: [(input: Input, part: Answer.Part)] = []
    var unanswered: [Input] = []
    for (input, part) in zip(inputs, understood.parts) {
      if let part { answered.append((input, part)) } else { unanswered.append(input) }
    }
    guard let last = answered.last?.input.name else { return .left }
    let turn = understood.exchange.turn
    let names = answered.map(\.input.name.text)
    let now = clock.now()
    let entries = answered.map { input, part in
      var record = Record(input, turn: turn, at: now)
      record.take(part, of: input.event)
      record.provider = understood.provider
      record.model = understood.model
      record.servedModel = understood.servedModel
      record.requestID = understood.requestID
      record.batch = names.count > 1 ? names : nil
      if input.name == last {
        record.usage = understood.usage
        record.exchange = .said(user: understood.exchange.user, assistant: understood.exchange.assistant)
        record.since = understood.since
      } else {
        record.exchange = .within(last.text)
      }
      return Finished(claimed: input.claimed, record: record.file)
    }
    conversation.append(
      understood.exchange, model: understood.model,
      inputTokens: choice.isCommand ? nil : understood.usage?.inputTokens)
    // It costs more memory now than when the turn began.
    _ = conversations[id]
    if singly[id, default: 0] > 0 { singly[id, default: 0] -= inputs.count }
    if !unanswered.isEmpty {
      log.notice(
        "\(unanswered[0].name): the answer to \(inputs.count) inputs leaves out \(unanswered.count); asked singly"
      )
      singly[id] = unanswered.count
      await putBack(unanswered, id)
    }
    return await commit(answered.map(\.input), [Batch(entries: entries)], id, after: previous)
  }

  private func noteNumbering(_ understood: Understood, _ count: Int, _ choice: ProviderChoice) {
    guard count > 1 else { return }
    if understood.isNumbered {
      unnumbered[choice.model] = 0
    } else {
      missedNumbers(choice)
    }
  }

  /// A model that does not number its answers twice in a row is asked singly from then on.
  func missedNumbers(_ choice: ProviderChoice) {
    unnumbered[choice.model, default: 0] += 1
    if unnumbered[choice.model] == 2 {
      log.notice(
        "\(choice.model) does not number its answers; it is asked about one input a call from now on")
    }
  }
}

extension Record {
  /// A record of an input without an outcome of its own yet.
  init(_ input: Input, turn: Int, at now: Date) {
    let event = input.event
    self.init(
      name: input.name.text, inputSHA256: input.claimed.sha256, session: event.session,
      project: event.project,
      turn: turn, kind: event.kind, occurredAt: event.occurredAt ?? input.claimed.stamp.modified,
      processedAt: now,
      outcome: .noted)
  }

  /// Takes over what the model said of the input.
  mutating func take(_ part: Answer.Part, of event: Event) {
    findings = part.withFiles(of: event).findings
    summary = part.summary
    if part.findings.isEmpty, part.summary == nil {
      outcome = .skipped
    } else {
      outcome = part.summary == nil ? .observed : .summarized
    }
  }

  var file: RecordFile { RecordFile(session: session, xml: xml, json: json) }
}

/// Reads inputs and records for the recovery at start.
struct Recovering: RecordReader {
  /// As it was taken out when the input was recorded: a key may stand in a session's identifier too.
  let redact: Redaction

  func session(ofInput bytes: [UInt8]) -> String {
    (try? Event.Outline(decoding: redact(bytes)))?.session ?? ""
  }

  func facts(ofRecord json: [UInt8]) -> RecordFacts? {
    guard let record = try? Record(json: json) else { return nil }
    return RecordFacts(inputSHA256: record.inputSHA256, batch: record.batch, xml: { record.xml })
  }
}
