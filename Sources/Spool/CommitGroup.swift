// A group of changes that share their syncs.
//
//   (a) write    new files in tmp, and lines of usage; then a sync
//   (b) publish  renames of records, notes and pauses to where they are read; then (c) a sync of those
//                directories
//   (d) move     inputs to the state that what was published says; (e) synced with the next group, or when idle
//
// Whatever was published is on disk before an input moves, and a claim is on disk before its record is.

/// One change; it lives on the commit thread for as long as its group.
protocol GroupedChange: AnyObject {
  func write(_ group: inout CommitGroup) throws(SpoolError)
  func publish(_ group: inout CommitGroup) throws(SpoolError)
  func move(_ group: inout CommitGroup) throws(SpoolError)
  /// Whether `move` has found that what was published must be taken back: then all steps are gone through again.
  var isToBeTakenBack: Bool { get }
  /// Told when the change has failed: removes what it has left in tmp.
  func abandon(_ group: inout CommitGroup)
  /// Tells whoever waits. Called once, at the end.
  func reply(_ outcome: Result<Void, SpoolError>)
}

extension GroupedChange {
  var isToBeTakenBack: Bool { false }
}

struct CommitGroup {
  let spool: Spool
  /// What the steps so far need synced.
  var syncs = SyncSet()
  var ledger: Ledger

  /// What outlives a group; known to the commit thread alone.
  struct Ledger {
    /// How far inputs have come whose commit did not get to its end.
    var progress: [InputName: Progress] = [:]
    /// State directories in which a move is not on disk yet.
    var unsynced: Set<State> = []
    /// Whether `observations` has a new directory in it that is not on disk yet.
    var hasNewSession = false
  }

  enum Progress {
    /// Its record may be visible, and may be on disk or not.
    case published(RecordPlace)
    /// All records of its batch are on disk: nothing is left to do but to move it to done.
    case recorded
    /// It is in done; others of its batch are not yet.
    case moved
  }

  /// Takes all changes through all steps and answers each.
  mutating func run(_ changes: [any GroupedChange]) {
    var changes = changes
    while !changes.isEmpty {
      changes = goThroughSteps(changes)
      for change in changes where !change.isToBeTakenBack { change.reply(.success(())) }
      changes = changes.filter(\.isToBeTakenBack)
    }
  }

  /// The changes that have not failed.
  private mutating func goThroughSteps(_ changes: [any GroupedChange]) -> [any GroupedChange] {
    var changes = changes
    changes = step(changes, beforeSync: true) { (change, group) throws(SpoolError) in
      try change.write(&group)
    }
    changes = step(changes, beforeSync: true) { (change, group) throws(SpoolError) in
      try change.publish(&group)
    }
    return step(changes, beforeSync: false) { (change, group) throws(SpoolError) in
      try change.move(&group)
    }
  }

  /// Makes what the moves so far have changed durable.
  mutating func flush() throws(SpoolError) {
    syncs = SyncSet()
    try sync()
  }

  /// Runs one step of each change; those that fail are answered, and the others go on.
  private mutating func step(
    _ changes: [any GroupedChange], beforeSync: Bool,
    _ body: (any GroupedChange, inout CommitGroup) throws(SpoolError) -> Void
  ) -> [any GroupedChange] {
    syncs = SyncSet()
    var going: [(change: any GroupedChange, needsSync: Bool)] = []
    for change in changes {
      let before = syncs.additions
      do throws(SpoolError) {
        try body(change, &self)
        going.append((change, syncs.additions > before))
      } catch {
        fail(change, error)
      }
    }
    guard beforeSync, !syncs.isEmpty else { return going.map(\.change) }
    do throws(SpoolError) {
      try sync()
      return going.map(\.change)
    } catch {
      // After a failed sync nobody knows what is on disk, and the kernel will not try those pages again: all that
      // was written counts as lost, and is written anew when the change is tried again.
      for (change, needsSync) in going where needsSync { fail(change, error) }
      return going.filter { !$0.needsSync }.map(\.change)
    }
  }

  /// Syncs what has been gathered, and with it what earlier groups have moved.
  private mutating func sync() throws(SpoolError) {
    for state in ledger.unsynced { syncs.add(spool.directory(of: state)) }
    if ledger.hasNewSession { syncs.add(spool.observations) }
    try syncs.sync(root: spool.root)
    ledger.unsynced = []
    ledger.hasNewSession = false
  }

  private mutating func fail(_ change: any GroupedChange, _ error: SpoolError) {
    change.abandon(&self)
    change.reply(.failure(error))
  }
}
