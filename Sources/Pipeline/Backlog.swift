// What waits in pending: which session each input belongs to, when it is due, and whose turn is next.

import FoundationEssentials
import Observation
import Spool

/// The inputs that wait, by session, each session in name order.
///
/// A name is first unseen; it is looked at in name order and then placed in its session's queue. A session is
/// ready when its first input is due; sessions take turns in the order in which they became ready. It keeps
/// some 30 bytes an input beside the name, so that a backlog of a million fits; and what was read of the first inputs
/// that were placed, up to a limit for all, so that most need not be read again.
struct Backlog {
  /// An input that waits, as it was when it was looked at.
  struct Entry {
    // The largest first, so that no room is lost between them.
    var stamp: FileStamp
    /// Nanoseconds since 1970; 0: now.
    var due: Int64
    /// Where it stands in the list of names.
    var name: UInt32
    var demand: Demand
    /// Whether it is to be asked by itself, not with others in one call.
    var alone = false
  }

  typealias Session = Int

  /// What an input asks for, as far as it decides what is taken together.
  enum Demand: UInt8 {
    /// To be recorded without a call, or to be rejected.
    case nothing
    /// To be recorded without a call, and to lead the next one.
    case prompt
    /// A call, which tool uses that stand together may share.
    case observation
    /// A call of its own.
    case summary

    var needsCall: Bool { self == .observation || self == .summary }
  }

  private struct Queue {
    let id: String
    var entries: ArraySlice<Entry> = []
    var state = Standing.idle
  }

  /// Where a session stands. Each is in at most one place.
  private enum Standing {
    /// Nothing waits.
    case idle
    /// In `ready`.
    case ready
    /// In `held`: it needs a call and its provider takes none.
    case held
    /// Until the first input is due; the number tells a live entry of `deferred` from a stale one.
    case deferred(Int)
    /// A turn is being taken.
    case running
    /// Not again in this drain.
    case shelved
  }

  /// How much memory what is kept of inputs may take, in bytes.
  static let room = 8 << 20

  /// What a look has made of an input, kept until its claim.
  final class Kept: Sendable {
    let seen: Seen
    let event: Event
    /// By which the user's keys were taken out of the event.
    let redact: Redaction
    /// How much memory it takes, in bytes, about.
    let size: Int

    init(_ event: Event, of seen: Seen, redact: Redaction) {
      self.seen = seen
      self.event = event
      self.redact = redact
      size = event.memory + 512
    }
  }

  private var names = NameList()
  /// The names of a listing that nobody has looked at yet.
  private var unseen: Range<Int> = 0..<0
  /// The last one is the first in order.
  private var arrivals: [InputName] = []
  private var queues: [Queue] = []
  private var sessions: [String: Session] = [:]
  private var ready = Ring<Session>()
  private var held: [Session] = []
  private var deferred = DueHeap()
  private var deferrals = 0
  /// The session whose first input, deferred, has this name.
  private var deferredHeads: [InputName: Session] = [:]
  /// How many inputs have been placed and wait.
  private(set) var placed = 0
  /// What is kept of inputs that wait, by where their names stand.
  private var kept: [UInt32: Kept] = [:]
  /// How much is in `kept`, in bytes.
  private var keptSize = 0
  /// Whether there is room to keep something more: not after something had none, until something else is taken out.
  private(set) var keeps = true

  /// Inputs that wait, looked at or not.
  var count: Int { placed + unseen.count + arrivals.count }
  var hasUnseen: Bool { !unseen.isEmpty || !arrivals.isEmpty }

  // MARK: Names come in

  /// Takes a listing, to be looked at in name order.
  mutating func add(listing: NameList) {
    var sorted = listing
    sorted.sort()
    if names.isEmpty {
      names = sorted
      unseen = 0..<sorted.count
    } else {
      // A second listing holds what is left of the first.
      let start = names.count
      for name in sorted { names.append(name) }
      unseen = start..<names.count
    }
  }

  /// Takes a name that has just come, or changed.
  mutating func add(arrival name: InputName) {
    var (low, high) = (0, arrivals.count)
    while low < high {
      let middle = (low + high) / 2
      if arrivals[middle] > name { low = middle + 1 } else { high = middle }
    }
    if low < arrivals.count, arrivals[low] == name { return }
    arrivals.insert(name, at: low)
  }

  /// The first name in order that nobody has looked at yet, taken out, and where it stands in the list of names.
  mutating func takeUnseen() -> (name: InputName, index: UInt32)? {
    let first = unseen.first.map { (name: names[$0], index: UInt32($0)) }
    if let arrival = arrivals.last, first.map({ arrival <= $0.name }) ?? true {
      arrivals.removeLast()
      return (arrival, remember(arrival))
    }
    unseen = unseen.dropFirst()
    return first
  }

  /// Starts afresh when nothing waits and no session is running, so that a processor that stands for months does
  /// not keep every name that it has seen.
  mutating func forgetIfLarge() {
    if names.count > 4096 { self = Backlog() }
  }

  // MARK: Inputs are placed

  /// Puts an input that was looked at in its session's queue, in the place of an earlier look.
  ///
  /// - Parameters:
  ///   - index: Where its name stands in the list of names, if it does.
  ///   - kept: What a look made of it, for `removeHead`; kept as long as there is room.
  mutating func place(
    _ name: InputName, index: UInt32? = nil, session id: String, stamp: FileStamp, demand: Demand, due: Int64,
    alone: Bool = false, kept: Kept? = nil
  ) {
    let session = intern(id)
    let (position, isThere) = search(name, in: session)
    if isThere {
      queues[session].entries[position].stamp = stamp
      queues[session].entries[position].demand = demand
      queues[session].entries[position].alone = alone
      queues[session].entries[position].due = due
    } else {
      let entry = Entry(stamp: stamp, due: due, name: index ?? remember(name), demand: demand, alone: alone)
      queues[session].entries.insert(entry, at: position)
      placed += 1
    }
    keep(kept, of: queues[session].entries[position])
    if position == queues[session].entries.startIndex { reconsider(session) }
  }

  /// Hears that a name is no longer in pending. What was due later is then due now, so that the claim finds it gone.
  ///
  /// - Parameter searching: Whether to look for it in every session; otherwise only what is deferred is known by name.
  mutating func hear(gone name: InputName, searching: Bool = false) {
    if searching { return remove(name) }
    guard let session = deferredHeads.removeValue(forKey: name),
      let first = queues[session].entries.indices.first, called(queues[session].entries[first].name) == name
    else { return }
    queues[session].entries[first].due = 0
    reconsider(session)
  }

  /// Removes a name from whatever session it waits in.
  private mutating func remove(_ name: InputName) {
    deferredHeads[name] = nil
    for session in queues.indices {
      let (position, isThere) = search(name, in: session)
      guard isThere else { continue }
      keep(nil, of: queues[session].entries.remove(at: position))
      placed -= 1
      if position == queues[session].entries.startIndex { reconsider(session) }
    }
  }

  // MARK: Sessions take turns

  /// The session whose turn is next, now running; nil where none is ready.
  ///
  /// - Parameters:
  ///   - now: Nanoseconds since 1970.
  ///   - admitsCalls: Whether the provider takes a call. Sessions that need one are held where it does not.
  mutating func takeReady(now: Int64, admitsCalls: Bool) -> Session? {
    while let due = deferred.first, due.moment <= now {
      deferred.removeFirst()
      guard case .deferred(due.number) = queues[due.session].state else { continue }
      makeReady(due.session)
    }
    while let session = ready.popFirst() {
      guard case .ready = queues[session].state, let head = queues[session].entries.first else { continue }
      if head.demand.needsCall, !admitsCalls {
        queues[session].state = .held
        held.append(session)
        continue
      }
      queues[session].state = .running
      return session
    }
    return nil
  }

  /// Puts back a session whose turn was taken and could not start, in front.
  mutating func putBack(_ session: Session) {
    queues[session].state = .ready
    ready.pushFirst(session)
  }

  /// Lets the sessions go on that were held because no call was admitted.
  mutating func releaseHeld() {
    for session in held {
      if case .held = queues[session].state { makeReady(session) }
    }
    held.removeAll()
  }

  /// A turn is over: the session waits for its next input, or is shelved for the rest of the drain.
  mutating func finish(_ session: Session, shelving: Bool) {
    queues[session].state = shelving ? .shelved : .idle
    reconsider(session)
  }

  /// Whether any session may be ready now: false spares looking for one.
  var mayHaveReady: Bool { !ready.isEmpty || !held.isEmpty || deferred.first != nil }
  var hasReady: Bool { !ready.isEmpty }
  var hasHeld: Bool { !held.isEmpty }
  /// When the first deferred input is due; nil where none is deferred.
  mutating func nextDue() -> Int64? {
    while let due = deferred.first {
      if case .deferred(due.number) = queues[due.session].state { return due.moment }
      deferred.removeFirst()
    }
    return nil
  }

  // MARK: One session

  func id(of session: Session) -> String { queues[session].id }

  func name(of entry: Entry) -> InputName { called(entry.name) }

  /// The session's first input if it is due.
  func head(of session: Session, now: Int64) -> Entry? {
    guard let head = queues[session].entries.first, head.due <= now else { return nil }
    return head
  }

  /// Takes out the session's first input.
  ///
  /// - Returns: What was kept of it, if anything was.
  @discardableResult
  mutating func removeHead(of session: Session) -> Kept? {
    let head = queues[session].entries.removeFirst()
    placed -= 1
    return keep(nil, of: head)
  }

  // MARK: Inside

  /// Keeps something of an input while there is room for it, in the place of what was kept before.
  ///
  /// - Returns: What was kept before.
  @discardableResult
  private mutating func keep(_ new: Kept?, of entry: Entry) -> Kept? {
    let old = kept.isEmpty ? nil : kept.removeValue(forKey: entry.name)
    if let old {
      keptSize -= old.size
      keeps = true
    }
    if let new, keptSize + new.size <= Self.room {
      kept[entry.name] = new
      keptSize += new.size
    } else if let new, new.size <= Self.room {
      keeps = false
    }
    return old
  }

  private func called(_ index: UInt32) -> InputName { names[Int(index)] }

  private mutating func remember(_ name: InputName) -> UInt32 {
    names.append(name)
    return UInt32(names.count - 1)
  }

  private mutating func intern(_ id: String) -> Session {
    if let known = sessions[id] { return known }
    queues.append(Queue(id: id))
    sessions[id] = queues.count - 1
    return queues.count - 1
  }

  /// Where in a session's queue a name stands or belongs.
  private func search(_ name: InputName, in session: Session) -> (Int, Bool) {
    let entries = queues[session].entries
    var (low, high) = (entries.startIndex, entries.endIndex)
    if let last = entries.last, called(last.name) < name { return (high, false) }
    while low < high {
      let middle = low + (high - low) / 2
      if called(entries[middle].name) < name { low = middle + 1 } else { high = middle }
    }
    return (low, low < entries.endIndex && called(entries[low].name) == name)
  }

  /// Puts a session where its first input says.
  private mutating func reconsider(_ session: Session) {
    switch queues[session].state {
    case .running, .shelved: return
    case .idle, .ready, .held, .deferred: break
    }
    guard let head = queues[session].entries.first else {
      queues[session].state = .idle
      return
    }
    if head.due == 0 {
      if case .ready = queues[session].state { return }
      makeReady(session)
    } else {
      deferrals += 1
      queues[session].state = .deferred(deferrals)
      deferred.insert(DueHeap.Element(moment: head.due, session: session, number: deferrals))
      deferredHeads[called(head.name)] = session
    }
  }

  private mutating func makeReady(_ session: Session) {
    if !deferredHeads.isEmpty, let head = queues[session].entries.first {
      deferredHeads[called(head.name)] = nil
    }
    queues[session].state = .ready
    ready.pushLast(session)
  }
}

/// A queue at both ends in constant time.
struct Ring<Element> {
  private var front: [Element] = []
  private var back: [Element] = []

  var isEmpty: Bool { front.isEmpty && back.isEmpty }

  mutating func pushLast(_ element: Element) { back.append(element) }
  mutating func pushFirst(_ element: Element) { front.append(element) }

  mutating func popFirst() -> Element? {
    if front.isEmpty {
      front = back.reversed()
      back.removeAll()
    }
    return front.popLast()
  }
}

/// The sessions that wait for a moment, the earliest first: a binary heap.
struct DueHeap {
  struct Element {
    var moment: Int64
    var session: Int
    var number: Int
  }

  private var elements: [Element] = []

  var first: Element? { elements.first }

  mutating func insert(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0, elements[child].moment < elements[(child - 1) / 2].moment {
      elements.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func removeFirst() {
    elements.swapAt(0, elements.count - 1)
    elements.removeLast()
    var parent = 0
    while 2 * parent + 1 < elements.count {
      var child = 2 * parent + 1
      if child + 1 < elements.count, elements[child + 1].moment < elements[child].moment { child += 1 }
      guard elements[child].moment < elements[parent].moment else { return }
      elements.swapAt(parent, child)
      parent = child
    }
  }
}
