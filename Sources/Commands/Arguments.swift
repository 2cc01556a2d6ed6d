/// What was typed behind a command's name, taken apart by the rules that GNU's getopt_long follows.

/// An option that a command takes.
struct Option: Sendable, Equatable {
  /// Without the dashes.
  let name: String
  /// The same in one letter, without the dash.
  var letter: Character?
  /// What the help calls its value; nil for an option without one.
  var value: String?
  let help: String

  /// How the option is written in the help.
  var spelling: String {
    let short = letter.map { "-\($0), " } ?? ""
    return short + "--" + name + (value.map { " " + $0 } ?? "")
  }
}

/// The options and operands of one call. Options and operands may be mixed; everything behind `--` is an
/// operand, as is `-` by itself. Where an option with a value is repeated, the last one counts.
struct Arguments: Sendable {
  private(set) var operands: [String] = []
  private var values: [String: String] = [:]

  /// - Throws: A failure with ``ExitCode/usage`` for an option that is not among `options`, lacks its value or
  ///   has one that it does not take.
  init(_ words: [String], options: [Option]) throws(CommandError) {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        operands += rest
        return
      } else if word.hasPrefix("--") {
        try readLong(word, &rest, options)
      } else if word.hasPrefix("-"), word != "-" {
        try readLetters(word, &rest, options)
      } else {
        operands.append(word)
      }
    }
  }

  /// The value that was given to an option.
  func value(_ option: Option) -> String? { values[option.name] }

  /// Whether an option was given.
  func has(_ option: Option) -> Bool { values[option.name] != nil }

  private mutating func readLong(
    _ word: String, _ rest: inout ArraySlice<String>, _ options: [Option]
  ) throws(CommandError) {
    let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let option = options.first(where: { $0.name == name }) else {
      let nearest = nearest(to: name, among: options.map(\.name)).map { "did you mean --\($0)?" }
      throw CommandError(.usage, "unknown option --\(name)", hint: nearest)
    }
    let attached = parts.count == 2 ? String(parts[1]) : nil
    if option.value == nil, attached != nil {
      throw CommandError(.usage, "option --\(name) takes no value")
    }
    values[name] = try value(of: option, attached, &rest)
  }

  /// Reads `-h`, several letters at once, or a letter with its value attached.
  private mutating func readLetters(
    _ word: String, _ rest: inout ArraySlice<String>, _ options: [Option]
  ) throws(CommandError) {
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      guard let option = options.first(where: { $0.letter == letter }) else {
        let hint =
          word.count > 2 ? "a long option starts with two dashes; an operand like this goes behind --" : nil
        throw CommandError(.usage, "unknown option -\(letter)", hint: hint)
      }
      let attached = option.value != nil && !letters.isEmpty ? String(letters) : nil
      values[option.name] = try value(of: option, attached, &rest)
      if attached != nil { return }
    }
  }

  private func value(
    of option: Option, _ attached: String?, _ rest: inout ArraySlice<String>
  ) throws(CommandError) -> String {
    guard let placeholder = option.value else { return "" }
    guard let value = attached ?? rest.popFirst() else {
      throw CommandError(.usage, "option --\(option.name) needs a value: --\(option.name) \(placeholder)")
    }
    return value
  }
}

/// The name that was probably meant: the one that takes the fewest letters to change, at most a third of them.
func nearest(to word: String, among names: [String]) -> String? {
  let ranked = names.map { (name: $0, distance: editDistance(word, $0)) }
  guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
  return best.distance <= max(1, best.name.count / 3) ? best.name : nil
}

/// How many letters must be changed, added, left out or swapped with their neighbour to make one word of the
/// other (optimal string alignment).
private func editDistance(_ first: String, _ second: String) -> Int {
  let a = Array(first), b = Array(second)
  guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
  var rows = [Array(0...b.count)]
  for i in 1...a.count {
    var row = [i]
    for j in 1...b.count {
      let same = a[i - 1] == b[j - 1] ? 0 : 1
      var cost = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + same)
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { cost = min(cost, rows[i - 2][j - 2] + 1) }
      row.append(cost)
    }
    rows.append(row)
  }
  return rows[a.count][b.count]
}
