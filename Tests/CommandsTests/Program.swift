import Foundation
import JSONText
import Observation
import TestSupport
import Testing

/// The built program, run as a user runs it, but with an empty home and an environment without keys.
struct Obspool {
  /// What one run left: its exit code (128 + N when signal N ended it) and all that it wrote.
  struct Outcome: Equatable {
    var code: Int32
    var output: String
    var errors: String
  }

  /// A fresh directory, in which the program runs; `home` in it is its home.
  var directory: String { holder.path }
  var environment: [String: String]
  private let holder: TemporaryDirectory

  /// - Parameter spool: Whether `./spool` is there, empty.
  init(spool: Bool = false) throws {
    holder = try TemporaryDirectory()
    environment = [:]
    try FileManager.default.createDirectory(atPath: directory + "/home", withIntermediateDirectories: false)
    environment = ["HOME": directory + "/home", "PATH": "/usr/bin:/bin", "TZ": "UTC", "TMPDIR": directory]
    // What a sanitizer is told holds for the program, too.
    for name in ["ASAN_OPTIONS", "TSAN_OPTIONS"] {
      environment[name] = ProcessInfo.processInfo.environment[name]
    }
    guard spool else { return }
    for name in ["pending", "inflight", "done", "failed", "errors", "observations", "paused", "usage", "tmp"]
    {
      try FileManager.default.createDirectory(
        atPath: "\(directory)/spool/\(name)", withIntermediateDirectories: true)
    }
  }

  /// The program lies where the build put it, beside the tests themselves.
  static let path: String = {
    let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return (tests as NSString).deletingLastPathComponent + "/obspool"
  }()

  /// Runs the program to its end.
  @discardableResult
  func callAsFunction(_ arguments: String..., input: String = "") throws -> Outcome {
    try start(arguments, input: Array(input.utf8)).wait()
  }

  /// Starts the program; the caller waits for it.
  func start(_ arguments: [String], input: [UInt8] = []) throws -> Running {
    try Running(Self.path, arguments, input: input, environment: environment, directory: directory)
  }

  /// Runs a shell script in the directory, with the program's directory first in the path.
  @discardableResult
  func shell(_ script: String) throws -> Outcome {
    var environment = environment
    environment["PATH"] = (Self.path as NSString).deletingLastPathComponent + ":/usr/bin:/bin"
    return try Running("/bin/sh", ["-c", script], input: [], environment: environment, directory: directory)
      .wait()
  }

  func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: directory + "/" + path))
  }

  func read(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: directory + "/" + path)), as: UTF8.self)
  }

  /// Puts a record where a processor would have committed it, with its input in done.
  func record(_ record: Record) throws {
    let directory = directory + "/spool/observations/" + record.session
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try Data(record.json.bytes).write(to: URL(fileURLWithPath: "\(directory)/\(record.name).json"))
    try Data(record.xml.bytes).write(to: URL(fileURLWithPath: "\(directory)/\(record.name).xml"))
  }

  /// The visible names in a directory, sorted.
  func names(in path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory + "/" + path).filter { !$0.hasPrefix(".") }
      .sorted()
  }
}

/// A process that was started, with its streams in files, so that none can block it.
struct Running {
  let process: pid_t
  private let files: String

  init(
    _ program: String, _ arguments: [String], input: [UInt8], environment: [String: String], directory: String
  ) throws {
    files = directory + "/.streams-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: false)
    try Data(input).write(to: URL(fileURLWithPath: files + "/in"))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, files + "/in", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, files + "/out", O_WRONLY | O_CREAT, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, files + "/err", O_WRONLY | O_CREAT, 0o600)
    var words = (["env", "-C", directory, program] + arguments).map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in words + variables { free(pointer) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, "/usr/bin/env", &actions, nil, &words, &variables)
    try #require(code == 0, "cannot start \(program): \(String(cString: strerror(code)))")
    self.process = process
  }

  func send(_ signal: Int32) { kill(process, signal) }

  /// What it has written to standard error so far.
  var errors: String { text(of: "err") }

  /// Waits for its end.
  func wait() throws -> Obspool.Outcome {
    var status: Int32 = 0
    while waitpid(process, &status, 0) == -1 { try #require(errno == EINTR) }
    defer { try? FileManager.default.removeItem(atPath: files) }
    let signal = status & 0x7F
    let code = signal == 0 ? status >> 8 & 0xFF : 128 + signal
    return Obspool.Outcome(code: code, output: text(of: "out"), errors: text(of: "err"))
  }

  private func text(of stream: String) -> String {
    String(
      decoding: (try? Data(contentsOf: URL(fileURLWithPath: files + "/" + stream))) ?? Data(), as: UTF8.self)
  }
}
