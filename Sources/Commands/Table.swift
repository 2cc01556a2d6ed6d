/// Columns of text, two spaces apart, the last one as long as it is.
struct Table {
  private var rows: [[String]] = []
  private let rightAligned: ClosedRange<Int>?

  /// - Parameter rightAligned: The columns that hold numbers.
  init(rightAligned: ClosedRange<Int>? = nil) { self.rightAligned = rightAligned }

  mutating func add(_ cells: String...) { rows.append(cells) }

  /// The lines, each with its line feed.
  ///
  /// - Parameters:
  ///   - width: How many columns the terminal has; longer lines are cut and end in `…`. Nil: not cut.
  ///   - elastic: The column that gives way when a line is too long.
  func lines(width: Int? = nil, elastic: Int? = nil) -> String {
    let columns = rows.map(\.count).max() ?? 0
    var widths = (0..<columns).map { column in
      rows.map { $0.count > column ? columnsOnScreen($0[column]) : 0 }.max() ?? 0
    }
    if let width, let elastic, elastic < columns {
      let excess = widths.reduce(0, +) + 2 * (columns - 1) - width
      if excess > 0 { widths[elastic] = max(8, widths[elastic] - excess) }
    }
    return rows.reduce(into: "") { text, row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let cell = column == elastic ? shortened(cell, toColumns: widths[column]) : cell
        let padding = String(repeating: " ", count: max(0, widths[column] - columnsOnScreen(cell)))
        let isRight = rightAligned?.contains(column) ?? false
        line += isRight ? padding + cell : cell
        guard column < row.count - 1 else { break }
        line += (isRight ? "" : padding) + "  "
      }
      text += (width.map { shortened(line, toColumns: $0) } ?? line) + "\n"
    }
  }
}

/// How many columns a terminal gives a text. East Asian wide characters and emoji take two.
func columnsOnScreen(_ text: String) -> Int {
  text.utf8.count == text.count ? text.count : text.reduce(0) { $0 + columnsOnScreen($1) }
}

/// The text, or so much of it that it fits together with a closing `…`.
func shortened(_ text: String, toColumns limit: Int) -> String {
  guard columnsOnScreen(text) > limit else { return text }
  var room = limit - 1
  let kept = text.prefix { character in
    room -= columnsOnScreen(character)
    return room >= 0
  }
  return kept + "…"
}

/// Paragraphs broken at spaces so that no line is wider than `columns`, each line led by `indent`.
func wrapped(_ text: String, columns: Int, indent: String = "") -> String {
  let room = max(20, columns - columnsOnScreen(indent))
  var lines: [String] = []
  for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
    var line = ""
    for word in paragraph.split(separator: " ") {
      if !line.isEmpty, columnsOnScreen(line) + 1 + columnsOnScreen(String(word)) > room {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    lines.append(line)
  }
  return lines.map { ($0.isEmpty ? "" : indent + $0) + "\n" }.joined()
}

private func columnsOnScreen(_ character: Character) -> Int {
  guard let scalar = character.unicodeScalars.first else { return 0 }
  switch scalar.value {
  case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
    0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
    return 2
  default:
    return 1
  }
}
