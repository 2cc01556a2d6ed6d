// The commits of the engine: handed over in order, tried again where the spool cannot be written, given up at the end.

import Observation
import Spool

/// A commit that has been handed over and has not ended.
struct CommitUnderWay {
  let ticket: CommitTicket
  let task: Task<CommitEnd, Never>
}

/// How a commit ended.
enum CommitEnd {
  /// All of it is in done.
  case done
  /// An input had changed, here or in a commit before it: what is not in done waits to be asked about again.
  case changed
  /// The spool could not be written: what is not in done is back in pending, for another time.
  case givenUp
}

extension Engine {
  /// Hands records to the committer, behind those of the session that are there already, so that a record never stands
  /// without those before it. The session may go on meanwhile, but with one commit of it under way and not two.
  ///
  /// - Parameter previous: The session's commit that was under way when this turn read the conversation.
  /// - Returns: `left` where that one was given up; then these inputs are back in pending too.
  func commit(
    _ inputs: [Input], _ batches: [Batch], _ id: String, after previous: CommitUnderWay?
  ) async -> TurnOutcome {
    commits += 1
    let ticket = CommitTicket()
    let task = Task(executorPreference: loop) {
      let end = await self.carryOut(batches, inputs, id, as: ticket, after: previous)
      await self.commitEnded(id, ticket)
      return end
    }
    lastCommit[id] = CommitUnderWay(ticket: ticket, task: task)
    // After one that was not done this one is not either, and the session goes on only once its inputs are back.
    guard let previous, await previous.task.value != .done else { return .advanced }
    return await task.value == .givenUp ? .left : .advanced
  }

  private func commitEnded(_ id: String, _ ticket: CommitTicket) {
    if lastCommit[id]?.ticket === ticket { lastCommit[id] = nil }
    commits -= 1
    pumpLater()
  }

  /// Commits until all is done or given up.
  private func carryOut(
    _ batches: [Batch], _ inputs: [Input], _ id: String, as ticket: CommitTicket,
    after previous: CommitUnderWay?
  ) async -> CommitEnd {
    var open = batches
    var earlier = previous?.ticket
    var failures = 0
    var isChanged = false
    while true {
      var failure: SpoolError?
      var isBehind = false
      var rest: [Batch] = []
      let outcomes = await committer.commit(open, as: ticket, behind: earlier)
      for (batch, outcome) in zip(open, outcomes) {
        switch outcome {
        case .done:
          progress.done += batch.entries.count
          for entry in batch.entries { misses[entry.claimed.name] = nil }
        case .changed:
          isChanged = true
          for entry in batch.entries {
            log.notice(
              "\(entry.claimed.name): the file changed while it was being asked about; it is read again")
            backlog.add(arrival: entry.claimed.name)
          }
        case .failed(let error):
          failure = error
          rest.append(batch)
        case .behind:
          isBehind = true
          rest.append(batch)
        }
      }
      if isChanged { forget(id) }
      if isBehind, let previous {
        let end = await previous.task.value
        guard end == .done else {
          // What the model was told is not on record, so neither is what it answered.
          forget(id)
          let names = Set(rest.flatMap(\.entries).map(\.claimed.name))
          await putBack(inputs.filter { names.contains($0.name) }, id)
          return end
        }
        earlier = nil
        if failure == nil {
          open = rest
          continue
        }
      }
      guard let failure else {
        storageRecovered()
        return isChanged ? .changed : .done
      }
      failures += 1
      storageFailed(failure)
      open = rest
      guard await waitForStorage(failures) else {
        // A move needs no room, and what is back in pending is nobody's crash.
        log.error(
          "the answer to \(open.flatMap(\.entries).count) inputs could not be written; they go back to pending"
        )
        forget(id)
        for entry in open.flatMap(\.entries) {
          try? await committer.giveBack(entry.claimed, due: nil, note: nil)
        }
        return .givenUp
      }
    }
  }
}
