// Finds our tags in a model's answer: the first of the two steps of reading it.

/// The names of our tags. Anything else between `<` and `>` is text.
enum TagName: Int, CaseIterable {
  case observation, summary, skip, thinking
  case type, title, subtitle, narrative, facts, fact, concepts, concept, filesRead, filesModified, file
  case request, investigated, learned, completed, nextSteps, notes

  /// A tag whose content is text, in which other tags are no tags.
  var holdsText: Bool {
    switch self {
    case .observation, .summary, .skip, .thinking, .facts, .concepts, .filesRead, .filesModified: false
    default: true
    }
  }

  var isBlock: Bool { self == .observation || self == .summary }
  var isItem: Bool { self == .fact || self == .concept || self == .file }
  var isFieldOfSummary: Bool { rawValue >= TagName.request.rawValue }
}

/// How our names are spelt.
struct Spellings {
  static let ours = Spellings()

  /// The most bytes that a name has, which are fewer than the number that they make can hold.
  private static let longest = 14

  /// The names by the number of their bytes, each with the number that these make.
  private let names: [[(UInt128, TagName)]]
  /// Of each byte what it is in a name, a letter in lower case; 0 of one that ends a name.
  private let letters: [UInt8]

  private init() {
    let all: [(StaticString, TagName)] = [
      ("fact", .fact), ("concept", .concept), ("file", .file), ("type", .type), ("title", .title),
      ("observation", .observation), ("subtitle", .subtitle), ("facts", .facts), ("narrative", .narrative),
      ("concepts", .concepts), ("files_read", .filesRead), ("files_modified", .filesModified),
      ("summary", .summary), ("skip", .skip), ("skip_summary", .skip), ("request", .request),
      ("investigated", .investigated), ("learned", .learned), ("completed", .completed),
      ("next_steps", .nextSteps), ("notes", .notes), ("think", .thinking), ("thinking", .thinking),
      ("thought", .thinking), ("reasoning", .thinking), ("reflection", .thinking), ("scratchpad", .thinking),
      ("analysis", .thinking),
    ]
    var names = Array(repeating: [(UInt128, TagName)](), count: Self.longest + 1)
    for (text, name) in all {
      let number = text.withUTF8Buffer { $0.reduce(0) { $0 << 8 | UInt128($1) } }
      names[text.utf8CodeUnitCount].append((number, name))
    }
    self.names = names
    letters = (0...UInt8.max).map { isNameByte($0) ? lowercase($0) : 0 }
  }

  /// Which of our names stands here, whatever the case of its letters; `position` moves behind it.
  func name(in bytes: UnsafeBufferPointer<UInt8>, at position: inout Int) -> TagName? {
    var end = position
    var spelt: UInt128 = 0
    while end < bytes.count, case let letter = letters[Int(bytes[end])], letter != 0 {
      spelt = spelt << 8 | UInt128(letter)
      end += 1
      guard end - position <= Self.longest else { return nil }
    }
    guard let (_, name) = names[end - position].first(where: { $0.0 == spelt }) else { return nil }
    position = end
    return name
  }
}

/// One of our tags in a text.
struct Tag {
  var name: TagName
  var isClosing: Bool
  /// `<skip/>`: opened and closed in one.
  var isEmpty: Bool
  /// Offsets in bytes: of the `<`, behind the name, and behind the `>`.
  var start: Int
  var nameEnd: Int
  var end: Int
  /// The tag that closes or opens what this one opens or closes, as an index; -1 where there is none.
  var partner = -1
  /// The tag of this name that was open before it, as an index; -1 where there is none.
  var openBefore = -1
  /// A block that begins here, rather than the mention of one.
  var opensBlock = false
}

/// Where a byte pattern stands next. Each byte is looked at once however often it is asked, as long as the questions
/// go forward.
struct NextOccurrence {
  private let pattern: StaticString
  /// Where the scan stopped: at an occurrence, or at the end.
  private var reached = 0
  private var isAtOccurrence = false

  /// The pattern is in lower case; the text may be in either.
  init(of pattern: StaticString) { self.pattern = pattern }

  mutating func find(
    in bytes: UnsafeBufferPointer<UInt8>, from start: Int, visited: inout Int
  ) -> Int? {
    if reached >= start, isAtOccurrence { return reached }
    if reached >= bytes.count { return nil }
    var position = max(reached, start)
    let from = position
    isAtOccurrence = false
    while position < bytes.count {
      if bytes[position] == pattern.utf8Start.pointee, bytes.holds(pattern, at: position) {
        isAtOccurrence = true
        break
      }
      position += 1
    }
    reached = isAtOccurrence ? position : bytes.count
    visited += reached - from
    return isAtOccurrence ? reached : nil
  }
}

/// Goes over an answer once and lists our tags in it. What stands in comments and in CDATA sections is no tag.
struct TagScanner: ~Copyable {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let spellings = Spellings.ours
  private(set) var tags: [Tag] = []
  private(set) var visited = 0

  private var commentStart = NextOccurrence(of: "<!--")
  private var commentEnd = NextOccurrence(of: "-->")
  private var sectionStart = NextOccurrence(of: "<![cdata[")
  private var sectionEnd = NextOccurrence(of: "]]>")
  private var observationEnd = NextOccurrence(of: "</observation")
  private var summaryEnd = NextOccurrence(of: "</summary")

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  mutating func scan() {
    // An answer of one block has some forty tags.
    tags.reserveCapacity(min(64, bytes.count / 8))
    var start = 0
    while var position = bytes.position(of: UInt8(ascii: "<"), from: start) {
      defer { start = position }
      if position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "!") {
        position = behindMarkup(at: position)
      } else if let tag = tag(at: position) {
        tags.append(tag)
        position = tag.end
      } else {
        position += 1
      }
    }
    visited += bytes.count
  }

  /// What has been found, given away: with a second owner it would be copied at the first change.
  consuming func finish() -> [Tag] { tags }

  /// Whether the text here belongs to a field, as far as can be told without knowing what is left open.
  private var isInText: Bool {
    guard let last = tags.last else { return false }
    return last.name.holdsText && !last.isClosing && !last.isEmpty
  }

  /// Behind a comment or CDATA section that begins here and has an end of its own; otherwise behind its first mark.
  private mutating func behindMarkup(at start: Int) -> Int {
    if bytes.holds("<!--", at: start) {
      let behind = start + 4
      guard let end = commentEnd.find(in: bytes, from: behind, visited: &visited) else { return behind }
      // An end that belongs to a later comment, or that stands behind this block, is not this one's.
      if let next = commentStart.find(in: bytes, from: behind, visited: &visited), next < end {
        return behind
      }
      if isInText {
        let observation = observationEnd.find(in: bytes, from: behind, visited: &visited) ?? end
        let summary = summaryEnd.find(in: bytes, from: behind, visited: &visited) ?? end
        if min(observation, summary) < end { return behind }
      }
      return end + 3
    }
    if bytes.holds("<![cdata[", at: start) {
      let behind = start + 9
      // Around a whole block the marks say nothing: the tags inside are meant as tags.
      guard isInText, let end = sectionEnd.find(in: bytes, from: behind, visited: &visited) else {
        return behind
      }
      if let next = sectionStart.find(in: bytes, from: behind, visited: &visited), next < end {
        return behind
      }
      return end + 3
    }
    return start + 2
  }

  /// The tag of ours that starts at this `<`.
  private mutating func tag(at start: Int) -> Tag? {
    var position = start + 1
    var isClosing = false
    if position < bytes.count, bytes[position] == UInt8(ascii: "/") {
      isClosing = true
      position = skipSpace(from: position + 1)
    }
    guard let name = spellings.name(in: bytes, at: &position) else { return nil }
    let nameEnd = position
    let next = nameEnd < bytes.count ? bytes[nameEnd] : UInt8(ascii: ">")
    if isClosing {
      guard isSpace(next) || next == UInt8(ascii: ">") || next == UInt8(ascii: "<") else { return nil }
      position = skipSpace(from: nameEnd)
      // A closing tag that lost its bracket is still one.
      let hasBracket = position < bytes.count && bytes[position] == UInt8(ascii: ">")
      return Tag(
        name: name, isClosing: true, isEmpty: false, start: start, nameEnd: nameEnd,
        end: hasBracket ? position + 1 : nameEnd)
    }
    guard isSpace(next) || next == UInt8(ascii: ">") || next == UInt8(ascii: "/") else { return nil }
    guard let end = attributesEnd(from: nameEnd) else { return nil }
    let isEmpty = bytes[end - 2] == UInt8(ascii: "/")
    return Tag(
      name: name, isClosing: false, isEmpty: isEmpty, start: start, nameEnd: nameEnd, end: end)
  }

  /// Behind the `>` of an opening tag, if what stands before it is nothing, a slash, or attributes with values:
  /// `<type of thing>` is prose.
  private mutating func attributesEnd(from nameEnd: Int) -> Int? {
    var position = nameEnd
    var hasWords = false
    var hasValue = false
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: ">"):
        visited += position - nameEnd
        return hasWords && !hasValue ? nil : position
      case UInt8(ascii: "<"):
        visited += position - nameEnd
        return nil
      case UInt8(ascii: "="): hasValue = true
      case UInt8(ascii: "/"): break
      default: if !isSpace(byte) { hasWords = true }
      }
    }
    visited += position - nameEnd
    return nil
  }

  private mutating func skipSpace(from start: Int) -> Int {
    var position = start
    while position < bytes.count, isSpace(bytes[position]) { position += 1 }
    visited += position - start
    return position
  }
}
