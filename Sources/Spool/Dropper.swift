// Dropping an input into a spool, as `obspool add` does it.
import CSystem
import FoundationEssentials
import Glibc

/// Drops files into `pending` so that nobody ever sees half of one. It needs the right to write there, not to
/// list it, and nothing else of the spool.
public struct Dropper: Sendable {
  /// How the hidden names of files on their way begin.
  static let prefix = Array(".obspool-add-".utf8)

  private let path: String
  private let system: any SystemCalls
  private let clock: any Clock

  /// - Parameter path: The spool.
  public init(path: String, system: any SystemCalls = Linux(), clock: any Clock = SystemClock()) {
    self.path = path
    self.system = system
    self.clock = clock
  }

  /// Drops one input, durably.
  ///
  /// - Parameter name: What it is to be called; nil for a name that sorts by time.
  /// - Returns: Its name, which is another where `name` was taken: `NAME~2`.
  public func drop(_ bytes: [UInt8], name: InputName? = nil) throws(SpoolError) -> InputName {
    let pending = try Directory.opening(
      "\(path)/\(State.pending.rawValue)", flags: csystem_o_path, system: system)
    var name = if let name { name } else { try timeName(pending) }
    var attempts = 0
    while true {
      let file = try write(bytes, into: pending)
      // A crash up to here leaves a hidden file, which the processor removes when it sees that nobody holds it.
      let isPlaced: Bool
      do throws(SpoolError) {
        isPlaced = try place(file.name, in: pending, as: &name)
      } catch {
        _ = try? pending.remove(file.name)
        throw error
      }
      if isPlaced {
        // A crash from here on leaves the input in pending, whole.
        try sync(pending, file.open)
        return name
      }
      // Somebody has removed the hidden file. Once is bad luck, more is a habit.
      attempts += 1
      if attempts > 3 {
        throw SpoolError(
          "drop a file in", pending.path, hint: "another program removes hidden files there; stop it")
      }
    }
  }

  private func place(_ hidden: String, in pending: Directory, as name: inout InputName) throws(SpoolError)
    -> Bool
  {
    while true {
      switch try pending.move(hidden, to: pending, as: name.fileName) {
      case .moved: return true
      case .gone: return false
      case .taken: name = name.next
      }
    }
  }

  private func write(_ bytes: [UInt8], into pending: Directory) throws(SpoolError) -> (
    name: String, open: OpenFile
  ) {
    var number = 0
    while true {
      let name =
        String(decoding: Self.prefix, as: UTF8.self) + "\(getpid())-\(clock.now().nanoseconds)-\(number)"
      number += 1
      if try pending.contains(name) { continue }
      let open = try pending.create(name)
      do throws(SpoolError) {
        // The lock says that somebody still writes. Without it the processor may remove the file, and
        // `place` sees that.
        do throws(Errno) { try open.lock() } catch { if error.code == EWOULDBLOCK { continue } }
        try open.write(bytes)
        try open.sync()
      } catch {
        _ = try? pending.remove(name)
        throw error
      }
      return (name, open)
    }
  }

  private func sync(_ pending: Directory, _ file: OpenFile) throws(SpoolError) {
    do throws(SpoolError) {
      let directory = try Directory.opening(pending.path, system: system)
      try directory.sync()
    } catch {
      guard error.errno == EACCES else { throw error }
      // It may be written and not be opened: the way round is to sync everything.
      try file.perform("sync") { () throws(Errno) in try system.syncfs(file.descriptor) }
    }
  }

  private func timeName(_ pending: Directory) throws(SpoolError) -> InputName {
    // The process's number keeps two that write in the same nanosecond apart.
    guard let name = InputName("\(Timestamp.sortable(nanoseconds: clock.now().nanoseconds))-\(getpid())")
    else {
      throw SpoolError("name a file in", pending.path)
    }
    return name
  }
}
