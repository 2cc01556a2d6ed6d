// Start-up recovery: what the last processor left in flight, whatever ended it.
import FoundationEssentials
import Glibc

extension Spool {
  /// From this many crashes on an input is tried alone.
  public static let crashesToBeAlone = 3
  /// After this many it goes to failed.
  public static let mostCrashes = 5

  /// Brings every input in `inflight` to where it belongs. Only for the owner, before anything is claimed.
  ///
  /// A crash in here is as good as one before: each step leaves something that the next recovery reads alike.
  public func recover(reading reader: some RecordReader) throws(SpoolError) -> Recovery {
    // A session's directory may have been made and not synced by the one before.
    try root.sync()
    try observations.sync()
    var work = RecoveryWork(spool: self, reader: reader)
    try work.examine()
    try work.settleRecords()
    try work.settleInputs()
    try removeLoneNotes()
    return work.outcome
  }

  /// Removes the notes of inputs that are done or gone.
  private func removeLoneNotes() throws(SpoolError) {
    var isWithoutNotes = true
    for fileName in try errors.names() where InputName(fileName: fileName) != nil {
      // In this order a retry, which moves from failed to pending meanwhile, is met.
      let states = [State.failed, .inflight, .pending]
      var isAlone = true
      for state in states where try directory(of: state).contains(fileName) { isAlone = false }
      if isAlone { try errors.remove(fileName) } else { isWithoutNotes = false }
    }
    self.isWithoutNotes = isWithoutNotes
  }
}

private struct RecoveryWork<Reader: RecordReader> {
  let spool: Spool
  let reader: Reader
  var outcome = Recovery()
  private var inputs: [Input] = []

  private struct Input {
    let name: InputName
    let stamp: FileStamp
    let place: RecordPlace?
    /// What its record says, if it has one.
    var facts: RecordFacts?
  }

  init(spool: Spool, reader: Reader) {
    self.spool = spool
    self.reader = reader
  }

  /// Finds out which inputs have their record. Changes nothing.
  mutating func examine() throws(SpoolError) {
    var names = try spool.names(in: .inflight)
    names.sort()
    outcome.notTaken = names.others
    for name in names {
      switch try spool.examine(name.fileName, in: spool.inflight, hardLinks: true) {
      case .gone: continue
      case .notTaken: outcome.notTaken.append(name.fileName)
      case .tooLarge(let stamp):
        inputs.append(Input(name: name, stamp: stamp, place: nil))
      case .file(let found):
        let session = SessionPlace(session: reader.session(ofInput: found.bytes))
        let place = RecordPlace(of: name, in: session)
        var input = Input(name: name, stamp: found.status.stamp, place: place)
        if let json = try spool.observations.read(place.json), let facts = reader.facts(ofRecord: json),
          facts.inputSHA256 == SHA256.hex(found.bytes)
        {
          input.facts = facts
        }
        inputs.append(input)
      }
    }
  }

  /// Completes the records that stay and removes those that do not, durably, so that no input moves before.
  mutating func settleRecords() throws(SpoolError) {
    var unwritten: [(temporary: String, path: String)] = []
    var writes = SyncSet()
    var directories: Set<SessionPlace> = []
    for index in inputs.indices {
      let input = inputs[index]
      guard let place = input.place else { continue }
      if let facts = input.facts, try isComplete(facts.batch, in: place.session) {
        directories.insert(place.session)
        guard try !spool.observations.contains(place.xml) else { continue }
        let (temporary, file) = try spool.writeTemporary(facts.xml())
        writes.add(file)
        unwritten.append((temporary, place.xml))
      }
    }
    if !writes.isEmpty { try writes.sync(root: spool.root) }
    for (temporary, path) in unwritten { try spool.tmp.rename(temporary, to: spool.observations, as: path) }

    // Which records go is decided before the first one does, and each makes its batch incomplete for the next
    // recovery as it does for this.
    var withdrawn: [Int] = []
    for index in inputs.indices {
      guard let place = inputs[index].place, let facts = inputs[index].facts else { continue }
      if try !isComplete(facts.batch, in: place.session) { withdrawn.append(index) }
    }
    for index in withdrawn {
      inputs[index].facts = nil
      if let place = inputs[index].place { try spool.observations.remove(place.json) }
    }
    for input in inputs where input.facts == nil {
      // An XML beside another input's JSON is that one's.
      guard let place = input.place, try !spool.observations.contains(place.json) else { continue }
      if try spool.observations.remove(place.xml) { directories.insert(place.session) }
      directories.insert(place.session)
    }
    var changed = SyncSet()
    for session in directories {
      if let directory = try openSession(session) { changed.add(directory) }
    }
    if !changed.isEmpty { try changed.sync(root: spool.root) }
  }

  private func openSession(_ session: SessionPlace) throws(SpoolError) -> Directory? {
    guard try spool.observations.contains(session.directory) else { return nil }
    return try spool.observations.directory(session.directory)
  }

  /// Whether all inputs of a call have their records. One that is in done had, since nothing moves there before
  /// all records of its call are on disk.
  private func isComplete(_ batch: [String]?, in session: SessionPlace) throws(SpoolError) -> Bool {
    for member in batch ?? [] {
      guard let name = InputName(member) else { continue }
      if let input = inputs.first(where: { $0.name == name }) {
        if input.facts == nil { return false }
        continue
      }
      if try spool.done.contains(name.fileName) { continue }
      if try spool.observations.contains(RecordPlace(of: name, in: session).json) { continue }
      return false
    }
    return true
  }

  /// Moves every input on or back.
  mutating func settleInputs() throws(SpoolError) {
    var notes: [InputName: ErrorNote] = [:]
    try writeNotes(&notes)
    for input in inputs {
      if let facts = input.facts {
        try moveOn(input, facts)
      } else if let note = notes[input.name] {
        try moveBack(input, note)
      }
    }
    var moves = SyncSet()
    if !inputs.isEmpty {
      for state in State.allCases { moves.add(spool.directory(of: state)) }
      try moves.sync(root: spool.root)
    }
  }

  /// Counts the crash of each input that goes back. A crash in here counts as one more, which it is.
  private func writeNotes(_ notes: inout [InputName: ErrorNote]) throws(SpoolError) {
    let now = spool.clock.now()
    var writes = SyncSet()
    var unpublished: [(temporary: String, name: InputName)] = []
    for input in inputs where input.facts == nil {
      var note =
        try spool.note(for: input.name)
        ?? ErrorNote(
          name: input.name, attempts: 0, errorClass: "", message: "", firstFailedAt: now, lastFailedAt: now)
      note.crashes += 1
      note.errorClass = "crash"
      note.status = nil
      note.message = "the processor ended while this input was in flight"
      note.lastFailedAt = now
      note.nextAttemptAt = note.crashes < Spool.mostCrashes ? now : nil
      let (temporary, file) = try spool.writeTemporary(note.json)
      writes.add(file)
      unpublished.append((temporary, input.name))
      notes[input.name] = note
    }
    guard !writes.isEmpty else { return }
    try writes.sync(root: spool.root)
    for (temporary, name) in unpublished {
      try spool.tmp.rename(temporary, to: spool.errors, as: name.fileName)
    }
    try spool.errors.sync()
  }

  private mutating func moveOn(_ input: Input, _ facts: RecordFacts) throws(SpoolError) {
    // Recovery may be the first to see to it that what done holds is on disk.
    try spool.inflight.open(input.name.fileName)?.sync()
    try spool.moveToDone(input.name, sha256: facts.inputSHA256, size: input.stamp.size)
    outcome.movedOn.append(input.name)
  }

  private mutating func moveBack(_ input: Input, _ note: ErrorNote) throws(SpoolError) {
    if note.crashes >= Spool.mostCrashes {
      if let name = try spool.move(input.name, from: .inflight, to: .failed) { outcome.failed.append(name) }
      return
    }
    let now = spool.clock.now().nanoseconds
    if input.stamp.nanoseconds > now {
      // It was about to be given back until later. Of another user's file only the owner may set the time; that
      // one was due when it was claimed.
      do throws(SpoolError) {
        try spool.inflight.setModified(now, of: input.name.fileName)
      } catch {
        guard error.errno == EPERM else { throw error }
      }
    }
    if let name = try spool.move(input.name, from: .inflight, to: .pending, in: input.place?.session) {
      outcome.givenBack.append(Recovery.GivenBack(name: name, crashes: note.crashes))
    }
  }
}
