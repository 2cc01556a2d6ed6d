// A spool in a fresh place, what was dropped into it, and what must hold of it.

import Foundation
import Glibc
import JSONText
import Observation
import Spool
import TestSupport
import Threads

final class Bench: Sendable {
  struct Dropped: Sendable {
    /// The name it was dropped under, which it keeps unless that is taken.
    var name: String
    /// No two inputs of a spool have the same ones.
    var bytes: [UInt8]
    var mark: String?
    /// Where it must end.
    var end: State
    /// Whether it was done before and has been delivered again: until that is seen it is in two places.
    var isAgain = false
  }

  private static let runs = Locked(0)

  let holder: TemporaryDirectory
  let spool: String
  let model: Model
  /// Tells the inputs of this spool from all others.
  let run: Int
  let inputs = Locked<[Dropped]>([])
  private let more: [String: String]

  /// - Parameters:
  ///   - directory: Where to make the spool, on another file system for example.
  ///   - environment: Added to the program's environment.
  init(in directory: String? = nil, environment: [String: String] = [:]) throws {
    guard let model = Model.shared else { throw Process.Hangs(description: "no port is free for the model") }
    self.model = model
    holder = try TemporaryDirectory()
    run = Self.runs.withLock { runs in
      runs += 1
      return runs
    }
    spool = (directory ?? holder.path) + "/spool\(directory == nil ? "" : String(run))"
    more = environment
    mkdir(holder.appending("home"), 0o700)
    for path in [spool] + ["pending"].map({ "\(spool)/\($0)" }) { mkdir(path, 0o750) }
  }

  var log: String { holder.appending("calls") }

  var environment: [String: String] {
    [
      "HOME": holder.appending("home"), "PATH": "/usr/bin:/bin", "TZ": "UTC",
      "CLAUDE_MEM_PROVIDER": "openrouter",
      "OPENROUTER_API_KEY": "a-key", "CLAUDE_MEM_OPENROUTER_BASE_URL": model.server.url,
    ].merging(more) { $1 }
  }

  // MARK: The program

  func start(_ arguments: [String], fault: Fault? = nil, environment: [String: String] = [:]) throws
    -> Process
  {
    var all = self.environment.merging(environment) { $1 }
    if let fault { all.merge(fault.environment(root: spool, log: log)) { $1 } }
    return try Process(
      Self.program, arguments + ["--spool", spool], environment: all,
      output: holder.appending("output-\(UUID().uuidString)"))
  }

  func drain(fault: Fault? = nil) throws -> Process.Outcome { try start(["drain"], fault: fault).wait() }

  /// `obspool` as it was built with these tests, or the one that OBSPOOL_PROGRAM names.
  static let program: String = {
    if let path = getenv("OBSPOOL_PROGRAM") { return String(cString: path) }
    let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return (tests as NSString).deletingLastPathComponent + "/obspool"
  }()

  // MARK: Inputs

  func mark(_ name: String, _ word: String = "") -> String { "mark-\(run)-\(name)\(word)" }

  /// An input about which the model is asked.
  func toolUse(_ mark: String, session: String = "s", padding: Int = 0) -> [UInt8] {
    let response = String(repeating: "x", count: padding)
    return Array(
      """
      {"session_id":"\(session)","tool_name":"Bash","tool_input":{"command":"\(mark)."},"tool_response":"\(response)"}
      """.utf8)
  }

  /// Drops a file as a careful producer does, a minute ago.
  func drop(_ name: String, _ bytes: [UInt8], mark: String? = nil, end: State = .done, owner: uid_t? = nil)
    throws
  {
    let input = Dropped(name: name, bytes: bytes, mark: mark, end: end)
    inputs.withLock { inputs in
      if let index = inputs.firstIndex(where: { $0.bytes == bytes }) {
        inputs[index].isAgain = true
      } else {
        inputs.append(input)
      }
    }
    let hidden = "\(spool)/pending/.\(name)"
    try write(bytes, to: hidden)
    if let owner { chown(hidden, owner, owner) }
    try age(hidden)
    guard rename(hidden, "\(spool)/pending/\(name).json") == 0 else {
      throw Process.Hangs(description: "rename")
    }
  }

  func dropToolUse(_ name: String, session: String = "s", word: String = "", owner: uid_t? = nil) throws {
    let mark = mark(name, word)
    try drop(name, toolUse(mark, session: session), mark: mark, owner: owner)
  }

  /// Makes everything in pending due, as `touch pending/*` does, but a minute ago.
  func touch() throws { for name in names("\(spool)/pending") { try age("\(spool)/pending/\(name)") } }

  private func age(_ path: String) throws {
    var times = [timespec(tv_sec: time(nil) - 60, tv_nsec: 0)]
    times.append(times[0])
    utimensat(AT_FDCWD, path, times, 0)
  }

  /// Writes a file and brings it to the disk.
  func write(_ bytes: [UInt8], to path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard file >= 0 else {
      throw Process.Hangs(description: "cannot create \(path): \(String(cString: strerror(errno)))")
    }
    defer { close(file) }
    var offset = 0
    while offset < bytes.count {
      let count = bytes[offset...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      guard count > 0 else { throw Process.Hangs(description: "cannot write \(path)") }
      offset += count
    }
  }
}
