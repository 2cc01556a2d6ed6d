import Testing

@testable import Commands

/// How a command line is taken apart.
@Suite struct ArgumentsTests {
  private let options = [
    Option(name: "spool", value: "DIR", help: ""), Option(name: "json", help: ""),
    Option(name: "quiet", letter: "q", help: ""), Option(name: "type", letter: "t", value: "TYPE", help: ""),
  ]

  private func parse(_ words: String...) throws -> Arguments { try Arguments(words, options: options) }

  private func failure(_ words: String...) -> CommandError? {
    do throws(CommandError) {
      _ = try Arguments(words, options: options)
      return nil
    } catch {
      return error
    }
  }

  @Test func `A value stands behind its option, in the next word or behind an equals sign`() throws {
    for arguments in [
      try parse("--spool", "a b"), try parse("--spool=a b"),
    ] { #expect(arguments.value(options[0]) == "a b") }
    #expect(try parse("--spool=").value(options[0]) == "")
    #expect(try parse("--spool=a=b").value(options[0]) == "a=b")
    #expect(try parse("--spool", "--json").value(options[0]) == "--json")
  }

  @Test func `The last of several values counts`() throws {
    #expect(try parse("--spool", "a", "--spool=b").value(options[0]) == "b")
  }

  @Test func `Letters can be joined, and their value attached`() throws {
    let arguments = try parse("-qtbugfix", "x")
    #expect(arguments.has(options[2]))
    #expect(arguments.value(options[3]) == "bugfix")
    #expect(arguments.operands == ["x"])
    #expect(try parse("-t", "bugfix").value(options[3]) == "bugfix")
  }

  @Test func `Options and operands mix until two dashes`() throws {
    let arguments = try parse("a", "--json", "-", "--", "--spool", "-x")
    #expect(arguments.operands == ["a", "-", "--spool", "-x"])
    #expect(arguments.has(options[1]))
    #expect(!arguments.has(options[0]))
  }

  @Test func `What is not known is refused, with the name that was probably meant`() {
    #expect(
      failure("--spol", "x") == CommandError(.usage, "unknown option --spol", hint: "did you mean --spool?"))
    #expect(failure("--jsno") == CommandError(.usage, "unknown option --jsno", hint: "did you mean --json?"))
    #expect(failure("--nothing=like") == CommandError(.usage, "unknown option --nothing"))
    #expect(failure("-x") == CommandError(.usage, "unknown option -x"))
  }

  @Test func `A value is neither left out nor given where none is taken`() {
    #expect(failure("--spool") == CommandError(.usage, "option --spool needs a value: --spool DIR"))
    #expect(failure("-t") == CommandError(.usage, "option --type needs a value: --type TYPE"))
    #expect(failure("--json=yes") == CommandError(.usage, "option --json takes no value"))
  }
}
