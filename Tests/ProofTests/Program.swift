// The built program as another process, with faults where a proof wants them.

import Foundation
import TestSupport
import Testing

/// A fault in one run of the program; see Faults/faults.c.
struct Fault: Sendable {
  enum Act: Sendable {
    case kill, tear, stop, cut
    case fail(Int32)
  }

  /// The call that is hit, from 1; 0: none, the calls are only written down.
  var at: Int
  var act: Act = .kill
  /// The names of the calls that count; all that change something where it is nil.
  var calls: [String]?
  /// Only calls on a path count that ends so, or that lead to one.
  var path: String?

  private var word: String {
    switch act {
    case .kill: "kill"
    case .tear: "tear"
    case .stop: "stop"
    case .cut: "cut"
    case .fail(let code): "fail \(code)"
    }
  }

  func environment(root: String, log: String) -> [String: String] {
    var environment = [
      "LD_PRELOAD": FaultLibrary.path ?? "", "FAULT_ROOT": root, "FAULT_AT": String(at), "FAULT_ACT": word,
      "FAULT_LOG": log,
    ]
    if let calls { environment["FAULT_CALLS"] = ",\(calls.joined(separator: ","))," }
    if let path { environment["FAULT_PATH"] = path }
    return environment
  }
}

/// The library that makes calls fail, compiled once.
enum FaultLibrary {
  private static let directory = try? TemporaryDirectory()

  /// Nil where there is no C compiler.
  static let path: String? = {
    guard let directory, let compiler = Here.findProgram("clang") ?? Here.findProgram("cc") else {
      return nil
    }
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "Faults/faults.c")
    let library = directory.appending("faults.so")
    let process = try? Process(
      compiler, ["-O1", "-shared", "-fPIC", "-o", library, source.path],
      environment: ["PATH": "/usr/bin:/bin"],
      output: directory.appending("output"))
    return (try? process?.wait())??.code == 0 ? library : nil
  }()

  static var exists: Bool { path != nil }
}

/// One call that the fault library has written down.
struct CallRecord: Sendable {
  var number: Int
  var name: String
  /// Its result, the negative error number, or nil where it was the one that was hit.
  var result: Int?
  var flags: Int32
  /// Below the spool.
  var path: String
  var other: String
  var bytes: [UInt8]

  static func read(_ log: String, root: String) -> [CallRecord] {
    text(log).split(separator: "\n").compactMap { line in
      let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 7, let number = Int(parts[0]) else { return nil }
      let hex = Array(parts[6].utf8)
      let bytes = stride(from: 0, to: hex.count - 1, by: 2).compactMap {
        UInt8(String(decoding: hex[$0...($0 + 1)], as: UTF8.self), radix: 16)
      }
      func below(_ path: String) -> String {
        path.hasPrefix(root + "/") ? String(path.dropFirst(root.count + 1)) : ""
      }
      return CallRecord(
        number: number, name: parts[1], result: Int(parts[2]), flags: Int32(parts[3]) ?? 0,
        path: below(parts[4]),
        other: below(parts[5]), bytes: bytes)
    }
  }
}

/// A process that was started.
struct Process: Sendable {
  struct Outcome: Sendable {
    /// The exit code, or 128 and the signal.
    var code: Int32
    /// All that it wrote.
    var output: String
  }

  struct Hangs: Error, CustomStringConvertible {
    var description: String
  }

  let pid: pid_t
  private let output: String

  /// - Parameter output: The file that takes what it writes, also its errors.
  init(_ program: String, _ arguments: [String], environment: [String: String], output: String) throws {
    self.output = output
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A thread of the runtime may have signals blocked, which a child would inherit.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var words = ([program] + arguments).map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in words + variables { free(pointer) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, program, &actions, &attributes, &words, &variables)
    guard code == 0 else {
      throw Hangs(description: "cannot start \(program): \(String(cString: strerror(code)))")
    }
    self.pid = pid
  }

  func send(_ signal: Int32) { kill(pid, signal) }

  /// What it has written so far.
  var written: String { text(output) }

  /// Whether it has ended; `wait` is to be called all the same.
  var hasEnded: Bool {
    var info = siginfo_t()
    waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT)
    return info.si_signo != 0
  }

  /// Waits for its end.
  func wait(seconds: Double = 120) throws -> Outcome {
    var status: Int32 = 0
    guard poll(seconds: seconds, { waitpid(pid, &status, WNOHANG) == pid }) else {
      kill(pid, SIGKILL)
      waitpid(pid, &status, 0)
      throw Hangs(description: "process \(pid) had not ended after \(seconds) s; it wrote: \(written)")
    }
    let signal = status & 0x7F
    return Outcome(code: signal == 0 ? status >> 8 & 0xFF : 128 + signal, output: written)
  }

  /// Waits until it has stopped (SIGSTOP). False where it has ended instead.
  func waitForStop(seconds: Double = 60) -> Bool {
    var status: Int32 = 0
    var hasStopped = false
    _ = poll(seconds: seconds) {
      guard waitpid(pid, &status, WNOHANG | WUNTRACED) == pid else { return false }
      hasStopped = status & 0xFF == 0x7F
      return true
    }
    return hasStopped
  }
}

/// Asks again and again, every two milliseconds, whether something holds. False where it does not in time.
func poll(seconds: Double, _ condition: () -> Bool) -> Bool {
  let end = ContinuousClock.now + .seconds(seconds)
  while !condition() {
    if ContinuousClock.now > end { return false }
    usleep(2000)
  }
  return true
}

/// Runs a command of the system that must succeed.
@discardableResult
func command(_ name: String, _ arguments: String...) throws -> String {
  let directory = try TemporaryDirectory()
  guard let program = Here.findProgram(name) else { throw Process.Hangs(description: "there is no \(name)") }
  let outcome = try Process(
    program, arguments, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
    output: directory.appending("output")
  ).wait()
  guard outcome.code == 0 else { throw Process.Hangs(description: "\(name) \(arguments): \(outcome.output)") }
  return outcome.output
}

/// A file's text; empty where there is none.
func text(_ path: String) -> String { String(decoding: bytes(path) ?? [], as: UTF8.self) }

func bytes(_ path: String) -> [UInt8]? { (try? Data(contentsOf: URL(fileURLWithPath: path))).map(Array.init) }

/// All names in a directory, sorted; none where there is none.
func names(_ path: String) -> [String] {
  ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
}
