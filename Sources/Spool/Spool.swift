// The spool itself: its directories, who owns it, and what is in it.
import FoundationEssentials
import Glibc
import Threads

/// A spool directory. It knows files, durability and time, and not what is in the files.
///
/// Opening one gives no right to move anything: `own` does, and only one process at a time has it. What may
/// be called beside a running processor says so.
public final class Spool: Sendable {
  /// The longest input, in bytes.
  public static let longestInput = 8 * 1024 * 1024

  public let path: String
  let system: any SystemCalls
  let clock: any Clock
  let root: Directory
  let pending: Directory
  let inflight: Directory
  let done: Directory
  let failed: Directory
  let errors: Directory
  let observations: Directory
  let paused: Directory
  let usage: Directory
  let tmp: Directory
  private let lock = Locked<OpenFile?>(nil)
  private let written = Locked<Int>(0)
  /// The process's number, which stays what it is.
  private let temporaryPrefix = "\(getpid())."
  private let withoutNotes = Locked<Bool>(false)

  private static let lockName = "lock"

  /// Opens the spool at `path`, and makes what is missing of it (directories with mode 0750). Works beside a
  /// running processor.
  public init(path: String, system: any SystemCalls = Linux(), clock: any Clock = SystemClock())
    throws(SpoolError)
  {
    self.path = path
    self.system = system
    self.clock = clock
    let root = try Directory.opening(path, system: system)
    let device = try root.file.status().device
    var made = false
    func part(_ name: String) throws(SpoolError) -> Directory {
      if let directory = try root.directory(name) {
        // Moves are renames, which do not cross file systems.
        guard try directory.file.status().device == device else {
          throw SpoolError("use", directory.path, Errno(EXDEV))
        }
        return directory
      }
      made = try root.makeDirectory(name) || made
      guard let directory = try root.directory(name) else {
        throw SpoolError("open", root.path(of: name), Errno(ENOENT))
      }
      return directory
    }
    self.root = root
    pending = try part(State.pending.rawValue)
    inflight = try part(State.inflight.rawValue)
    done = try part(State.done.rawValue)
    failed = try part(State.failed.rawValue)
    errors = try part("errors")
    observations = try part("observations")
    paused = try part("paused")
    usage = try part("usage")
    tmp = try part("tmp")
    // A crash before this leaves fewer directories, and the next start makes them.
    if made { try root.sync() }
  }

  func directory(of state: State) -> Directory {
    switch state {
    case .pending: pending
    case .inflight: inflight
    case .done: done
    case .failed: failed
    }
  }

  /// Whether `errors` is known to hold no note, so that none is looked for: the owner alone makes one where there was
  /// none.
  var isWithoutNotes: Bool {
    get { withoutNotes.withLock { $0 } }
    set { withoutNotes.withLock { $0 = newValue } }
  }

  /// A name in `tmp` that nobody else has, also not another process.
  func temporaryName() -> String {
    let number = written.withLock { count in
      count += 1
      return count
    }
    return "\(temporaryPrefix)\(number)"
  }
}

// MARK: Owning

extension Spool {
  /// Makes this process the one that may move inputs, until `release` or its end, whatever that is: the lock
  /// is the kernel's (flock). Throws an error with `isOwnedByAnother` where another process has it.
  ///
  /// Empties `tmp`, and makes sure that the file system can do what the moves need.
  public func own() throws(SpoolError) {
    let file = try root.create(Self.lockName, exclusively: false, flags: O_RDWR)
    do throws(Errno) {
      try file.lock()
    } catch {
      guard error.code == EWOULDBLOCK else { throw SpoolError("lock", file.path, error) }
      let text = try file.readAll(expecting: 16, limit: 64) ?? []
      let pid = text.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
      throw SpoolError.ownedByAnother(
        pid: pid.isEmpty ? nil : String(decoding: pid, as: UTF8.self), path: path)
    }
    // A crash here leaves a pid that is not running, or none; the kernel's lock alone decides.
    try file.perform("write") { () throws(Errno) in try system.truncate(file.descriptor, to: 0) }
    try file.write(Array("\(getpid())\n".utf8))
    // What cannot be removed takes space and harms nobody.
    for name in try tmp.names() { _ = try? tmp.remove(name) }
    try probe()
    lock.withLock { $0 = file }
  }

  /// Lets another process own the spool.
  public func release() {
    lock.withLock { file in
      // Closing is not enough: a child that is just being started has the descriptor, and with it the lock, until
      // it becomes another program.
      file?.unlock()
      file = nil
    }
  }

  public var isOwned: Bool { lock.withLock { $0 != nil } }

  /// Moves a file once through all directories, as inputs, notes and records will be moved: a file system
  /// without RENAME_NOREPLACE, or a directory under another mount, shows here and not after a call.
  private func probe() throws(SpoolError) {
    let name = ".obspool-probe"
    let stations = [tmp, pending, inflight, done, failed, errors, observations, paused, tmp]
    // A crash leaves the file in one of them, hidden, and the next probe removes it.
    for station in stations { try station.remove(name) }
    _ = try tmp.create(name)
    for (from, to) in zip(stations, stations.dropFirst()) {
      guard case .moved = try from.move(name, to: to, as: name) else {
        throw SpoolError(
          "use", from.path(of: name), hint: "another program moves files in the spool's directories")
      }
    }
    try tmp.remove(name)
  }
}

// MARK: What is where

extension Spool {
  /// The names of the inputs in `state`, in no order, and what other visible names there are. Hidden names
  /// are files on their way. Works beside a running processor.
  public func names(in state: State) throws(SpoolError) -> NameList {
    var list = NameList()
    var abandoned: [String] = []
    let mayClean = state == .pending && isOwned
    try directory(of: state).list { name in
      if name.first == UInt8(ascii: ".") {
        if mayClean, name.starts(with: Dropper.prefix) {
          abandoned.append(String(decoding: name, as: UTF8.self))
        }
      } else if let stem = Self.stem(of: name) {
        list.append(stem)
      } else {
        list.note(other: String(decoding: name, as: UTF8.self))
      }
    }
    for name in abandoned { removeIfAbandoned(name) }
    return list
  }

  /// The name without `.json`, nil for a name without that or that is no UTF-8.
  private static func stem(of name: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
    let length = name.count - 5
    guard length > 0, name[length] == UInt8(ascii: "."), name[length + 1] == UInt8(ascii: "j"),
      name[length + 2] == UInt8(ascii: "s"), name[length + 3] == UInt8(ascii: "o"),
      name[length + 4] == UInt8(ascii: "n")
    else { return nil }
    let stem = UnsafeBufferPointer(rebasing: name[..<length])
    if stem.allSatisfy({ $0 < 0x80 }) { return stem }
    return String(validating: stem, as: UTF8.self) == nil ? nil : stem
  }

  /// Removes what an `add` that was killed has left. One that still runs holds a lock on its file.
  private func removeIfAbandoned(_ name: String) {
    // Failing here costs nothing but the file's space: it is hidden, and looked at again next time.
    guard let file = try? pending.open(name), (try? file.lock()) != nil else { return }
    _ = try? pending.remove(name)
  }

  /// Where an input is, nil for nowhere. Works beside a running processor.
  public func place(of name: InputName) throws(SpoolError) -> State? {
    // The order is the one in which inputs move, so that one that moves on meanwhile is still met; the second
    // round is for one that is given back.
    for _ in 0..<2 {
      for state in State.allCases where try directory(of: state).contains(name.fileName) { return state }
    }
    return nil
  }

  /// The size and modification time of an input's file; nil where there is none or it is no regular file.
  public func stamp(of name: InputName, in state: State) throws(SpoolError) -> FileStamp? {
    let status = try directory(of: state).status(of: name.fileName)
    return status?.kind == .regular ? status?.stamp : nil
  }

  /// The bytes of an input, nil where there is none in `state`. Works beside a running processor.
  public func read(_ name: InputName, in state: State) throws(SpoolError) -> [UInt8]? {
    guard case .file(let found) = try examine(name.fileName, in: directory(of: state), hardLinks: true) else {
      return nil
    }
    return found.bytes
  }

  /// What is known of why an input is back in pending or in failed; nil where it has not failed.
  public func note(for name: InputName) throws(SpoolError) -> ErrorNote? {
    guard let json = try errors.read(name.fileName) else { return nil }
    return ErrorNote(json: json, name: name)
  }
}

// MARK: Counting

extension Spool {
  /// How much is in a state, and since and until when.
  public struct Standing: Sendable, Equatable {
    public var count = 0
    /// How many are due now.
    public var due = 0
    /// How many visible names there are besides: links, fifos, directories, names of no input.
    public var others = 0
    /// The earliest modification time.
    public var oldest: Date?
    /// The earliest time after now at which one is due.
    public var nextDue: Date?
  }

  /// Counts without looking at the files. Works beside a running processor.
  public func count(in state: State) throws(SpoolError) -> Int { try names(in: state).count }

  /// Looks at every file's time. Works beside a running processor.
  ///
  /// - Parameter horizon: What lies further ahead than so many seconds is nobody's schedule, and due now.
  public func standing(in state: State, horizon: Double = .infinity) throws(SpoolError) -> Standing {
    var standing = Standing()
    let time = clock.now()
    let now = time.nanoseconds
    let names = try names(in: state)
    standing.others = names.othersCount
    var oldest: FileStamp?
    var next: FileStamp?
    for name in names {
      guard let status = try directory(of: state).status(of: name.fileName) else { continue }
      guard Self.reasonNotToTake(status, hardLinks: state != .pending) == nil else {
        standing.others += 1
        continue
      }
      let stamp = status.stamp
      standing.count += 1
      if oldest.map({ stamp.nanoseconds < $0.nanoseconds }) ?? true { oldest = stamp }
      if stamp.nanoseconds <= now || stamp.modified.timeIntervalSince(time) > horizon {
        standing.due += 1
      } else if next.map({ stamp.nanoseconds < $0.nanoseconds }) ?? true {
        next = stamp
      }
    }
    standing.oldest = oldest?.modified
    standing.nextDue = next?.modified
    return standing
  }
}
