// Makes blocks of the tags in a model's answer: the second of the two steps of reading it.

import JSONText

/// One `<observation>`, `<summary>` or `<skip/>` that says something.
struct Block {
  enum Content {
    case finding(Finding)
    case summary(Summary)
    case skip
  }

  var content: Content
  /// The inputs that it says it answers, counted from 1; nil where it does not say.
  var inputs: [Int]?
}

/// Goes over the tags of an answer once.
///
/// What stands between a tag and its own closing tag is text, whatever it holds. A tag that nothing closes ends where
/// the next one begins, as a person would read it.
struct AnswerReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var tags: [Tag]
  private var text: FieldText
  private let inputs: Int
  private var work: Int

  private(set) var blocks: [Block] = []
  /// Whether the text ends inside a block.
  private(set) var endsOpen = false
  /// How many blocks stand in what turned out to be thinking; they are dropped if others follow.
  private var drafts = 0
  private var draft: Draft?
  /// The first field outside of any block that could begin one.
  private var loose: Int?

  /// How many bytes were looked at, counting again each time: bounded by a multiple of the text's length.
  var visited: Int { work + text.visited }

  init(_ bytes: UnsafeBufferPointer<UInt8>, inputs: Int) {
    self.bytes = bytes
    self.inputs = inputs
    text = FieldText(bytes)
    var scanner = TagScanner(bytes)
    scanner.scan()
    work = scanner.visited
    tags = scanner.finish()
    markBlocks()
    matchTags()
  }

  mutating func read() {
    walk(from: 0)
    if drafts > 0, blocks.count > drafts { blocks.removeFirst(drafts) }
    if blocks.isEmpty { readWithoutBlock() }
  }

  // MARK: Before the walk

  /// Tells the blocks from the places where one is only mentioned: a block goes on with a tag, or with a new line.
  private mutating func markBlocks() {
    for index in tags.indices where tags[index].name.isBlock && !tags[index].isClosing && !tags[index].isEmpty
    {
      var next = tags[index].end
      var breaksLine = false
      while next < bytes.count, isSpace(bytes[next]) {
        if bytes[next] == 0x0A { breaksLine = true }
        next += 1
      }
      work += next - tags[index].end
      if next == bytes.count || bytes[next] == UInt8(ascii: "<") {
        tags[index].opensBlock = true
      } else if breaksLine {
        var before = tags[index].start
        while before > 0, bytes[before - 1] == 0x20 || bytes[before - 1] == 0x09 { before -= 1 }
        work += tags[index].start - before
        tags[index].opensBlock = before == 0 || bytes[before - 1] == 0x0A
      }
    }
  }

  /// Finds the closing tag of each field: the nearest that is open. Nothing reaches from one block into the next.
  private mutating func matchTags() {
    // Of each name the newest tag that is open.
    var newest = Array(repeating: -1, count: TagName.allCases.count)
    var firstOfBlock = 0
    var isInBlock = false
    for index in tags.indices {
      let tag = tags[index]
      if tag.name.isBlock {
        if tag.opensBlock, !isInBlock { firstOfBlock = index }
        if tag.opensBlock || tag.isClosing { isInBlock = tag.opensBlock }
      } else if tag.isClosing {
        let start = newest[tag.name.rawValue]
        guard start >= 0 else { continue }
        newest[tag.name.rawValue] = tags[start].openBefore
        guard start >= firstOfBlock else { continue }
        tags[start].partner = index
        tags[index].partner = start
      } else if !tag.isEmpty {
        tags[index].openBefore = newest[tag.name.rawValue]
        newest[tag.name.rawValue] = index
      }
    }
  }

  // MARK: The walk

  private mutating func walk(from first: Int) {
    var index = first
    var thinkingEnds = true
    while index < tags.count {
      let tag = tags[index]
      switch tag.name {
      case .thinking:
        if tag.isClosing {
          // Thinking that was opened before the text began.
          finish()
          drafts = blocks.count
        } else if draft == nil, thinkingEnds, !tag.isEmpty {
          if let end = tags[index...].firstIndex(where: { $0.name == .thinking && $0.isClosing }) {
            index = end
          } else {
            thinkingEnds = false
          }
        }
        index += 1
      case .skip:
        if !tag.isClosing { skip(tag) }
        index += 1
      case .observation, .summary:
        if tag.opensBlock {
          finish()
          draft = Draft(isSummary: tag.name == .summary, inputs: numbers(of: tag), type: type(of: tag))
        } else if tag.isClosing, draft?.isSummary == (tag.name == .summary) {
          finish()
        }
        index += 1
      default:
        if draft == nil, loose == nil, mayBeginBlock(index) { loose = index }
        index = draft == nil ? behind(index) : field(at: index)
      }
    }
    if draft != nil {
      endsOpen = true
      finish()
    }
  }

  /// Behind a field that counts for nothing.
  private func behind(_ index: Int) -> Int {
    !tags[index].isClosing && tags[index].partner > index ? tags[index].partner + 1 : index + 1
  }

  /// Whether a field without a block could be the first of one whose tag was left out, or lost with the beginning: it
  /// is closed, and another tag follows.
  private mutating func mayBeginBlock(_ index: Int) -> Bool {
    let tag = tags[index]
    guard tag.name == .type || tag.name == .request, tag.partner > index else { return false }
    let behind = tags[tag.partner].end
    var next = behind
    while next < bytes.count, isSpace(bytes[next]) { next += 1 }
    work += next - behind
    return next < bytes.count && bytes[next] == UInt8(ascii: "<")
  }

  private mutating func readWithoutBlock() {
    guard let loose else { return }
    draft = Draft(isSummary: tags[loose].name == .request, inputs: nil, type: nil)
    walk(from: loose)
  }

  private mutating func skip(_ tag: Tag) {
    if draft != nil {
      draft?.isSkip = true
    } else {
      blocks.append(Block(content: .skip, inputs: numbers(of: tag)))
    }
  }

  private mutating func finish() {
    if let block = draft.take()?.block() { blocks.append(block) }
  }

  // MARK: Fields

  /// Reads the field that begins here, and tells where to go on.
  private mutating func field(at index: Int) -> Int {
    let tag = tags[index]
    guard !tag.isClosing else {
      if !tag.name.holdsText { draft?.list = nil }
      return index + 1
    }
    guard tag.name.isFieldOfSummary == (draft?.isSummary == true), !tag.isEmpty else { return behind(index) }
    if !tag.name.holdsText, index + 1 < tags.count, tags[index + 1].name.isItem, !tags[index + 1].isClosing {
      draft?.list = tag.name
      return index + 1
    }
    if tag.partner > index {
      keep(tag.end..<tags[tag.partner].start, as: tag.name)
      return tag.partner + 1
    }
    var next = index + 1
    while next < tags.count, !ends(tags[next]) { next += 1 }
    let end = next < tags.count ? tags[next].start : bytes.count
    keep(text.withoutLooseEnd(tag.end..<max(end, tag.end)), as: tag.name)
    return next
  }

  /// Whether a field that nothing closes ends at this tag.
  private func ends(_ tag: Tag) -> Bool {
    switch tag.name {
    case .observation, .summary: tag.opensBlock || tag.isClosing
    case .skip: false
    case .thinking: tag.isClosing
    default: tag.name.isFieldOfSummary == (draft?.isSummary == true)
    }
  }

  private mutating func keep(_ range: Range<Int>, as name: TagName) {
    switch name {
    case .type, .title, .subtitle, .concept, .file:
      if let line = text.line(in: range) { draft?.keep(line, as: name) }
    case .facts: draft?.keep(text.entries(in: range, separatedByCommas: false), as: name)
    case .concepts, .filesRead, .filesModified:
      draft?.keep(text.entries(in: range, separatedByCommas: true), as: name)
    default:
      if let text = text.text(in: range) { draft?.keep(text, as: name) }
    }
  }

  // MARK: Attributes

  /// The inputs that a block names, as in `input="2"` or `input="1, 3-5"`, those that there are; nil without the attribute.
  private func numbers(of tag: Tag) -> [Int]? {
    guard let value = attribute(["input", "inputs", "n"], of: tag) else { return nil }
    var numbers: [Int] = []
    for part in value.split(separator: ",") {
      let ends = part.split(separator: "-").compactMap { Int($0.filter { !$0.isWhitespace }) }
      guard let first = ends.first, let last = ends.last else { continue }
      let lower = max(first, 1)
      let upper = min(last, inputs)
      if lower <= upper { numbers += lower...upper }
    }
    return numbers
  }

  private func type(of tag: Tag) -> String? { attribute(["type"], of: tag) }

  /// The value of the first attribute with one of these names, in quotes or without.
  private func attribute(_ names: [String], of tag: Tag) -> String? {
    guard tag.end - tag.nameEnd > 2 else { return nil }
    var rest = bytes[tag.nameEnd..<tag.end - 1]
    while let equals = rest.firstIndex(of: UInt8(ascii: "=")) {
      var nameEnd = equals
      while nameEnd > rest.startIndex, isSpace(rest[nameEnd - 1]) { nameEnd -= 1 }
      let nameStart = (rest[..<nameEnd].lastIndex { !isNameByte($0) }).map { $0 + 1 } ?? rest.startIndex
      let name = String(decoding: rest[nameStart..<nameEnd], as: UTF8.self).lowercased()
      var value = rest[(equals + 1)...].drop(while: isSpace)
      if let quote = value.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
        value = value.dropFirst()
        rest = value
        value = value.prefix { $0 != quote }
      } else {
        value = value.prefix { !isSpace($0) && $0 != UInt8(ascii: "/") }
      }
      if names.contains(name) { return String(decoding: value, as: UTF8.self).streamSafe }
      rest = rest[value.endIndex...].dropFirst()
    }
    return nil
  }
}
