// What `obspool prune` removes, beside a running processor or without one.

/// What a prune has removed, or would.
public struct Pruned: Sendable, Equatable {
  /// Inputs in done and in failed.
  public var done = 0
  public var failed = 0
  /// Records, and the sessions of which none is left.
  public var records = 0
  public var sessions = 0
  /// Sessions with something that is old enough, which stays because they are in use.
  public var spared = 0
  /// Days of the usage log.
  public var usageDays = 0

  public init() {}
}

extension Spool {
  /// Removes what has stood still since a moment: inputs in done and failed with their notes, the usage of days that
  /// had ended by then, and the records of sessions that are not in use.
  ///
  /// A session is in use when an input of it waits or is in flight, or when one of its records is newer than the
  /// moment: its records are its conversation, and stay whole. What counts is when a file came where it is (its
  /// change time, which nobody can set), not its modification time, which a producer may have copied.
  ///
  /// Works beside a running processor: what that one writes is new, and every file's age is looked at again right
  /// before it goes. A crash leaves less or more of what was to go, and the next prune removes the rest: nothing here
  /// is on its way to anywhere. For that reason nothing is synced either.
  ///
  /// - Parameters:
  ///   - moment: Nanoseconds since 1970.
  ///   - today: The day of `moment` as the usage log names its files, such as `2026-11-24`; that day stays.
  ///   - dryRun: Whether to count only.
  public func prune(
    before moment: Int64, today: String, reading reader: some RecordReader, dryRun: Bool
  ) throws(SpoolError) -> Pruned {
    let pruning = Pruning(spool: self, moment: moment, dryRun: dryRun)
    var pruned = Pruned()
    // Who is in use comes first, since inputs move on to where they count as new.
    let inUse = try pruning.waitingSessions(reader)
    for session in try sessions() where try isDirectory(session) {
      try pruning.records(of: session, isWaiting: inUse.contains(session), &pruned)
    }
    // Records go before the inputs: a record alone would make its input's name taken, for nobody.
    try pruning.files(in: done) { _ in
    } counted: {
      pruned.done += 1
    }
    try pruning.files(in: failed) { name throws(SpoolError) in
      // A crash here leaves an input in failed that does not say why, until the next prune. The other way round the
      // note would pass for that of the next input of the name.
      try self.errors.remove(name)
    } counted: {
      pruned.failed += 1
    }
    for name in try usage.names() where name.hasSuffix(".jsonl") && name < today {
      pruned.usageDays += 1
      if !dryRun { try usage.remove(name) }
    }
    return pruned
  }

  private func isDirectory(_ session: SessionPlace) throws(SpoolError) -> Bool {
    try observations.status(of: session.directory)?.kind == .directory
  }
}

private struct Pruning {
  let spool: Spool
  let moment: Int64
  let dryRun: Bool

  /// The sessions of which an input waits or is in flight.
  func waitingSessions(_ reader: some RecordReader) throws(SpoolError) -> Set<SessionPlace> {
    var sessions: Set<SessionPlace> = []
    var seen: Set<InputName> = []
    // In this order an input that is claimed meanwhile is met, and with the third one that is given back.
    for state in [State.pending, .inflight, .pending] {
      for name in try spool.names(in: state) where state == .inflight || !seen.contains(name) {
        guard let bytes = try? spool.read(name, in: state) else { continue }
        seen.insert(name)
        sessions.insert(SessionPlace(session: reader.session(ofInput: bytes)))
      }
    }
    return sessions
  }

  /// Removes a session's records, unless it is in use.
  func records(of session: SessionPlace, isWaiting: Bool, _ pruned: inout Pruned) throws(SpoolError) {
    guard let directory = try spool.observations.directory(session.directory) else { return }
    var old: [String] = []
    var isInUse = isWaiting
    for name in try directory.names() {
      guard let status = try directory.status(of: name), status.kind == .regular else { continue }
      if status.changed < moment { old.append(name) } else { isInUse = true }
    }
    guard !isInUse else {
      if !old.isEmpty { pruned.spared += 1 }
      return
    }
    // The JSON is the record, so it goes first: a crash leaves an XML that counts for nothing.
    old.sort { $0.hasSuffix(".json") && !$1.hasSuffix(".json") }
    for name in old where try isOld(name, in: directory) {
      if name.hasSuffix(".json") { pruned.records += 1 }
      if !dryRun { try directory.remove(name) }
    }
    // The processor may have put a new record there, or be about to: then it makes the directory anew.
    let isGone = dryRun ? true : try spool.observations.removeDirectoryIfEmpty(session.directory)
    if isGone { pruned.sessions += 1 }
  }

  /// Removes the old files of a state, each after what `first` does.
  func files(
    in directory: Directory, first: (String) throws(SpoolError) -> Void, counted: () -> Void
  ) throws(SpoolError) {
    var names: [String] = []
    try directory.list { name in
      if name.first != UInt8(ascii: ".") { names.append(String(decoding: name, as: UTF8.self)) }
    }
    for name in names where InputName(fileName: name) != nil {
      guard try isOld(name, in: directory) else { continue }
      counted()
      guard !dryRun else { continue }
      try first(name)
      try directory.remove(name)
    }
  }

  /// Whether it is a regular file that has been where it is since before the moment.
  private func isOld(_ name: String, in directory: Directory) throws(SpoolError) -> Bool {
    guard let status = try directory.status(of: name) else { return false }
    return status.kind == .regular && status.changed < moment
  }
}
