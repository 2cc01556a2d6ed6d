/// The help texts, made from what the commands say about themselves.
enum Help {
  private static let columns = 79

  /// The help of the program.
  static let program: String = {
    var commands = Table()
    for command in Command.all { commands.add("  " + command.name, command.summary) }
    var codes = Table()
    for code in ExitCode.allCases { codes.add("  \(code.rawValue)", code.meaning) }
    return """
      obspool turns what a coding agent did into memory that anyone can read: each hook payload
      dropped into a directory becomes one XML and one JSON file of observations.

      usage: obspool COMMAND [OPTION…] [OPERAND…]
             obspool help COMMAND
             obspool --version

      commands:
      \(commands.lines())
      options of every command:
      \(options(Option.everywhere))
      exit codes:
      \(codes.lines())
      examples:
        obspool demo                       see it work, without a key
        obspool add < payload.json         drop a hook payload
        obspool drain                      turn what waits into observations
        obspool list --since 1d            what was learned since yesterday

      """
  }()

  /// The help of one command.
  static func command(_ command: Command) -> String {
    var text = "usage: obspool \(command.name)"
    if !command.options.isEmpty { text += " [OPTION…]" }
    if !command.operands.isEmpty { text += " " + command.operands }
    text += "\n\n" + wrapped(command.details, columns: columns)
    if !command.options.isEmpty { text += "\noptions:\n" + options(command.options) }
    text += "\noptions of every command:\n" + options(Option.everywhere)
    text += "\nexamples:\n"
    for example in command.examples {
      text += "  \(example.line)\n" + wrapped(example.purpose, columns: columns, indent: "      ")
    }
    return text
  }

  private static func options(_ options: [Option]) -> String {
    let spellings = options.map { ($0.letter == nil ? "    " : "") + $0.spelling }
    let width = (spellings.map(\.count).max() ?? 0) + 4
    return zip(options, spellings).reduce(into: "") { text, pair in
      let help = wrapped(pair.0.help, columns: columns, indent: String(repeating: " ", count: width))
      let head = "  " + pair.1
      text += head + help.dropFirst(head.count)
    }
  }
}
