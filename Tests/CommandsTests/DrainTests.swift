import Foundation
import JSONText
import TestSupport
import Testing

@testable import Commands

/// `obspool drain`, `watch` and `retry`: exit codes, signals, who owns the spool, and where a key goes.
@Suite(.timeLimit(.minutes(5))) struct DrainTests {
  private static let key = "sk-or-v1-this-is-the-key"

  /// A spool with one tool use in it, and settings that lead to a server.
  private static func spool(asking server: LoopbackServer) throws -> Obspool {
    var obspool = try Obspool(spool: true)
    obspool.environment["OPENROUTER_API_KEY"] = key
    obspool.environment["CLAUDE_MEM_OPENROUTER_BASE_URL"] = server.url
    try obspool.write(
      #"{"session_id": "s", "tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_response": "a"}"#,
      to: "spool/pending/a.json")
    return obspool
  }

  @Test func `Nothing to do is done`() throws {
    var obspool = try Obspool(spool: true)
    obspool.environment["CLAUDE_MEM_PROVIDER"] = "offline"
    #expect(try obspool("drain") == .init(code: 0, output: "", errors: ""))
  }

  @Test func `What is done leaves a record, and the input as it came`() throws {
    let server = try LoopbackServer { _ in
      .chat("<observation><type>discovery</type><title>There is a file</title></observation>", cost: 0.0042)
    }
    let obspool = try Self.spool(asking: server)
    let input = try obspool.read("spool/pending/a.json")
    let outcome = try obspool("drain")
    #expect(outcome.code == 0)
    #expect(outcome.output == "")
    #expect(try obspool.names(in: "spool/pending") == [])
    #expect(try obspool.read("spool/done/a.json") == input)
    #expect(try obspool.names(in: "spool/observations/s") == ["a.json", "a.xml"])
    try obspool.validateRecords()
    #expect(try obspool("list").output.hasSuffix("discovery  There is a file  a\n"))
    #expect(try obspool("status").output.contains("\ntoday      1 call, 10 tokens in, 5 out, $0.0042\n"))
  }

  /// The key is in the request, and in no file, message, story or report.
  @Test func `A key appears nowhere but in the request`() throws {
    let server = try LoopbackServer { request in
      request.number == 0 ? .error(401, "No auth for \(Self.key)") : .chat("<skip/>")
    }
    let obspool = try Self.spool(asking: server)
    let outcomes = try [
      obspool("drain"), obspool("status"), obspool("show", "a"), obspool("retry"), obspool("drain"),
      obspool("show", "a"), obspool("status", "--json"), obspool("usage"),
    ]
    #expect(outcomes.map(\.code) == [75, 0, 0, 0, 0, 0, 0, 0])
    #expect(
      server.requests.map { $0.header("Authorization") } == ["Bearer \(Self.key)", "Bearer \(Self.key)"])
    for outcome in outcomes {
      #expect(!outcome.output.contains(Self.key))
      #expect(!outcome.errors.contains(Self.key))
    }
    #expect(try obspool.shell("grep -r \(Self.key) spool home") == .init(code: 1, output: "", errors: ""))
    try obspool.validateRecords()
  }

  @Test func `What waits is said by exit code 75, and status tells why`() throws {
    let server = try LoopbackServer { _ in .error(401, "No auth credentials found") }
    let obspool = try Self.spool(asking: server)
    let outcome = try obspool("drain")
    #expect(outcome.code == 75)
    #expect(outcome.output == "")
    #expect(
      outcome.errors.hasSuffix("\nwarning: 1 input waits or is in flight; `obspool status` tells why\n"))
    #expect(try obspool("status").output.contains("\npaused     openrouter: auth 401, since "))
    #expect(try obspool.names(in: "spool/pending") == ["a.json"])
  }

  @Test func `Retry ends the pause and prints what is due now`() throws {
    let server = try LoopbackServer { $0.number == 0 ? .error(401) : .chat("<skip/>") }
    let obspool = try Self.spool(asking: server)
    #expect(try obspool("drain").code == 75)
    #expect(try obspool.names(in: "spool/paused") == ["openrouter.json"])
    #expect(try obspool("retry") == .init(code: 0, output: "a\n", errors: ""))
    #expect(try obspool.names(in: "spool/paused") == [])
    #expect(try obspool("drain").code == 0)
    try obspool.validateRecords()
  }

  @Test func `Retry takes an input out of failed, by name or with all`() throws {
    var obspool = try Obspool(spool: true)
    obspool.environment["CLAUDE_MEM_PROVIDER"] = "offline"
    for name in ["a", "b"] { try obspool.write("[]", to: "spool/pending/\(name).json") }
    try obspool.shell("touch -d '1 hour ago' spool/pending/*")
    #expect(try obspool("drain").code == 0)
    #expect(try obspool.names(in: "spool/failed") == ["a.json", "b.json"])
    #expect(try obspool("retry") == .init(code: 0, output: "", errors: ""))
    #expect(try obspool("retry", "spool/failed/a.json") == .init(code: 0, output: "a\n", errors: ""))
    #expect(try obspool.names(in: "spool/pending") == ["a.json"])
    #expect(try obspool("retry", "--all").output == "a\nb\n")
    #expect(try obspool.names(in: "spool/failed") == [])
    #expect(
      try obspool("retry", "c")
        == .init(code: 66, output: "", errors: "error: no input is called c in ./spool\n"))
    #expect(try obspool("retry", "--all", "a").code == 64)
  }

  @Test func `Retry of what is done says so, and is no error`() throws {
    let obspool = try Obspool(spool: true)
    try obspool.write("{}", to: "spool/done/a.json")
    #expect(
      try obspool("retry", "a")
        == .init(code: 0, output: "", errors: "a is done; there is nothing to try again\n"))
  }

  @Test func `A second processor says which process owns the spool`() async throws {
    let server = try LoopbackServer { _ in .hang(then: .chat("<skip/>")) }
    let obspool = try Self.spool(asking: server)
    let first = try obspool.start(["drain"])
    await server.waitForRequests(1)
    // More locks than the kernel's list tells of in one read, the processor's among the last.
    let others = try (0..<200).map { try LockedFile("\(obspool.directory)/other-\($0)") }
    let second = try obspool("drain")
    #expect(second.code == 75)
    #expect(second.output == "")
    #expect(second.errors.contains("process \(first.process) owns it"))
    let status = try obspool("status").output
    #expect(status.contains("\nprocessor  running, process \(first.process)\n"), "\(status)")
    withExtendedLifetime(others) {}
    server.release()
    #expect(try first.wait().code == 0)
    try obspool.validateRecords()
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
  func `A signal gives back what is in flight`(signal: Int32) async throws {
    let server = try LoopbackServer { _ in .hang(then: .close) }
    let obspool = try Self.spool(asking: server)
    let watch = try obspool.start(["watch"])
    await server.waitForRequests(1)
    #expect(try obspool.names(in: "spool/inflight") == ["a.json"])
    watch.send(signal)
    let outcome = try watch.wait()
    #expect(outcome.code == 0)
    #expect(outcome.errors.contains("stopping; what is in flight goes back to pending\n"))
    #expect(try obspool.names(in: "spool/inflight") == [])
    #expect(try obspool.names(in: "spool/pending") == ["a.json"])
  }

  /// A shell starts a job in the background, and nohup a command, with these ignored.
  @Test func `A signal that was ignored stays ignored`() async throws {
    let server = try LoopbackServer { _ in .hang(then: .chat("<skip/>")) }
    let obspool = try Self.spool(asking: server)
    let script = "trap '' INT HUP; exec \(Obspool.path) drain"
    let drain = try Running(
      "/bin/sh", ["-c", script], input: [], environment: obspool.environment, directory: obspool.directory)
    await server.waitForRequests(1)
    drain.send(SIGINT)
    drain.send(SIGHUP)
    server.release()
    #expect(try drain.wait().code == 0)
    try obspool.validateRecords()
  }

  @Test func `Watch leaves when it has been idle`() throws {
    var obspool = try Obspool(spool: true)
    obspool.environment["CLAUDE_MEM_PROVIDER"] = "offline"
    try obspool.write(#"{"kind": "note"}"#, to: "spool/pending/a.json")
    let outcome = try obspool("watch", "--idle-exit", "0")
    #expect(outcome.code == 0)
    #expect(try obspool.names(in: "spool/done") == ["a.json"])
    try obspool.validateRecords()
    #expect(
      try obspool("watch", "--idle-exit", "soon")
        == .init(
          code: 64, output: "",
          errors: """
            error: --idle-exit takes a number of seconds, not soon
            hint: `obspool watch --help` tells what it takes

            """))
  }

  @Test func `The help of watch says what keeps it from leaving`() throws {
    let words = try Obspool()("watch", "--help").output.split(whereSeparator: \.isWhitespace)
    #expect(words.joined(separator: " ").contains("but not while a visible file in pending is no input"))
  }

  @Test func `Operands are no names of spools`() throws {
    #expect(
      try Obspool(spool: true)("drain", "spool")
        == .init(
          code: 64, output: "",
          errors: "error: unexpected operand spool\nhint: `obspool drain --help` tells what it takes\n"))
  }

  @Test func `A spool that may not be made`() throws {
    let outcome = try Obspool()("drain", "--spool", "/proc/spool")
    #expect(outcome.code != 0)
    #expect(outcome.errors.hasPrefix("error: cannot "))
    #expect(outcome.errors.contains("/proc/spool"))
  }
}

/// A file that is locked (flock(2)) as long as this lives.
private final class LockedFile {
  private let descriptor: Int32

  init(_ path: String) throws {
    descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    try #require(descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0)
  }

  deinit { close(descriptor) }
}
