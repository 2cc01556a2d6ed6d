// A spool, a provider on loopback and a clock that stands still, for one test.

import Foundation
import JSONText
import Observation
import Spool
import TestSupport
import Testing
import Threads

@testable import Pipeline

/// Shows the time that a test sets.
final class ManualClock: Clock {
  private let time: Locked<Date>

  init(_ time: Date) { self.time = Locked(time) }

  func now() -> Date { time.withLock { $0 } }
  func advance(_ seconds: Double) { time.withLock { $0 += seconds } }
}

/// Everything that a drain needs.
final class Workbench: Sendable {
  let directory: TemporaryDirectory
  let server: LoopbackServer
  let clock: ManualClock
  let logged = Locked<[String]>([])
  let environment: [String: String]
  static let key = "sk-or-v1-never-shown-0123456789"

  init(_ handler: @escaping LoopbackServer.Handler) throws {
    directory = try TemporaryDirectory()
    server = try LoopbackServer(handler)
    // Files dropped now are due: the clock starts a while after them.
    clock = ManualClock(Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 60).rounded()))
    environment = ["HOME": directory.path]
    try set([:])
  }

  var spoolPath: String { directory.appending("spool") }
  var settingsPath: String { directory.appending("settings.json") }

  func spool() throws -> Spool { try Spool(path: spoolPath, system: Linux(), clock: clock) }

  /// Writes the settings file: OpenRouter at the loopback server, and what else is wanted.
  func set(_ more: [String: String], provider: String = "openrouter") throws {
    var settings = [
      "CLAUDE_MEM_PROVIDER": provider,
      "CLAUDE_MEM_OPENROUTER_API_KEY": Self.key,
      "CLAUDE_MEM_OPENROUTER_BASE_URL": server.url + "/api/v1",
      "CLAUDE_MEM_OPENROUTER_MODEL": "test/model",
      "CLAUDE_MEM_GEMINI_API_KEY": Self.key,
      "CLAUDE_MEM_GEMINI_BASE_URL": server.url + "/v1beta",
      "CLAUDE_MEM_CLAUDE_API_KEY": Self.key,
      "CLAUDE_MEM_CLAUDE_BASE_URL": server.url,
    ]
    settings.merge(more) { $1 }
    let data = try JSONSerialization.data(withJSONObject: settings)
    try data.write(to: URL(filePath: settingsPath), options: .atomic)
    chmod(settingsPath, 0o600)
  }

  /// Drops an input as a careful producer does.
  func drop(_ name: String, _ json: String) throws {
    _ = try spool()
    let path = "\(spoolPath)/pending"
    try Data(json.utf8).write(to: URL(filePath: "\(path)/.\(name)"))
    setAge(40, of: "\(path)/.\(name)")
    #expect(rename("\(path)/.\(name)", "\(path)/\(name).json") == 0)
  }

  /// Drops a tool use.
  func dropToolUse(_ name: String, session: String = "s1", command: String = "ls", response: String = "a b c")
    throws
  {
    try drop(
      name,
      """
      {"hook_event_name":"PostToolUse","session_id":"\(session)","cwd":"/home/me/project","tool_name":"Bash",\
      "tool_input":{"command":"\(command)"},"tool_response":{"stdout":"\(response)"}}
      """)
  }

  /// An engine of its own for each run, as after a restart.
  func engine(random: Double = 0.5, onRest: (@Sendable () -> Void)? = nil) throws -> Engine {
    let logged = logged
    return Engine(
      Engine.Parts(
        spool: try spool(), settings: SettingsSource(option: settingsPath, environment: environment),
        clock: clock,
        log: Log(journal: false) { line in logged.withLock { $0.append(line) } }, random: { random },
        onRest: onRest))
  }

  @discardableResult
  func drain(random: Double = 0.5) async throws -> DrainResult {
    let result = try await engine(random: random).drain()
    if let validator = RecordValidator.shared {
      #expect(validator.faults(below: "\(spoolPath)/observations") == "")
    }
    return result
  }

  var log: [String] { logged.withLock { $0 } }

  /// The names in a state directory, without `.json`, in order.
  func names(_ state: State) throws -> [String] {
    try spool().names(in: state).map(\.text).sorted()
  }

  /// The records of a session by name.
  func records(of session: String = "s1") throws -> [String: Record] {
    var records: [String: Record] = [:]
    try spool().records(of: SessionPlace(session: session)) { bytes in
      guard let record = try? Record(json: bytes) else { return }
      records[record.name] = record
    }
    return records
  }

  func note(_ name: String) throws -> ErrorNote? {
    guard let name = InputName(name) else { return nil }
    return try spool().note(for: name)
  }

  func contents(_ path: String) -> String {
    String(decoding: (try? Data(contentsOf: URL(filePath: "\(spoolPath)/\(path)"))) ?? Data(), as: UTF8.self)
  }

  /// Makes everything in pending due, as `touch pending/*` does.
  func touchAll() throws {
    for name in try names(.pending) {
      setAge(40, of: "\(spoolPath)/pending/\(name).json")
    }
  }

  /// Makes a file as old as that, in seconds, by the test's clock: however long the test takes, it is due.
  func setAge(_ seconds: Int, of path: String) {
    var times = [timespec(tv_sec: Int(clock.now().timeIntervalSince1970) - seconds, tv_nsec: 0)]
    times.append(times[0])
    #expect(utimensat(AT_FDCWD, path, times, 0) == 0)
  }
}

/// An answer that a model might give.
func observation(_ title: String, type: String = "discovery") -> String {
  "<observation><type>\(type)</type><title>\(title)</title><narrative>n</narrative></observation>"
}

extension HTTPRequest {
  /// The contents of the chat messages, the system prompt first.
  var messages: [(role: String, content: String)] {
    (json["messages"]?.array ?? []).map { ($0["role"]?.string ?? "", $0["content"]?.string ?? "") }
  }
}
