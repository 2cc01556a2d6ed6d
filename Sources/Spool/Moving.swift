// Moves that replace nothing, and the names that inputs take where theirs are taken.
import Glibc
import JSONText

extension Spool {
  /// Whether a claimed input may not be called so: another is, or has a record.
  func isTaken(_ name: InputName, in session: SessionPlace?) throws(SpoolError) -> Bool {
    for state in [State.inflight, .done, .failed] where try directory(of: state).contains(name.fileName) {
      return true
    }
    guard let session else { return false }
    return try observations.contains(RecordPlace(of: name, in: session).json)
  }

  /// The same for a name that done is known not to have. With `byMove`, whether inflight has it is left for the
  /// move to tell, which replaces nothing.
  func isTaken(_ name: InputName, besidesDone session: SessionPlace, byMove: Bool) throws(SpoolError) -> Bool
  {
    // Each input in failed has a note, unless a person has put it there: then the next that fails takes another name.
    if !isWithoutNotes, try failed.contains(name.fileName) { return true }
    if !byMove, try inflight.contains(name.fileName) { return true }
    return try observations.contains(RecordPlace(of: name, in: session).json)
  }

  /// The next name after `name` that is free everywhere.
  func freeName(after name: InputName, in session: SessionPlace? = nil) throws(SpoolError) -> InputName {
    var next = name.next
    while true {
      let isWaiting = try pending.contains(next.fileName)
      let isTaken = try isTaken(next, in: session)
      if !isWaiting, !isTaken { return next }
      next = next.next
    }
  }

  /// Moves an input to another state; where its name is taken there, under the next free name, its note with
  /// it.
  ///
  /// - Parameter wish: The name to try first, the one it has by default.
  /// - Returns: The name it has now; nil where there was no such input.
  func move(
    _ name: InputName, from: State, to: State, as wish: InputName? = nil, in session: SessionPlace? = nil
  )
    throws(SpoolError) -> InputName?
  {
    var target = wish ?? name
    var noted = name
    while true {
      if target != noted, try errors.contains(noted.fileName) {
        // A crash after this leaves the note without its input: recovery removes it, and the input starts
        // over with its attempts.
        try moveNote(of: noted, to: target)
        noted = target
      }
      switch try directory(of: from).move(name.fileName, to: directory(of: to), as: target.fileName) {
      case .moved: return target
      case .gone: return nil
      case .taken: target = try freeName(after: target, in: session)
      }
    }
  }

  /// Whether the note of that name is about the input in pending: it is not where failed or inflight have one
  /// of the name, of which it is.
  func ownsNote(_ name: InputName) throws(SpoolError) -> Bool {
    for state in [State.failed, .inflight] where try directory(of: state).contains(name.fileName) {
      return false
    }
    return true
  }

  func moveNote(of name: InputName, to target: InputName) throws(SpoolError) {
    guard try errors.contains(name.fileName) else { return }
    try errors.rename(name.fileName, to: errors, as: target.fileName)
  }

  /// Writes a file in `tmp`. It is not on disk before it is synced.
  func writeTemporary(_ bytes: WrittenBytes) throws(SpoolError) -> (name: String, file: OpenFile) {
    let name = temporaryName()
    let file = try tmp.create(name)
    do throws(SpoolError) {
      try file.write(bytes)
    } catch {
      // On a full disk the space is needed.
      _ = try? tmp.remove(name)
      throw error
    }
    return (name, file)
  }
}
