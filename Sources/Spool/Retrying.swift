// What `obspool retry` does to the files.
import FoundationEssentials

/// What became of a retry.
public enum RetryResult: Sendable, Equatable {
  /// The input waits and is due now; its name, which is another where pending had one of its name.
  case retried(InputName)
  /// It is being worked on.
  case inflight
  /// It needs no retry.
  case done
  /// There is no such input.
  case unknown
}

extension Spool {
  /// Makes an input in failed or in pending wait, due now, with no attempts so far. Works beside a running
  /// processor, which sees the move.
  public func retry(_ name: InputName) throws(SpoolError) -> RetryResult {
    switch try place(of: name) {
    case .failed?, .pending?: break
    case .inflight?: return .inflight
    case .done?: return .done
    case nil: return .unknown
    }
    // A crash leaves an input in failed whose note counts no attempts: retry it again.
    try forgetAttempts(name)
    let now = clock.now().nanoseconds
    do throws(SpoolError) {
      try failed.setModified(now, of: name.fileName)
      // A crash leaves it in failed. The processor may be beside us, so the way is from state to state.
      if let target = try move(name, from: .failed, to: .pending) { return .retried(target) }
    } catch {
      guard error.isMissing else { throw error }
    }
    do throws(SpoolError) {
      try pending.setModified(now, of: name.fileName)
      return .retried(name)
    } catch {
      guard error.isMissing else { throw error }
      // It has moved on meanwhile; then the note would stay for good.
      guard try place(of: name) == .inflight else {
        try errors.remove(name.fileName)
        return .done
      }
      return .inflight
    }
  }

  private func forgetAttempts(_ name: InputName) throws(SpoolError) {
    guard var note = try note(for: name) else { return }
    note.attempts = 0
    note.crashes = 0
    note.nextAttemptAt = nil
    let (temporary, file) = try writeTemporary(note.json)
    try file.sync()
    do throws(SpoolError) {
      try tmp.rename(temporary, to: errors, as: name.fileName)
    } catch {
      // A processor that starts at this moment empties tmp.
      throw error.isMissing
        ? SpoolError("retry", path, hint: "a processor has just started; try again") : error
    }
  }
}
