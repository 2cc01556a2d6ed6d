// Where a record is: names of sessions and inputs, made safe for a path.
import Glibc

/// The directory of a session's records, in `observations/`.
public struct SessionPlace: Hashable, Sendable {
  /// The directory's name: the session's identifier, made safe for a path.
  public let directory: String

  /// The place of the session with the identifier `session`, whatever that is.
  public init(session: String) { directory = PathComponent.safe(session, limit: InputName.longestFileName) }

  init(directory: String) { self.directory = directory }

  /// Where the record of an input is in this session: the paths of its two files in `observations`.
  public func files(of name: InputName) -> (xml: String, json: String) {
    let place = RecordPlace(of: name, in: self)
    return (place.xml, place.json)
  }
}

/// The two files of a record, by their paths in `observations`.
struct RecordPlace: Hashable, Sendable {
  let session: SessionPlace
  private let stem: String

  var json: String { stem + ".json" }
  var xml: String { stem + ".xml" }

  init(of name: InputName, in session: SessionPlace) {
    self.session = session
    let limit = InputName.longestFileName - ".json".utf8.count
    stem = session.directory + "/" + PathComponent.safe(name.text, limit: limit)
  }
}

enum PathComponent {
  /// Percent-encodes (RFC 3986) what is neither an ASCII letter or digit nor one of `-_.~@+=,`, and a dot at the
  /// beginning, so that the result is no path out of its directory and not hidden. Different texts give
  /// different results. Empty text becomes `%`.
  ///
  /// What is longer than `limit` bytes is cut and ends in `%~` and half of the text's SHA-256.
  static func safe(_ text: String, limit: Int) -> String {
    // Most are safe as they are.
    if text.utf8.count <= limit, let first = text.utf8.first, first != UInt8(ascii: "."),
      text.utf8.allSatisfy(isSafe)
    {
      return text
    }
    let digits = Array("0123456789ABCDEF".utf8)
    var encoded: [UInt8] = []
    /// Where the last character begins that still leaves room for the hash.
    var cut = 0
    let ending = 2 + 32
    for byte in text.utf8 {
      if encoded.count <= limit - ending { cut = encoded.count }
      if isSafe(byte), !(byte == UInt8(ascii: ".") && encoded.isEmpty) {
        encoded.append(byte)
      } else {
        encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    if encoded.isEmpty { return "%" }
    if encoded.count > limit {
      encoded.removeSubrange(cut...)
      encoded += Array("%~".utf8) + SHA256.hex(Array(text.utf8)).utf8.prefix(32)
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  private static func isSafe(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "-_.~@+=,".utf8.contains(byte)
    }
  }
}

extension PathComponent {
  /// The text that `safe` has made a component of; nil where it was shortened or is none of ours.
  static func text(of component: String) -> String? {
    if component == "%" { return "" }
    var bytes: [UInt8] = []
    var rest = component.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(Substring(rest.prefix(2)), radix: 16) else { return nil }
      bytes.append(value)
      rest.removeFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
