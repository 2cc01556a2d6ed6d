import Testing

@testable import Commands

/// What the program says about itself, and about a command line that it does not understand.
@Suite struct UsageTests {
  /// Scripts and units rely on these numbers, which are those of sysexits.h.
  @Test func `The exit codes are those of sysexits`() {
    #expect(ExitCode.allCases.map(\.rawValue) == [0, 64, 65, 66, 69, 74, 75, 77, 78])
  }

  @Test func `The version`() throws {
    let obspool = try Obspool()
    #expect(try obspool("--version") == .init(code: 0, output: "obspool \(Program.version)\n", errors: ""))
  }

  @Test func `Help goes to standard output, and names every command`() throws {
    let obspool = try Obspool()
    let help = try obspool("--help")
    #expect(help.code == 0)
    #expect(help.errors == "")
    for command in Command.all { #expect(help.output.contains("\n  \(command.name) ")) }
    #expect(try obspool("help") == help)
    #expect(try obspool("-h") == help)
  }

  /// A person who typed the name alone has asked for nothing that can be done.
  @Test func `Without a command the help goes to standard error`() throws {
    let obspool = try Obspool()
    let help = try obspool("--help").output
    #expect(try obspool() == .init(code: 64, output: "", errors: help))
  }

  @Test(arguments: Command.all.map(\.name))
  func `Each command has its own help, with examples and without a line too wide`(name: String) throws {
    let obspool = try Obspool()
    let help = try obspool(name, "--help")
    #expect(help.code == 0)
    #expect(help.output.hasPrefix("usage: obspool \(name)"))
    #expect(help.output.contains("\nexamples:\n  "))
    #expect(help.output.contains("--spool DIR"))
    #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 100 })
    #expect(try obspool("help", name) == help)
  }

  @Test func `A command that does not exist`() throws {
    let obspool = try Obspool()
    #expect(
      try obspool("drian")
        == .init(
          code: 64, output: "", errors: "error: unknown command drian\nhint: did you mean `obspool drain`?\n")
    )
    #expect(
      try obspool("frobnicate").errors
        == "error: unknown command frobnicate\nhint: `obspool --help` lists the commands\n")
  }

  @Test func `An option that does not exist`() throws {
    let obspool = try Obspool()
    #expect(
      try obspool("status", "--jsn")
        == .init(code: 64, output: "", errors: "error: unknown option --jsn\nhint: did you mean --json?\n"))
    #expect(
      try obspool("status", "--frobnicate").errors
        == "error: unknown option --frobnicate\nhint: `obspool status --help` tells what it takes\n")
  }

  @Test func `What was typed is shown, not obeyed, by the terminal`() throws {
    let obspool = try Obspool()
    #expect(
      try obspool("\u{1B}[2Jx").errors.hasPrefix("error: unknown command \\u{1B}[2Jx\n"))
  }

  /// `obspool list | head -1` must not end in a message, nor in the signal.
  @Test func `A reader that goes is no error`() throws {
    let obspool = try Obspool()
    let script = "mkfifo pipe; sh -c : <pipe & exec 3>pipe; wait; obspool --help >&3; echo $?"
    #expect(try obspool.shell(script) == .init(code: 0, output: "0\n", errors: ""))
  }

  @Test func `A full disk behind standard output is one`() throws {
    let obspool = try Obspool()
    #expect(
      try obspool.shell("obspool --help >/dev/full")
        == .init(
          code: 74, output: "", errors: "error: cannot write to standard output: No space left on device\n"))
  }

  /// A core file of the processor would hold the provider's key.
  @Test func `No core is written`() throws {
    let obspool = try Obspool()
    // Opening the fifo waits for the program to read from it, which is when it has started.
    let outcome = try obspool.shell(
      "ulimit -c unlimited; mkfifo gate; obspool add gate & exec 3>gate; kill -XCPU $!; wait $!; echo $?")
    #expect(outcome.output == "152\n")
    #expect(!outcome.errors.contains("core dumped"))
  }
}
