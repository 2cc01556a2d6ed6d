// What an input is called: its file's name without `.json`.

import JSONText

/// The name of an input, the same in every state directory; its file is `NAME.json`.
///
/// Names are equal, and sort, by their UTF-8 bytes, as the directory has them: two spellings of one letter
/// are two names.
public struct InputName: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let text: String
  /// The file's name; kept, since each move and each look asks for it.
  public let fileName: String

  /// The longest name of a file on Linux, in bytes.
  static let longestFileName = 255
  private static let suffix = ".json"

  /// Nil where no visible file can be called so: empty, with `/` or NUL, starting with a dot, or more than
  /// 250 bytes long.
  public init?(_ text: String) {
    guard let first = text.utf8.first, first != UInt8(ascii: "."),
      text.utf8.count + Self.suffix.utf8.count <= Self.longestFileName,
      !text.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
    else { return nil }
    self.text = text
    fileName = text + Self.suffix
  }

  /// The name of the input in the file `fileName`; nil for a name that does not end in `.json` or is hidden.
  public init?(fileName: String) {
    let name = fileName.utf8
    let suffix = Self.suffix.utf8
    guard name.count > suffix.count, name.suffix(suffix.count).elementsEqual(suffix) else { return nil }
    self.init(String(decoding: name.dropLast(suffix.count), as: UTF8.self))
  }

  public var description: String { text }

  public static func == (left: Self, right: Self) -> Bool {
    left.text.withUTF8Bytes { left in right.text.withUTF8Bytes { left.isEqual(to: $0) } }
  }

  public static func < (left: Self, right: Self) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }

  public func hash(into hasher: inout Hasher) {
    text.withUTF8Bytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    hasher.combine(UInt8(0xFF))
  }
}

extension InputName {
  /// The name that an input takes where this one is taken: `NAME~2`, then `NAME~3`, … A name that would be
  /// too long is cut before the tilde.
  var next: InputName {
    let (base, number) = family
    let ending = "~\(number + 1)"
    let room = Self.longestFileName - Self.suffix.utf8.count - ending.utf8.count
    var stem = Substring(base)
    while stem.utf8.count > room { stem.removeLast() }
    return InputName(stem + ending) ?? self
  }

  /// The names that this one may have been moved aside from, `NAME`, `NAME~2`, …, oldest first; none for a
  /// name that is nobody's next.
  var earlier: some Sequence<InputName> {
    let (base, number) = family
    let start = number > 1 ? InputName(base) : nil
    return sequence(state: start) { (name: inout InputName?) -> InputName? in
      guard let current = name, current != self else { return nil }
      name = current.next
      return current
    }
  }

  /// `NAME` and 3 for `NAME~3`; a name without such an ending is the first of its family.
  private var family: (base: String, number: Int) {
    guard let tilde = text.utf8.lastIndex(of: UInt8(ascii: "~")), tilde != text.utf8.startIndex,
      case let digits = text.utf8[text.utf8.index(after: tilde)...],
      digits.count <= 9, let number = Int(Substring(digits)), number > 1, !digits.starts(with: "0".utf8),
      digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") })
    else { return (text, 1) }
    return (String(text[..<tilde]), number)
  }
}
