// What `install` puts where, and `uninstall` removes again.

import FoundationEssentials
import Glibc

/// The files of obspool under systemd, for the machine or for one user.
struct Installation {
  /// A file that is put in place.
  struct Item {
    let path: String
    let bytes: [UInt8]
  }

  let isUser: Bool
  /// Where the binary goes: `PREFIX/bin/obspool`.
  let prefix: String
  /// The directory that the units are taken from.
  let source: String
  private let home: String
  private let configuration: String

  init(_ call: Call) throws(CommandError) {
    isUser = call.arguments.has(.user)
    home = call.environment["HOME"] ?? ""
    guard !isUser || home.hasPrefix("/") else {
      throw CommandError(.usage, "$HOME is not set", hint: "log in as the user, or set HOME")
    }
    let chosen = call.environment["XDG_CONFIG_HOME"] ?? ""
    configuration = chosen.hasPrefix("/") ? chosen : home + "/.config"
    source = call.arguments.value(.from) ?? "./systemd"
    var prefix = call.arguments.value(.prefix) ?? (isUser ? home + "/.local" : "/usr/local")
    while prefix.utf8.count > 1, prefix.hasSuffix("/") { prefix.removeLast() }
    self.prefix = prefix
    // It becomes a word of a unit file, where spaces, quotes and % mean something.
    let isPlain = prefix.utf8.allSatisfy { byte in
      byte > UInt8(ascii: " ") && byte < 0x7F && !"\"'\\%$;".utf8.contains(byte)
    }
    guard prefix.hasPrefix("/"), isPlain else {
      throw CommandError(.usage, "--prefix takes an absolute path without spaces, not \(prefix)")
    }
    guard isUser || !Self.isHidden(prefix) else {
      throw CommandError(
        .usage, "the service could not reach \(prefix): it cannot see home directories",
        hint: "give a prefix such as /usr/local or /opt/obspool, or install with --user")
    }
  }

  var binary: String { prefix + "/bin/obspool" }

  /// Where the units go.
  var units: String { isUser ? configuration + "/systemd/user" : "/etc/systemd/system" }

  /// The declarations of users and of directories, which only the machine has, by their folders in the source.
  private var declarations: [(folder: String, target: String)] {
    isUser ? [] : [("sysusers.d", "/etc/sysusers.d"), ("tmpfiles.d", "/etc/tmpfiles.d")]
  }

  /// Directories that are made where they are missing; those of the machine are declared in tmpfiles.d.
  var directories: [(path: String, mode: mode_t)] { isUser ? [(home + "/.claude-mem", 0o700)] : [] }

  /// What is run when the files are in place.
  var applying: [[String]] {
    isUser
      ? []
      : [
        ["systemd-sysusers", "/etc/sysusers.d/obspool.conf"],
        ["systemd-tmpfiles", "--create", "/etc/tmpfiles.d/obspool.conf"],
      ]
  }

  /// How systemctl is called for these units.
  var systemctl: [String] { isUser ? ["systemctl", "--user"] : ["systemctl"] }

  /// The units and declarations, with the binary's path as it is here.
  func items() throws(CommandError) -> [Item] {
    var items = try files(in: isUser ? "user" : "system", to: units)
    for (folder, target) in declarations { items += try files(in: folder, to: target) }
    return items
  }

  /// The paths at which an installation has put units and declarations, whatever the source has now.
  func installed() throws(CommandError) -> [String] {
    var paths: [String] = []
    for directory in [units] + declarations.map(\.target) {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
      paths += names.filter(Self.isOurs).sorted().map { "\(directory)/\($0)" }
    }
    return paths
  }

  /// The units that are enabled, instances too: the links in `TARGET.wants`.
  func enabled() -> [String] {
    let targets = isUser ? ["default.target", "timers.target"] : ["paths.target", "timers.target"]
    return targets.flatMap { target in
      let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(units)/\(target).wants")) ?? []
      return names.filter { name in
        ["obspool.", "obspool@", "obspool-prune.", "obspool-prune@"].contains { name.hasPrefix($0) }
      }
    }.sorted()
  }

  private static func isOurs(_ name: String) -> Bool {
    let stems = ["obspool", "obspool@", "obspool-prune", "obspool-prune@"]
    return stems.contains { stem in
      [".path", ".service", ".timer", ".conf"].contains { name == stem + $0 }
    }
  }

  private func files(in folder: String, to target: String) throws(CommandError) -> [Item] {
    let directory = "\(source)/\(folder)"
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
      throw CommandError(
        .noInput, "there are no units in \(directory)",
        hint: "run it where obspool's source is, or name its directory systemd with --from DIR")
    }
    var items: [Item] = []
    for name in names.filter(Self.isOurs).sorted() {
      let text = String(decoding: try readFile("\(directory)/\(name)"), as: UTF8.self)
      let standard = isUser ? "%h/.local/bin/obspool" : "/usr/local/bin/obspool"
      let isStandard = binary == (isUser ? home + "/.local/bin/obspool" : standard)
      let adapted = isStandard ? text : text.replacing("ExecStart=\(standard) ", with: "ExecStart=\(binary) ")
      items.append(Item(path: "\(target)/\(name)", bytes: Array(adapted.utf8)))
    }
    guard !items.isEmpty else { throw CommandError(.noInput, "there are no units in \(directory)") }
    return items
  }

  /// Whether the system's service, which sees no home directories and no common /tmp, cannot see a path.
  static func isHidden(_ path: String) -> Bool {
    ["/home", "/root", "/run/user", "/tmp", "/var/tmp"].contains { path == $0 || path.hasPrefix($0 + "/") }
  }

  /// A library of Swift's that this program has loaded from where the system's service cannot see it.
  static func hiddenLibrary() -> String? {
    guard let maps = try? readFile("/proc/self/maps") else { return nil }
    for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
      guard let slash = line.firstIndex(of: "/") else { continue }
      let path = String(line[slash...])
      if path.hasSuffix("/libswiftCore.so"), isHidden(path) { return path }
    }
    return nil
  }
}

extension Option {
  static let user = Option(name: "user", help: "for this user alone, under `systemctl --user`")
  static let from = Option(name: "from", value: "DIR", help: "where the units are; else ./systemd")
  static let prefix = Option(
    name: "prefix", value: "DIR",
    help: "the binary is DIR/bin/obspool; else /usr/local, or ~/.local with --user")
  static let dryRun = Option(name: "dry-run", help: "change nothing; tell what would be done")
}

// MARK: Files and programs

/// Reads a whole file.
func readFile(_ path: String) throws(CommandError) -> [UInt8] {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw CommandError("read", path, errno: errno) }
  defer { close(descriptor) }
  switch readAll(descriptor, limit: 1 << 30) {
  case .success(let bytes): return bytes
  case .failure(let error): throw CommandError("read", path, errno: error.code)
  }
}

/// Puts a file in place, whole or not at all, with a mode that no mask narrows.
func putFile(_ path: String, _ bytes: [UInt8], mode: mode_t) throws(CommandError) {
  let temporary = "\(path).\(getpid())"
  let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
  guard descriptor >= 0 else { throw CommandError("write", path, errno: errno) }
  var code = writeAll(bytes, to: descriptor)
  if code == nil, fchmod(descriptor, mode) != 0 || fsync(descriptor) != 0 { code = errno }
  close(descriptor)
  if code == nil, rename(temporary, path) != 0 { code = errno }
  guard let code else { return }
  unlink(temporary)
  throw CommandError("write", path, errno: code)
}

/// Makes a directory with its parents (0755); false where it is there.
func makeDirectory(_ path: String, mode: mode_t = 0o755) throws(CommandError) -> Bool {
  var status = stat()
  if stat(path, &status) == 0 { return false }
  let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  if !parent.isEmpty { _ = try makeDirectory(parent) }
  guard mkdir(path, mode) == 0, chmod(path, mode) == 0 else {
    throw CommandError("make the directory", path, errno: errno)
  }
  return true
}

/// Runs a program that is found by `$PATH` to its end. Its exit code; nil where it cannot be started.
func runProgram(_ words: [String]) -> Int32? {
  var arguments = words.map { strdup($0) } + [nil]
  defer { for argument in arguments { free(argument) } }
  var process: pid_t = 0
  guard posix_spawnp(&process, words[0], nil, nil, &arguments, environ) == 0 else { return nil }
  var status: Int32 = 0
  while waitpid(process, &status, 0) == -1 { guard errno == EINTR else { return nil } }
  return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
}
