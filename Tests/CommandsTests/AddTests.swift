import Foundation
import Testing

@testable import Commands

/// `obspool add`.
@Suite struct AddTests {
  private let note = #"{"kind": "note", "session_id": "s"}"#

  @Test func `Standard input becomes one input, byte for byte, and its name is printed`() throws {
    let obspool = try Obspool(spool: true)
    let input = "\u{FEFF} {\"kind\": \"note\"}\r\n\n"
    let outcome = try obspool("add", input: input)
    let name = outcome.output.dropLast()
    #expect(outcome == .init(code: 0, output: name + "\n", errors: ""))
    #expect(try obspool.names(in: "spool/pending") == ["\(name).json"])
    #expect(try obspool.read("spool/pending/\(name).json") == input)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: obspool.directory + "/spool/pending").count == 1)
  }

  /// Within a session the order of names is the order of the conversation.
  @Test func `Files are dropped in the order in which they are named`() throws {
    let obspool = try Obspool(spool: true)
    for name in ["c", "a", "b"] { try obspool.write("{\"prompt\": \"\(name)\"}", to: name) }
    let outcome = try obspool("add", "c", "a", "-", "b", input: "{\"prompt\": \"-\"}")
    let names = outcome.output.split(separator: "\n").map(String.init)
    #expect(names.count == 4)
    #expect(names == names.sorted())
    #expect(
      try names.map { try obspool.read("spool/pending/\($0).json") }
        == ["c", "a", "-", "b"].map { "{\"prompt\": \"\($0)\"}" })
  }

  @Test func `What could never succeed is not dropped, and the rest is`() throws {
    let obspool = try Obspool(spool: true)
    try obspool.write("{\"kind\": \"note\"", to: "cut.json")
    try obspool.write("[1]", to: "list.json")
    try obspool.write(note, to: "good.json")
    let outcome = try obspool("add", "--quiet", "cut.json", "list.json", "missing.json", "good.json")
    #expect(outcome.code == 65)
    #expect(outcome.output == "")
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[0].hasPrefix("error: cut.json: "))
    #expect(lines[1].hasPrefix("error: list.json: "))
    #expect(lines[2] == "error: cannot read missing.json: No such file or directory")
    #expect(try obspool.names(in: "spool/pending").count == 1)
  }

  /// `obspool add * | head -1` must not lose what comes after the first.
  @Test func `A reader of the names that goes keeps nothing from being dropped`() throws {
    let obspool = try Obspool(spool: true)
    for name in ["a", "b"] { try obspool.write(note, to: name) }
    let script = "mkfifo pipe; sh -c : <pipe & exec 3>pipe; wait; obspool add a b >&3; echo $?"
    #expect(try obspool.shell(script) == .init(code: 0, output: "0\n", errors: ""))
    #expect(try obspool.names(in: "spool/pending").count == 2)
  }

  @Test func `A file that cannot be read`() throws {
    let obspool = try Obspool(spool: true)
    #expect(
      try obspool("add", "missing.json")
        == .init(code: 66, output: "", errors: "error: cannot read missing.json: No such file or directory\n")
    )
    #expect(
      try obspool("add", "spool")
        == .init(code: 66, output: "", errors: "error: cannot read spool: Is a directory\n"))
  }

  @Test func `An empty input, as a hook without a payload would give`() throws {
    let obspool = try Obspool(spool: true)
    let outcome = try obspool("add")
    #expect(outcome.code == 65)
    #expect(outcome.errors.hasPrefix("error: standard input: "))
    #expect(try obspool.names(in: "spool/pending") == [])
  }

  @Test func `More than 8 MiB are refused`() throws {
    let obspool = try Obspool(spool: true)
    try obspool.write("{\"prompt\": \"" + String(repeating: "x", count: 8 << 20) + "\"}", to: "large.json")
    let outcome = try obspool("add", "large.json")
    #expect(outcome.code == 65)
    #expect(outcome.errors.hasPrefix("error: large.json: "))
    #expect(try obspool.names(in: "spool/pending") == [])
  }

  @Test func `The spool is the named one, else the environment's, else ./spool, else the home's`() throws {
    var obspool = try Obspool()
    #expect(try obspool("add", input: note).code == 0)
    #expect(try obspool.names(in: "home/.local/share/obspool/spool/pending").count == 1)
    #expect(try obspool.shell("mkdir -p spool/pending").code == 0)
    #expect(try obspool("add", input: note).code == 0)
    #expect(try obspool.names(in: "spool/pending").count == 1)
    obspool.environment["OBSPOOL_DIR"] = obspool.directory + "/other"
    #expect(try obspool("add", input: note).code == 0)
    #expect(try obspool.names(in: "other/pending").count == 1)
    #expect(try obspool("add", "--spool", "named", input: note).code == 0)
    #expect(try obspool.names(in: "named/pending").count == 1)
  }

  /// Inputs hold what a person's agent saw: they are not for everybody, whatever the caller's mask is.
  @Test func `Files are made for owner and group, directories too`() throws {
    let obspool = try Obspool()
    let script = """
      umask 000; echo '{"kind": "note"}' | obspool add --quiet --spool s; \
      stat -c %a s s/*; stat -c %a s/pending/*
      """
    let outcome = try obspool.shell(script)
    #expect(outcome.errors == "")
    let modes = outcome.output.split(separator: "\n")
    #expect(modes.count >= 10)
    #expect(modes.dropLast().allSatisfy { $0 == "750" })
    #expect(modes.last == "640")
  }

  @Test func `Names are printed for a terminal`() throws {
    let obspool = try Obspool(spool: true)
    #expect(
      try obspool("add", "\u{202E}txt")
        == .init(code: 66, output: "", errors: "error: cannot read \\u{202E}txt: No such file or directory\n")
    )
  }
}
