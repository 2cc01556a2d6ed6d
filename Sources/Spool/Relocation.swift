// Inputs that do not become records now: given back, or failed.
import FoundationEssentials

/// Moves one input to pending or failed, its note before it.
final class Relocation: GroupedChange {
  enum Source {
    case claimed(Claimed)
    /// A file in pending that cannot be claimed.
    case waiting(InputName, expecting: FileStamp?)
  }

  private let source: Source
  private let destination: State
  private let due: Date?
  private let note: ErrorNote?
  private let answer: (Result<Bool, SpoolError>) -> Void
  private var temporary: String?
  private var target: InputName
  private var isMoved = false

  init(
    _ source: Source, to destination: State, due: Date? = nil, note: ErrorNote?,
    answer: @escaping (Result<Bool, SpoolError>) -> Void
  ) {
    self.source = source
    self.destination = destination
    self.due = due
    self.note = note
    self.answer = answer
    switch source {
    case .claimed(let input): target = input.name
    case .waiting(let name, _): target = name
    }
  }

  private var name: InputName {
    switch source {
    case .claimed(let input): input.name
    case .waiting(let name, _): name
    }
  }

  private var session: SessionPlace? {
    if case .claimed(let input) = source { return SessionPlace(session: input.session) }
    return nil
  }

  /// Whether an earlier try to commit it has its record on disk: then it belongs in done after all.
  private func isRecorded(_ group: CommitGroup) -> Bool {
    switch group.ledger.progress[name] {
    case .recorded, .moved: true
    case .published, nil: false
    }
  }

  /// A crash leaves a file in tmp.
  func write(_ group: inout CommitGroup) throws(SpoolError) {
    let spool = group.spool
    if isRecorded(group) { return }
    switch source {
    case .claimed:
      if try spool.directory(of: destination).contains(name.fileName) {
        target = try spool.freeName(after: name, in: session)
      }
    case .waiting:
      if try spool.isTaken(name, in: nil) { target = try spool.freeName(after: name) }
    }
    guard var note else { return }
    note.name = target
    let file = try spool.writeTemporary(note.json)
    temporary = file.name
    group.syncs.add(file.file)
  }

  /// A crash leaves the new note with the input where it was. It says what happened, and the input is tried
  /// again.
  func publish(_ group: inout CommitGroup) throws(SpoolError) {
    if isRecorded(group) { return }
    let spool = group.spool
    try group.withdrawRecord(of: name)
    guard let temporary else { return }
    spool.isWithoutNotes = false
    try spool.tmp.rename(temporary, to: spool.errors, as: target.fileName)
    self.temporary = nil
    // The note that it had under its old name, if that was its own.
    if target != name, try isNoteOurs(spool) { try spool.errors.remove(name.fileName) }
    group.syncs.add(spool.errors)
  }

  private func isNoteOurs(_ spool: Spool) throws(SpoolError) -> Bool {
    if case .claimed = source { return true }
    return try spool.ownsNote(name)
  }

  /// A crash between the time and the move leaves an input in inflight that is due later; recovery makes it due
  /// now. Power may go before the move is on disk: recovery gives it back.
  func move(_ group: inout CommitGroup) throws(SpoolError) {
    let spool = group.spool
    switch source {
    case .claimed(let input):
      switch group.ledger.progress[name] {
      case .moved: return
      case .recorded: return try group.moveToDone(input)
      case .published, nil: break
      }
      try spool.refreshCopy(input)
      if let due { try spool.inflight.setModified(due.nanoseconds, of: name.fileName) }
      group.ledger.unsynced.formUnion([.inflight, destination])
      isMoved = try spool.move(name, from: .inflight, to: destination, as: target, in: session) != nil
      group.ledger.progress[name] = nil
    case .waiting(let name, let expecting):
      group.ledger.unsynced.formUnion([.pending, destination])
      if let stamp = try spool.stamp(of: name, in: .pending), stamp == expecting ?? stamp {
        isMoved = try spool.reject(name, as: target)
      }
      // What the note says is true of a file that is no more.
      if !isMoved { try spool.errors.remove(target.fileName) }
    }
  }

  func abandon(_ group: inout CommitGroup) {
    if let temporary { _ = try? group.spool.tmp.remove(temporary) }
    temporary = nil
  }

  func reply(_ outcome: Result<Void, SpoolError>) { answer(outcome.map { isMoved }) }
}

extension Spool {
  /// Moves a file from pending to failed, where its note is already.
  fileprivate func reject(_ name: InputName, as target: InputName) throws(SpoolError) -> Bool {
    var target = target
    while true {
      switch try pending.move(name.fileName, to: failed, as: target.fileName) {
      case .moved: return true
      case .gone: return false
      case .taken:
        let next = try freeName(after: target)
        try moveNote(of: target, to: next)
        target = next
      }
    }
  }
}
