// Where settings come from: the file, systemd's credentials, the environment, the defaults; read again when
// one of the files changes.

import Glibc
import JSONText
import Threads

/// Gives the settings in force. The file is looked at (one stat call) each time, and read when it has changed.
///
/// A file that does not parse is complained about once, and the last good values stay in force.
public final class SettingsSource: Sendable {
  /// The settings file's path.
  public let path: String
  /// Whether the user has named the file, so that it ought to be there.
  private let isNamed: Bool
  private let environment: [String: String]
  private let credentialsDirectory: String?
  private let state = Locked(State())

  private struct State {
    var stamp: Stamp?
    var members: [JSON.Member] = []
    var settings: Settings?
    var fileComplaints: [String] = []
    /// Why the file cannot be used although it is there, where it never could.
    var unusable: String?
    /// Whether it was read well, now or before.
    var hasRead = false
  }

  private struct Stamp: Equatable {
    var device: UInt
    var inode: UInt
    var size: Int
    var modified: Int
    var modifiedNanoseconds: Int
    var changed: Int
    var changedNanoseconds: Int
  }

  /// - Parameters:
  ///   - option: The value of `--settings`; without it `$OBSPOOL_SETTINGS`, else `~/.claude-mem/settings.json`.
  ///   - environment: The process's environment.
  public init(option: String?, environment: [String: String]) {
    let home = environment["HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "/"
    path =
      option ?? environment["OBSPOOL_SETTINGS"].flatMap { $0.isEmpty ? nil : $0 }
      ?? "\(home)/.claude-mem/settings.json"
    isNamed = option != nil || !(environment["OBSPOOL_SETTINGS"] ?? "").isEmpty
    self.environment = environment
    credentialsDirectory = environment["CREDENTIALS_DIRECTORY"].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The settings in force now. They carry as `complaints` what is wrong with them.
  public func current() -> Settings {
    state.withLock { state in
      let stamp = Self.stamp(of: path)
      if let settings = state.settings, stamp == state.stamp { return settings }
      state.stamp = stamp
      state.fileComplaints = []
      state.unusable = nil
      if stamp == nil {
        state.members = []
        if isNamed {
          state.fileComplaints = [
            "\(path): \(String(cString: strerror(errno))); the environment and the defaults are used"
          ]
        }
      } else {
        read(into: &state)
      }
      let settings = Settings(
        reading: lookUp(in: state.members), complaints: state.fileComplaints, unusable: state.unusable)
      state.settings = settings
      return settings
    }
  }

  private func read(into state: inout State) {
    guard var text = contents(of: path) else {
      return complain("\(path) cannot be read: \(String(cString: strerror(errno)))", &state)
    }
    do {
      if text.starts(with: [0xEF, 0xBB, 0xBF]) { text.removeFirst(3) }
      guard let members = try JSON(parsing: text).object else {
        return complain("\(path) is not a JSON object", &state)
      }
      state.members = members
      state.hasRead = true
    } catch {
      return complain("\(path): \(error)", &state)
    }
    if let complaint = Self.readableByOthers(
      path,
      holdsKey: state.members.contains { $0.key.hasSuffix("_API_KEY") && Self.text(of: $0.value) != nil })
    {
      state.fileComplaints.append(complaint)
    }
  }

  /// A file that cannot be read leaves the last good values. Where there are none nothing may be asked: the defaults
  /// could send to a provider that the user has ruled out.
  private func complain(_ fault: String, _ state: inout State) {
    if state.hasRead {
      state.fileComplaints.append("\(fault); its last good values stay")
    } else {
      let complaint = "\(fault); nothing is asked until it can be read"
      state.unusable = complaint
      state.fileComplaints.append(complaint)
    }
  }

  private func lookUp(in members: [JSON.Member]) -> (String) -> (text: String, origin: SettingOrigin)? {
    { [environment, credentialsDirectory] name in
      if let value = members.last(where: { $0.key == name })?.value {
        if let text = Self.text(of: value) { return (text, .file) }
        // Of a list, empty is a value: none.
        if value.string != nil, Self.lists.contains(name) { return ("", .file) }
      }
      if let directory = credentialsDirectory, let file = Self.credentials[name],
        let bytes = contents(of: "\(directory)/\(file)")
      {
        let text = String(decoding: bytes, as: UTF8.self).trimmingWhitespace()
        if !text.isEmpty { return (text, .credential) }
      }
      if let text = environment[name]?.trimmingWhitespace(), !text.isEmpty { return (text, .environment) }
      return nil
    }
  }

  private static let lists: Set<String> = ["CLAUDE_MEM_SKIP_TOOLS", "CLAUDE_MEM_OPENROUTER_FALLBACK_MODELS"]

  /// The names of systemd's credentials by the setting that they give.
  private static let credentials = [
    "CLAUDE_MEM_OPENROUTER_API_KEY": "openrouter-api-key",
    "CLAUDE_MEM_GEMINI_API_KEY": "gemini-api-key",
    "CLAUDE_MEM_CLAUDE_API_KEY": "claude-api-key",
  ]

  /// The text of a value in the file; a string that is empty counts as not set, as in the files that
  /// claude-mem writes.
  private static func text(of value: JSON) -> String? {
    switch value {
    case .null: return nil
    case .string(let text):
      let trimmed = text.trimmingWhitespace()
      return trimmed.isEmpty ? nil : trimmed
    default: return value.text
    }
  }

  private static func stamp(of path: String) -> Stamp? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return Stamp(
      device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
      modified: status.st_mtim.tv_sec, modifiedNanoseconds: status.st_mtim.tv_nsec,
      changed: status.st_ctim.tv_sec, changedNanoseconds: status.st_ctim.tv_nsec)
  }

  private static func readableByOthers(_ path: String, holdsKey: Bool) -> String? {
    var status = stat()
    guard holdsKey, stat(path, &status) == 0, status.st_mode & 0o004 != 0 else { return nil }
    return "\(path) holds a key and can be read by every user; run: chmod 600 \(path)"
  }
}

/// Which spool is meant.
public enum SpoolLocation {
  /// `--spool DIR`, else `$OBSPOOL_DIR`, else `./spool` if it holds a `pending` directory, else
  /// `$XDG_DATA_HOME/obspool/spool`, where `XDG_DATA_HOME` is `~/.local/share` unless set (XDG Base Directory
  /// Specification 0.8).
  public static func resolve(option: String?, environment: [String: String]) -> String {
    func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    if let option { return option }
    if let directory = variable("OBSPOOL_DIR") { return directory }
    var status = stat()
    if stat("./spool/pending", &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return "./spool" }
    let data = variable("XDG_DATA_HOME") ?? "\(variable("HOME") ?? "")/.local/share"
    return "\(data)/obspool/spool"
  }
}
