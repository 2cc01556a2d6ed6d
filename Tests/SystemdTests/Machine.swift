// A machine for one test: a real systemd in namespaces, with obspool installed as an administrator would.

import Foundation
import Testing
import Threads

/// Whether the proofs can be had here, and if not, why not.
enum Proofs {
  static let obstacle: String? = {
    guard ProcessInfo.processInfo.environment["OBSPOOL_PROOFS"] != nil else {
      return "they take minutes: set OBSPOOL_PROOFS=1"
    }
    guard geteuid() == 0 else { return "only root can boot a systemd" }
    guard FileManager.default.isExecutableFile(atPath: "/lib/systemd/systemd") else {
      return "there is no systemd"
    }
    let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
    let hasGroups = mounts.split(separator: "\n").contains {
      $0.split(separator: " ").dropFirst(2).first == "cgroup2"
    }
    return hasGroups ? nil : "cgroup2 is not mounted"
  }()

  static var arePossible: Bool { obstacle == nil }
  static var word: Comment { Comment(rawValue: "no real systemd here: \(obstacle ?? "")") }

  /// Prints what was seen, for whoever reads the tests' output.
  static func show(_ title: String, _ text: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }
    print("-- \(title)\n" + lines.joined(separator: "\n"))
  }
}

/// All proofs, one after another: each boots a machine.
@Suite(.serialized, .enabled(if: Proofs.arePossible, Proofs.word), .timeLimit(.minutes(10)))
enum Systemd {}

/// A booted machine, which ends with this object, and with this process whatever ends that.
final class Machine {
  struct Outcome {
    var code: Int32
    /// Standard output and standard error.
    var output: String
  }

  struct Trouble: Error, CustomStringConvertible {
    let description: String
  }

  private static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  private static let lab = sources.appendingPathComponent("Lab").path
  private static let units = sources.appendingPathComponent("../../systemd").standardizedFileURL.path

  /// What is installed: `$OBSPOOL_BINARY`, or what the build has put beside the tests. It has to be readable for all.
  private static let binary: String = {
    if let chosen = ProcessInfo.processInfo.environment["OBSPOOL_BINARY"] { return chosen }
    let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return (tests as NSString).deletingLastPathComponent + "/obspool"
  }()

  private let directory: String
  private let boot = Process()
  private let life = Pipe()

  /// Boots, installs, and makes the users: alice and bob may drop files, mallory may not.
  ///
  /// - Parameters:
  ///   - settings: What /etc/obspool/settings.json says.
  ///   - idleExit: Seconds, in place of the units' minute.
  ///   - more: Lines for the service beside that.
  init(settings: String = #"{"CLAUDE_MEM_PROVIDER": "offline"}"#, idleExit: Double = 60, more: String = "")
    throws
  {
    directory = "/tmp/obspool-lab-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    let said = Pipe()
    boot.executableURL = URL(fileURLWithPath: Self.lab + "/boot")
    boot.arguments = [directory]
    boot.standardInput = life
    boot.standardOutput = said
    try boot.run()
    let line = String(decoding: said.fileHandleForReading.availableData, as: UTF8.self)
    guard line.hasPrefix("state=") else { throw Trouble(description: "the machine did not boot: \(line)") }

    try copy(Self.binary, to: "/opt/obspool/obspool", mode: "755")
    for folder in ["system", "user", "sysusers.d", "tmpfiles.d"] {
      for name in try FileManager.default.contentsOfDirectory(atPath: "\(Self.units)/\(folder)") {
        try copy("\(Self.units)/\(folder)/\(name)", to: "/opt/obspool/systemd/\(folder)/\(name)", mode: "644")
      }
    }
    try sure("cd /opt/obspool && ./obspool install")
    for user in ["alice", "bob", "mallory"] { try sure("useradd --create-home --shell /bin/sh \(user)") }
    for user in ["alice", "bob"] { try sure("usermod -aG obspool-drop \(user)") }
    try write(settings, to: "/etc/obspool/settings.json")
    for (unit, suffix) in [("obspool", ""), ("obspool@", "-%i")] {
      try write(
        """
        [Service]
        ExecStart=
        ExecStart=/usr/local/bin/obspool watch --spool /var/spool/obspool\(suffix) --settings /etc/obspool\(suffix)/settings.json --idle-exit \(idleExit)
        \(more)
        """, to: "/etc/systemd/system/\(unit).service.d/test.conf")
    }
    try sure("systemctl daemon-reload && systemctl enable --now obspool.path")
  }

  deinit {
    try? life.fileHandleForWriting.close()
    boot.waitUntilExit()
  }

  /// Runs a shell script in the machine.
  @discardableResult
  func run(_ script: String, as user: String? = nil, input: Data = Data()) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.lab + "/in")
    let shell = ["/bin/sh", "-c", script]
    process.arguments = [directory] + (user.map { ["runuser", "-u", $0, "--"] } ?? []) + shell
    process.environment = [
      "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC", "SYSTEMD_COLORS": "0",
      "LANG": "C.UTF-8",
    ]
    let (source, sink) = (Pipe(), Pipe())
    process.standardInput = source
    process.standardOutput = sink
    process.standardError = sink
    try process.run()
    try source.fileHandleForWriting.write(contentsOf: input)
    try source.fileHandleForWriting.close()
    let output = sink.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    var text = String(decoding: output, as: UTF8.self)
    while text.hasSuffix("\n") { text.removeLast() }
    return Outcome(code: process.terminationStatus, output: text)
  }

  /// Runs a script that has to succeed, and gives what it said.
  @discardableResult
  func sure(_ script: String, as user: String? = nil, input: Data = Data()) throws -> String {
    let outcome = try run(script, as: user, input: input)
    guard outcome.code == 0 else {
      throw Trouble(description: "\(script): exit \(outcome.code): \(outcome.output)\n\(try journal())")
    }
    return outcome.output
  }

  /// Waits until a script succeeds, a minute at most.
  func wait(until script: String, seconds: Int = 60) throws {
    let outcome = try run(
      "timeout \(seconds) sh -c 'until { \(script); } > /dev/null 2>&1; do sleep 0.02; done'")
    guard outcome.code == 0 else {
      throw Trouble(description: "waited in vain until \(script)\n\(try journal())\n\(try list())")
    }
  }

  func write(_ text: String, to path: String) throws {
    try sure("mkdir -p \"$(dirname \(path))\" && cat > \(path)", input: Data(text.utf8))
  }

  private func copy(_ file: String, to path: String, mode: String) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    try sure("install -D -m \(mode) /dev/stdin \(path)", input: bytes)
  }

  // MARK: What tests do and look at

  /// Drops a tool use as the README says, with a shell alone.
  func drop(
    _ name: String, session: String = "s", as user: String = "alice", spool: String = "/var/spool/obspool"
  ) throws {
    let input =
      #"{"session_id": "\#(session)", "tool_name": "Bash", "tool_input": {"command": "ls \#(name)"}, "tool_response": "a"}"#
    try sure(
      "cd \(spool)/pending && cat > .\(name).json && mv .\(name).json \(name).json", as: user,
      input: Data(input.utf8))
  }

  /// The names in a state directory, sorted.
  func names(in state: String, of spool: String = "/var/spool/obspool") throws -> [String] {
    try sure("ls \(spool)/\(state)").split(separator: "\n").map(String.init).sorted()
  }

  /// `ls` of the whole spool.
  func list(_ spool: String = "/var/spool/obspool") throws -> String {
    try run(
      "cd \(spool) && find . -mindepth 1 -printf '%M %u:%g %TT %p\\n' | sed 's/\\([0-9:]*\\)\\.[0-9]* /\\1 /' | sort -k4"
    ).output
  }

  /// The journal's own words about the units.
  func journal(_ pattern: String = "obspool*") throws -> String {
    try run("journalctl --no-pager -o short-precise -u '\(pattern)' | tail -n 60").output
  }

  /// One property of a unit.
  func property(_ name: String, of unit: String = "obspool.service") throws -> String {
    try sure("systemctl show -P \(name) \(unit)")
  }

  /// Has the machine reboot, at once or in good order, and waits until it is up again.
  func reboot(atOnce: Bool) throws {
    let before = try String(contentsOfFile: directory + "/pid", encoding: .utf8)
    _ = try? run(atOnce ? "systemctl reboot --force --force" : "systemctl reboot")
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      let now = (try? String(contentsOfFile: directory + "/pid", encoding: .utf8)) ?? before
      if now != before, let state = try? run("systemctl is-system-running").output,
        ["running", "degraded"].contains(state)
      {
        return
      }
      usleep(50_000)
    }
    throw Trouble(description: "the machine did not come up again")
  }
}
