// The commit of the inputs of one call: all records, then all inputs.

/// The steps of one batch.
final class BatchCommit: GroupedChange {
  private let batch: Batch
  private let answer: (CommitOutcome) -> Void
  private var files: [(xml: String, json: String)] = []
  /// Whether an input was touched since it was read: no record is to stay, and all go back.
  private var isChanged = false
  private(set) var isToBeTakenBack = false

  init(_ batch: Batch, answer: @escaping (CommitOutcome) -> Void) {
    self.batch = batch
    self.answer = answer
  }

  /// Whether an earlier try got all records on disk.
  private func isRecorded(_ group: CommitGroup) -> Bool {
    batch.entries.contains { entry in
      switch group.ledger.progress[entry.claimed.name] {
      case .recorded, .moved: true
      case .published, nil: false
      }
    }
  }

  /// (a) A crash leaves files in tmp, which the next start removes, and the inputs in inflight.
  func write(_ group: inout CommitGroup) throws(SpoolError) {
    if isChanged || isRecorded(group) { return }
    let spool = group.spool
    for entry in batch.entries {
      let xml = try spool.writeTemporary(entry.record.xml)
      files.append((xml: xml.name, json: ""))
      files[files.count - 1].json = try spool.writeTemporary(entry.record.json).name
    }
    // Beside these files that is the claim, since a record on disk whose input is back in pending would be made
    // twice, and the input's bytes, which done will hold and which its producer need not have synced.
    group.syncs.addEverything()
  }

  /// (b) A crash leaves some records visible. Recovery moves an input on by its JSON if all of its batch have
  /// one, and else withdraws those of the batch; it writes an XML that is missing, and removes one that is alone.
  /// Power may go with any of these renames on disk and any not, which is the same to recovery.
  func publish(_ group: inout CommitGroup) throws(SpoolError) {
    if isRecorded(group) { return }
    let spool = group.spool
    if try isTouched(spool) { isChanged = true }
    if isChanged {
      removeTemporaries(spool)
      // An earlier try may have made records visible.
      for entry in batch.entries { try group.withdrawRecord(of: entry.claimed.name) }
      return
    }
    let places = batch.entries.map(place(of:))
    for (entry, place) in zip(batch.entries, places) {
      group.ledger.progress[entry.claimed.name] = .published(place)
    }
    for index in files.indices {
      try group.publish(files[index].xml, as: places[index].xml, in: places[index].session)
    }
    for index in files.indices {
      try group.publish(files[index].json, as: places[index].json, in: places[index].session)
    }
    for session in Set(places.map(\.session)) {
      try group.syncs.add { () throws(SpoolError) in try spool.observations.directory(session.directory) }
    }
    files = []
  }

  /// (d) All records are on disk. A crash leaves some inputs in inflight, which recovery moves on. Power may go
  /// before a move is on disk, which is the same.
  ///
  /// A writer who still has the file open may have touched it during the syncs. Then the records are taken back, which
  /// has to be on disk before the inputs move, or they would be recorded twice.
  func move(_ group: inout CommitGroup) throws(SpoolError) {
    isToBeTakenBack = false
    if isChanged { return try giveBack(&group) }
    if !hasMoved(group), try isTouched(group.spool) {
      isChanged = true
      isToBeTakenBack = true
      for entry in batch.entries { group.ledger.progress[entry.claimed.name] = .published(place(of: entry)) }
      return
    }
    let names = batch.entries.map(\.claimed.name)
    for name in names {
      if case .moved = group.ledger.progress[name] { continue }
      group.ledger.progress[name] = .recorded
    }
    for entry in batch.entries {
      if case .moved = group.ledger.progress[entry.claimed.name] { continue }
      try group.moveToDone(entry.claimed)
    }
    for name in names { group.ledger.progress[name] = nil }
  }

  private func isTouched(_ spool: Spool) throws(SpoolError) -> Bool {
    for entry in batch.entries where try !spool.isUntouched(entry.claimed) { return true }
    return false
  }

  private func hasMoved(_ group: CommitGroup) -> Bool {
    batch.entries.contains { entry in
      if case .moved = group.ledger.progress[entry.claimed.name] { true } else { false }
    }
  }

  private func place(of entry: Finished) -> RecordPlace {
    RecordPlace(of: entry.claimed.name, in: SessionPlace(session: entry.record.session))
  }

  /// A crash leaves some in inflight without a record: recovery gives those back too.
  private func giveBack(_ group: inout CommitGroup) throws(SpoolError) {
    for entry in batch.entries {
      group.ledger.progress[entry.claimed.name] = nil
      try group.spool.refreshCopy(entry.claimed)
      _ = try group.spool.move(
        entry.claimed.name, from: .inflight, to: .pending, in: SessionPlace(session: entry.claimed.session))
      group.ledger.unsynced.formUnion([.inflight, .pending])
    }
  }

  func abandon(_ group: inout CommitGroup) { removeTemporaries(group.spool) }

  private func removeTemporaries(_ spool: Spool) {
    // What stays takes space until the next start, no more.
    for file in files {
      _ = try? spool.tmp.remove(file.xml)
      if !file.json.isEmpty { _ = try? spool.tmp.remove(file.json) }
    }
    files = []
  }

  func reply(_ outcome: Result<Void, SpoolError>) {
    switch outcome {
    case .success: answer(isChanged ? .changed : .done)
    case .failure(let error): answer(.failed(error))
    }
  }
}

extension CommitGroup {
  /// Renames a file from tmp into `observations`, replacing what an earlier try has left, and makes the
  /// session's directory where it is missing.
  fileprivate mutating func publish(_ temporary: String, as path: String, in session: SessionPlace)
    throws(SpoolError)
  {
    // Once more, since a prune may remove the directory again while it is empty.
    for _ in 0..<2 {
      if case .moved = try rename(temporary, path) { return }
      // A crash here leaves an empty directory.
      if try spool.observations.makeDirectory(session.directory) { ledger.hasNewSession = true }
    }
    try spool.tmp.rename(temporary, to: spool.observations, as: path)
  }

  private func rename(_ temporary: String, _ path: String) throws(SpoolError) -> Directory.Move {
    do throws(SpoolError) {
      try spool.tmp.rename(temporary, to: spool.observations, as: path)
      return .moved
    } catch {
      if error.isMissing { return .gone }
      throw error
    }
  }

  /// Removes the record that a commit has made visible and not brought to its end. It is off the disk with the
  /// next sync. A crash leaves an XML alone, which recovery removes.
  mutating func withdrawRecord(of name: InputName) throws(SpoolError) {
    guard case .published(let place) = ledger.progress[name] else { return }
    try spool.observations.remove(place.json)
    try spool.observations.remove(place.xml)
    if let directory = try spool.observations.directory(place.session.directory) { syncs.add(directory) }
  }

  /// Moves an input whose record is on disk to done, and removes its note.
  mutating func moveToDone(_ input: Claimed) throws(SpoolError) {
    ledger.unsynced.formUnion([.inflight, .done])
    try spool.moveToDone(input.name, sha256: input.sha256, size: input.stamp.size)
    ledger.progress[input.name] = .moved
  }
}

extension Spool {
  /// Moves an input whose record is on disk from inflight to done, and removes its note.
  func moveToDone(_ name: InputName, sha256: String, size: Int) throws(SpoolError) {
    if case .taken = try inflight.move(name.fileName, to: done, as: name.fileName) {
      if try isInDone(sha256, size: size, as: name) == true {
        // The same input, of which done holds a copy already.
        try inflight.open(name.fileName)?.sync()
        try inflight.rename(name.fileName, to: done, as: name.fileName)
      } else {
        _ = try move(name, from: .inflight, to: .done, as: freeName(after: name))
      }
    }
    // A crash here leaves a note without an input, which recovery removes. So does a failure, which is no reason
    // to say that the input is not done.
    if !isWithoutNotes { _ = try? errors.remove(name.fileName) }
  }

  /// Whether a claimed input is what was read: nobody has touched its file, nor the one that it is a copy of.
  func isUntouched(_ input: Claimed) throws(SpoolError) -> Bool {
    if let original = input.original, try original.status().stamp != input.stamp { return false }
    guard let status = try inflight.status(of: input.name.fileName) else { return false }
    return status.inode == input.inode && status.stamp == input.stamp
  }

  /// Brings the copy of another user's file up to date, before it goes back to pending.
  func refreshCopy(_ input: Claimed) throws(SpoolError) {
    guard let original = input.original else { return }
    let status = try original.status()
    guard status.stamp != input.stamp else { return }
    let path = original.path
    guard let again = try original.rereadAll(limit: Self.longestInput) else {
      throw SpoolError("read", path, hint: "it has grown past \(Self.longestInput) bytes")
    }
    _ = try replaceByCopy(input.name, bytes: again, nanoseconds: status.stamp.nanoseconds)
  }
}
