// What happens in the spool as it happens: inotify(7).
import Glibc

/// Something that happened in a watched directory.
public enum Change: Hashable, Sendable {
  /// A visible file of this name in pending came, went or was touched.
  case pending(String)
  /// So did one whose name is no UTF-8, here with U+FFFD for what is not.
  case unreadableName(String)
  /// Something in `paused` came, went or was touched.
  case pauses
  /// The settings file did.
  case settings
  /// More happened than the kernel keeps, or a directory itself was moved: look at everything again.
  case overflow
}

/// Watches pending, `paused` and the settings file. Used by one thread.
public final class Watcher {
  private let file: OpenFile
  private let pending: Int32
  private let paused: Int32
  private let settings: Int32?
  private let settingsName: [UInt8]
  private var buffer = [UInt8](repeating: 0, count: 64 * 1024)

  /// Becomes readable when there are changes; for poll(2).
  public var descriptor: Int32 { file.descriptor }

  private static let events = UInt32(
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

  fileprivate init(_ spool: Spool, settingsFile: String?) throws(SpoolError) {
    let system = spool.system
    let inotify: Int32
    do throws(Errno) {
      inotify = try system.makeInotify()
    } catch {
      throw SpoolError(
        "watch", spool.path, error, hint: error.code == EMFILE ? "raise fs.inotify.max_user_instances" : nil)
    }
    let file = OpenFile(inotify, path: spool.path, system: system)
    func watch(_ path: String) throws(SpoolError) -> Int32 {
      do throws(Errno) {
        return try system.addWatch(file.descriptor, path: path, mask: Self.events)
      } catch {
        throw SpoolError(
          "watch", path, error, hint: error.code == ENOSPC ? "raise fs.inotify.max_user_watches" : nil)
      }
    }
    self.file = file
    pending = try watch(spool.pending.path)
    paused = try watch(spool.paused.path)
    let (directory, name) = Directory.split(settingsFile ?? "")
    settingsName = Array(name.utf8)
    // Where even the directory is missing there are no settings; they are looked at before every call anyway.
    settings = settingsFile == nil ? nil : try? watch(directory)
  }

  /// What has happened since the last call; does not wait. Changes of one file in a row are one.
  public func changes() throws(SpoolError) -> [Change] {
    var changes: [Change] = []
    var seen: Set<Change> = []
    while true {
      let count: Int
      do throws(Errno) {
        var outcome: Result<Int, Errno> = .success(0)
        buffer.withUnsafeMutableBytes { buffer in
          do throws(Errno) {
            outcome = .success(try file.system.read(file.descriptor, into: buffer))
          } catch {
            outcome = .failure(error)
          }
        }
        count = try outcome.get()
      } catch {
        if error.code == EAGAIN { return changes }
        throw SpoolError("watch", file.path, error)
      }
      if count == 0 { return changes }
      for change in decode(count) where seen.insert(change).inserted { changes.append(change) }
    }
  }

  private func decode(_ count: Int) -> [Change] {
    buffer.withUnsafeBytes { buffer in
      var changes: [Change] = []
      var offset = 0
      let header = MemoryLayout<inotify_event>.size
      while offset + header <= count {
        let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
        let name = buffer[(offset + header)..<(offset + header + Int(event.len))].prefix { $0 != 0 }
        offset += header + Int(event.len)
        if let change = change(event, name) { changes.append(change) }
      }
      return changes
    }
  }

  private func change(_ event: inotify_event, _ name: Slice<UnsafeRawBufferPointer>) -> Change? {
    let gone = UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)
    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { return .overflow }
    let isOurs = event.wd == pending || event.wd == paused
    if event.mask & gone != 0 { return isOurs ? .overflow : nil }
    // Settings may stand beside pending or in it; a watch has one number for a directory.
    if event.wd == settings, name.elementsEqual(settingsName) { return .settings }
    if name.isEmpty || name.first == UInt8(ascii: ".") { return nil }
    if event.wd == pending {
      return String(validating: name, as: UTF8.self).map(Change.pending)
        ?? .unreadableName(String(decoding: name, as: UTF8.self))
    }
    return event.wd == paused ? .pauses : nil
  }
}

extension Spool {
  /// Starts watching. List pending after this, not before, so that nothing falls in between.
  ///
  /// - Parameter settingsFile: The settings file, which need not exist.
  public func watch(settingsFile: String?) throws(SpoolError) -> Watcher {
    try Watcher(self, settingsFile: settingsFile)
  }
}
