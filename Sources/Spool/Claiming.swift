// From pending to inflight: how an input becomes this processor's.
import FoundationEssentials
import Glibc

extension Spool {
  /// Moves a waiting input to `inflight`. Only for the owner of the spool.
  ///
  /// Where its name is taken it gets the next free one. A file of another user is replaced by a copy, since
  /// only an owner may set a file's times.
  ///
  /// - Parameters:
  ///   - session: The identifier of the session that its record will be in.
  ///   - expecting: What `look` said of the file.
  ///   - seen: What `look` gave of it, if that was kept.
  ///   - reader: Tells whose record one is, so that an input which somebody has moved back from done, or whose
  ///     done file was pruned, is recognized by its record; nil to go by done alone.
  public func claim(
    _ name: InputName, session: String, expecting: FileStamp, knowing seen: Seen? = nil,
    reading reader: (any RecordReader)? = nil
  ) throws(SpoolError) -> ClaimResult {
    let found: Candidate
    if let seen, try pending.status(of: name.fileName) == seen.status {
      found = Candidate(seen)
    } else {
      switch try examine(name.fileName, in: pending) {
      case .file(let file) where file.bytes.count == file.status.stamp.size: found = Candidate(file)
      case .file, .tooLarge: return .changed
      case .gone: return .gone
      case .notTaken(let reason): return .notTaken(reason: reason)
      }
    }
    guard found.status.stamp == expecting else { return .changed }

    // An input that was moved aside keeps its right to be recognized as the one it came as.
    for earlier in name.earlier {
      guard let same = try isInDone(found.sha256, size: expecting.size, as: earlier) else { break }
      if same, let result = try redeliver(name, found, as: earlier) { return result }
    }
    let place = SessionPlace(session: session)
    var target = name
    while true {
      if let same = try isInDone(found.sha256, size: expecting.size, as: target) {
        if same, let result = try redeliver(name, found, as: target) { return result }
        target = target.next
      } else if try isTaken(target, besidesDone: place, byMove: target == name) {
        if let reader, try hasRecord(found.sha256, as: target, in: place, reader),
          let result = try redeliver(name, found, as: target)
        {
          return result
        }
        target = target.next
      } else if let result = try take(name, found, as: target, session: session) {
        return result
      } else {
        target = target.next
      }
    }
  }

  /// A waiting file that is about to be claimed.
  private struct Candidate {
    /// Nil where it was not read again.
    let read: Found.File?
    let sha256: String
    let status: FileStatus

    init(_ file: Found.File) {
      read = file
      sha256 = SHA256.hex(file.bytes)
      status = file.status
    }

    init(_ seen: Seen) {
      read = nil
      sha256 = seen.sha256
      status = seen.status
    }
  }

  /// Whether the name is taken by nothing but a record, and that is of an input with this hash.
  private func hasRecord(
    _ sha256: String, as name: InputName, in session: SessionPlace, _ reader: any RecordReader
  ) throws(SpoolError) -> Bool {
    if try isTaken(name, in: nil) { return false }
    guard let json = try observations.read(RecordPlace(of: name, in: session).json) else { return false }
    return reader.facts(ofRecord: json)?.inputSHA256 == sha256
  }

  /// Moves the file and sees that it is the one that was read; nil where the name was taken meanwhile.
  private func take(_ name: InputName, _ found: Candidate, as target: InputName, session: String)
    throws(SpoolError) -> ClaimResult?
  {
    // A crash after this leaves the note under the new name, where the next claim, which takes the same name,
    // finds it.
    if target != name, try ownsNote(name) { try moveNote(of: name, to: target) }
    // A crash after this leaves the input in inflight, from where recovery gives it back. Power may go before
    // the move is on disk: then it is still in pending.
    switch try pending.move(name.fileName, to: inflight, as: target.fileName) {
    case .moved: break
    case .gone: return .gone
    case .taken: return nil
    }
    do throws(SpoolError) {
      guard let status = try inflight.status(of: target.fileName), status.isSame(as: found.status) else {
        _ = try move(target, from: .inflight, to: .pending, as: name)
        return .changed
      }
      var inode = status.inode
      var original: OpenFile?
      // One of another user is never kept as seen.
      if let file = found.read, status.owner != system.effectiveUser() {
        inode = try replaceByCopy(target, bytes: file.bytes, nanoseconds: status.stamp.nanoseconds)
        original = file.open
      }
      return .claimed(
        Claimed(
          name: target, bytes: found.read?.bytes, sha256: found.sha256, stamp: status.stamp,
          note: isWithoutNotes ? nil : try note(for: target), session: session, inode: inode,
          original: original))
    } catch {
      // It must not stay where nobody in this process knows of it. If this fails too, the next start finds it.
      _ = try? move(target, from: .inflight, to: .pending, as: name)
      throw error
    }
  }

  /// Puts a file of our own with these bytes in place of `inflight/NAME.json`.
  ///
  /// - Returns: Its inode.
  func replaceByCopy(_ name: InputName, bytes: [UInt8], nanoseconds: Int64) throws(SpoolError) -> UInt64 {
    let temporary = temporaryName()
    do throws(SpoolError) {
      let copy = try tmp.create(temporary)
      try copy.write(bytes)
      try copy.perform("set the time of") { () throws(Errno) in
        try system.setModified(nanoseconds, of: copy.descriptor)
      }
      // A crash up to here leaves the other user's file in inflight, and a file in tmp that the next start
      // removes. The sync keeps the name from ever standing for half a file.
      try copy.sync()
      try tmp.rename(temporary, to: inflight, as: name.fileName)
      return try copy.status().inode
    } catch {
      _ = try? tmp.remove(temporary)
      throw error
    }
  }

  /// Whether done has an input of this name with the same bytes, told by their number and hash; nil where it has none
  /// of that name.
  func isInDone(_ sha256: String, size: Int, as name: InputName) throws(SpoolError) -> Bool? {
    guard let status = try done.status(of: name.fileName) else { return nil }
    guard status.kind == .regular, status.stamp.size == size, let bytes = try read(name, in: .done) else {
      return false
    }
    return SHA256.hex(bytes) == sha256
  }

  /// Moves an input that has been delivered again over the one in done; nil where inflight has one of that
  /// name.
  private func redeliver(_ name: InputName, _ found: Candidate, as target: InputName)
    throws(SpoolError) -> ClaimResult?
  {
    // Its producer may not have synced it, and it takes the place of one that is on disk.
    var file = found.read?.open
    if file == nil { file = try pending.open(name.fileName) }
    guard let file, try file.status().isSame(as: found.status) else { return .changed }
    try file.sync()
    let ownsNote = try ownsNote(name)
    // It goes through inflight, where no producer can put another file in its place between the look and the
    // move. A crash here leaves it there; recovery moves it on by its record, or gives it back.
    switch try pending.move(name.fileName, to: inflight, as: target.fileName) {
    case .moved: break
    case .gone: return .gone
    case .taken: return nil
    }
    guard let status = try inflight.status(of: target.fileName), status.isSame(as: found.status) else {
      _ = try move(target, from: .inflight, to: .pending, as: name)
      return .changed
    }
    do throws(SpoolError) {
      try inflight.rename(target.fileName, to: done, as: target.fileName)
    } catch {
      _ = try? move(target, from: .inflight, to: .pending, as: name)
      throw error
    }
    // A crash here leaves a note without an input, which recovery removes.
    if ownsNote { try errors.remove(name.fileName) }
    return .redelivered
  }
}

extension FileStatus {
  /// Whether it is the same file of the same user and has not been touched. Moving it changes none of this.
  func isSame(as other: FileStatus) -> Bool {
    inode == other.inode && device == other.device && owner == other.owner && stamp == other.stamp
  }
}
