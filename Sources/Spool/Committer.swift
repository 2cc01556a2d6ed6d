// What makes things durable: one thread that takes whatever has queued up and syncs it together.
import FoundationEssentials
import Threads

/// Commits, gives back and fails what has been claimed, and writes what stands beside the inputs.
///
/// Everything runs on one thread of its own, in the order in which it was asked for. Whatever has queued up
/// while the last group was synced is one group and shares its syncs.
public final class Committer: Sendable {
  private let queue = Locked(Queue())
  private let thread: Thread
  private let waking: Deferring

  struct Queue {
    var jobs: [Job] = []
    /// Whether the thread is to be woken, and whether it was.
    var isToWake = false
    var isAwake = false
    var isClosed = false
  }

  /// What was asked for, with whoever waits for it.
  enum Job: Sendable {
    case commit(Batch, CommitTicket, behind: CommitTicket?, @Sendable (CommitOutcome) -> Void)
    case giveBack(Claimed, due: Date?, ErrorNote?, CheckedContinuation<Result<Bool, SpoolError>, Never>)
    case fail(Claimed, ErrorNote, CheckedContinuation<Result<Bool, SpoolError>, Never>)
    case reject(
      InputName, expecting: FileStamp?, ErrorNote, CheckedContinuation<Result<Bool, SpoolError>, Never>)
    case publish(Sidecar, [UInt8], CheckedContinuation<Result<Void, SpoolError>, Never>)
    case withdraw(Sidecar, CheckedContinuation<Result<Void, SpoolError>, Never>)
    case append([[UInt8]], day: String, CheckedContinuation<Result<Void, SpoolError>, Never>)
    case flush(CheckedContinuation<Void, Never>)
  }

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - spool: An owned spool.
  ///   - waking: Calls what it is given when those who ask have asked for all they will for now: what they ask until
  ///     then is one group.
  public init(spool: Spool, waking: @escaping Deferring = { $0() }) {
    self.waking = waking
    let queue = queue
    thread = Thread(name: "commit") { Self.work(spool, queue) }
  }

  deinit {
    let wasClosed = queue.withLock { queue in
      defer { queue.isClosed = true }
      return queue.isClosed
    }
    if wasClosed { return }
    queue.signal()
    thread.detach()
  }

  /// Brings the records of calls and their inputs to where they belong: of each call all or none.
  ///
  /// - Parameters:
  ///   - batches: Calls that are one group.
  ///   - ticket: By which a later commit can say that it comes behind these.
  ///   - earlier: The ticket of the commits that must be on disk before. They were asked for already; who asks from
  ///     one actor asks in the order of its steps.
  /// - Returns: What became of each, in their order.
  public func commit(
    _ batches: [Batch], as ticket: CommitTicket, behind earlier: CommitTicket?,
    isolation: isolated (any Actor)? = #isolation
  ) async -> [CommitOutcome] {
    guard !batches.isEmpty else { return [] }
    let outcomes = Locked<[Int: CommitOutcome]>([:])
    return await withCheckedContinuation { continuation in
      enqueue(
        batches.enumerated().map { index, batch in
          .commit(batch, ticket, behind: earlier) { outcome in
            let all: [Int: CommitOutcome]? = outcomes.withLock { outcomes in
              outcomes[index] = outcome
              return outcomes.count == batches.count ? outcomes : nil
            }
            if let all { continuation.resume(returning: batches.indices.compactMap { all[$0] }) }
          }
        })
    }
  }

  /// Moves an input back to pending.
  ///
  /// - Parameters:
  ///   - due: When it is due, which becomes its modification time; nil leaves that as it is.
  ///   - note: Why, written to `errors` before the move; nil leaves what stands there.
  public func giveBack(_ input: Claimed, due: Date?, note: ErrorNote?) async throws(SpoolError) {
    _ = try await withCheckedContinuation { enqueue([.giveBack(input, due: due, note, $0)]) }.get()
  }

  /// Moves an input to failed, for a person to look at.
  public func fail(_ input: Claimed, note: ErrorNote) async throws(SpoolError) {
    _ = try await withCheckedContinuation { enqueue([.fail(input, note, $0)]) }.get()
  }

  /// Moves a waiting file that cannot be claimed, because it is too large or unreadable, to failed.
  ///
  /// - Parameter expecting: What was seen of the file; nil for one of which nothing could be seen.
  /// - Returns: False where the file has gone or changed since; then nothing has happened.
  @discardableResult
  public func reject(_ name: InputName, expecting: FileStamp?, note: ErrorNote) async throws(SpoolError)
    -> Bool
  {
    try await withCheckedContinuation { enqueue([.reject(name, expecting: expecting, note, $0)]) }.get()
  }

  /// Writes a sidecar, replacing what it was.
  public func publish(_ bytes: [UInt8], at sidecar: Sidecar) async throws(SpoolError) {
    try await withCheckedContinuation { enqueue([.publish(sidecar, bytes, $0)]) }.get()
  }

  /// Removes a sidecar, which need not be there.
  public func withdraw(_ sidecar: Sidecar) async throws(SpoolError) {
    try await withCheckedContinuation { enqueue([.withdraw(sidecar, $0)]) }.get()
  }

  /// Appends lines to `usage/DAY.jsonl`. A line that a crash has cut there stays a line of its own.
  ///
  /// - Parameters:
  ///   - lines: Each one JSON value, without the end of the line.
  ///   - day: Such as `2026-11-24`.
  public func append(lines: [[UInt8]], toUsageOf day: String) async throws(SpoolError) {
    try await withCheckedContinuation { enqueue([.append(lines, day: day, $0)]) }.get()
  }

  /// Makes the last moves durable, which would otherwise wait for the next group. To be called when nothing
  /// else is to be done.
  public func flush() async {
    await withCheckedContinuation { enqueue([.flush($0)]) }
  }

  /// Ends the thread when everything that was asked for is done and durable. Nothing may be asked for after.
  public func close() async {
    await flush()
    queue.withLock { $0.isClosed = true }
    queue.signal()
    thread.join()
  }

  private func enqueue(_ jobs: [Job]) {
    let mustWake = queue.withLock { queue in
      precondition(!queue.isClosed, "nothing is asked of a committer that has been closed")
      queue.jobs += jobs
      defer { queue.isToWake = true }
      return !queue.isToWake
    }
    guard mustWake else { return }
    waking { [queue] in
      queue.withLock { queue in
        queue.isToWake = false
        queue.isAwake = true
      }
      queue.signal()
    }
  }
}

// MARK: The thread

extension Committer {
  private static func work(_ spool: Spool, _ queue: Locked<Queue>) {
    var ledger = CommitGroup.Ledger()
    var rest: [Job] = []
    while true {
      let isPressing = !rest.isEmpty
      let new = queue.wait { queue -> [Job]? in
        guard queue.isAwake || queue.isClosed || isPressing else { return nil }
        queue.isAwake = false
        defer { queue.jobs = [] }
        return queue.jobs.isEmpty && !queue.isClosed && !isPressing ? nil : queue.jobs
      }
      let asked = rest + new
      if asked.isEmpty { return }
      let jobs = nextGroup(of: asked, rest: &rest)
      var group = CommitGroup(spool: spool, ledger: ledger)
      var flushes: [CheckedContinuation<Void, Never>] = []
      var changes: [any GroupedChange] = []
      for job in jobs {
        if case .flush(let continuation) = job {
          flushes.append(continuation)
        } else {
          changes += change(job)
        }
      }
      if !changes.isEmpty { group.run(changes) }
      if !flushes.isEmpty {
        // What could not be synced stays noted, and is tried again with the next group.
        try? group.flush()
        for continuation in flushes { continuation.resume() }
      }
      ledger = group.ledger
    }
  }

  /// The jobs that can be one group. A commit that comes behind another waits until that is on disk, and a flush waits
  /// with it.
  private static func nextGroup(of jobs: [Job], rest: inout [Job]) -> [Job] {
    var group: [Job] = []
    var later: [Job] = []
    var underWay: Set<ObjectIdentifier> = []
    for job in jobs {
      switch job {
      case .commit(_, let ticket, let earlier, let answer):
        if let earlier, underWay.contains(ObjectIdentifier(earlier)) {
          later.append(job)
        } else if let earlier, earlier.hasFailed {
          ticket.hasFailed = true
          answer(.behind)
          continue
        } else {
          group.append(job)
        }
        underWay.insert(ObjectIdentifier(ticket))
      case .flush where !later.isEmpty: later.append(job)
      default: group.append(job)
      }
    }
    rest = later
    return group
  }

  private static func change(_ job: Job) -> [any GroupedChange] {
    switch job {
    case .commit(let batch, let ticket, _, let answer):
      [
        BatchCommit(batch) { outcome in
          if case .done = outcome {} else { ticket.hasFailed = true }
          answer(outcome)
        }
      ]
    case .giveBack(let input, let due, let note, let waiting):
      [Relocation(.claimed(input), to: .pending, due: due, note: note) { waiting.resume(returning: $0) }]
    case .fail(let input, let note, let waiting):
      [Relocation(.claimed(input), to: .failed, note: note) { waiting.resume(returning: $0) }]
    case .reject(let name, let expecting, let note, let waiting):
      [
        Relocation(.waiting(name, expecting: expecting), to: .failed, note: note) {
          waiting.resume(returning: $0)
        }
      ]
    case .publish(let sidecar, let bytes, let waiting):
      [SidecarChange(sidecar, bytes) { waiting.resume(returning: $0) }]
    case .withdraw(let sidecar, let waiting):
      [SidecarChange(sidecar, nil) { waiting.resume(returning: $0) }]
    case .append(let lines, let day, let waiting):
      [UsageLines(lines, day: day) { waiting.resume(returning: $0) }]
    case .flush:
      []
    }
  }
}
