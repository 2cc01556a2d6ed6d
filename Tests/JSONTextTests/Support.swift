// Random JSON that comes out the same in every run, and Foundation's opinion of a text.

import Foundation
import JSONText
import TestSupport

extension JSON {
  /// A random value. Keys differ within an object, since readers disagree about equal ones.
  static func random(depth: Int = 5, using generator: inout SeededGenerator) -> JSON {
    switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &generator) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &generator))
    case 2: return .number(String(Int.random(in: -1_000_000...1_000_000, using: &generator)))
    case 3: return .number(randomNumber(using: &generator))
    case 4, 5: return .string(randomText(using: &generator))
    case 6:
      let count = Int.random(in: 0..<5, using: &generator)
      return .array((0..<count).map { _ in random(depth: depth - 1, using: &generator) })
    default:
      let count = Int.random(in: 0..<5, using: &generator)
      return .object(
        (0..<count).map {
          Member("\($0)" + randomText(using: &generator), random(depth: depth - 1, using: &generator))
        })
    }
  }

  private static func randomNumber(using generator: inout SeededGenerator) -> String {
    let sign = ["", "-"].randomElement(using: &generator) ?? ""
    let whole = String(Int.random(in: 1...999, using: &generator))
    let fraction = ["", ".0", ".5", ".125", ".000001"].randomElement(using: &generator) ?? ""
    let exponent = ["", "", "e3", "E+10", "e-7", "E0"].randomElement(using: &generator) ?? ""
    return sign + whole + fraction + exponent
  }

  static func randomText(using generator: inout SeededGenerator) -> String {
    // Some are longer than the blocks of sixteen bytes in which they are read and written.
    let longest = Int.random(in: 0..<4, using: &generator) == 0 ? 80 : 12
    let count = Int.random(in: 0..<longest, using: &generator)
    var text = ""
    for _ in 0..<count {
      let scalar: Unicode.Scalar? =
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: Unicode.Scalar(UInt32.random(in: 0..<0x20, using: &generator))
        case 1: ["\"", "\\", "/", "\u{7F}", "\u{2028}", "\u{FEFF}"].randomElement(using: &generator)
        case 2: Unicode.Scalar(UInt32.random(in: 0x80..<0xD800, using: &generator))
        case 3: Unicode.Scalar(UInt32.random(in: 0xE000..<0x110000, using: &generator))
        default: Unicode.Scalar(UInt32.random(in: 0x20..<0x7F, using: &generator))
        }
      if let scalar { text.unicodeScalars.append(scalar) }
    }
    return text
  }
}

/// What a JSON text means, however its numbers and strings are spelt and its members ordered.
indirect enum Meaning: Equatable, Decodable {
  case null
  case bool(Bool)
  case number(Double)
  /// As UTF-8, since equal strings may still have different bytes.
  case string([UInt8])
  case array([Meaning])
  case object([[UInt8]: Meaning])

  init(_ json: JSON) {
    self =
      switch json {
      case .null: .null
      case .bool(let flag): .bool(flag)
      case .number(let text): .number(Double(text) ?? .nan)
      case .string(let text): .string(Array(text.utf8))
      case .array(let elements): .array(elements.map(Meaning.init))
      case .object(let members):
        .object(
          Dictionary(members.map { (Array($0.key.utf8), Meaning($0.value)) }, uniquingKeysWith: { $1 }))
      }
  }

  /// Whether all its numbers fit in a Double.
  var isFinite: Bool {
    switch self {
    case .number(let value): value.isFinite
    case .array(let elements): elements.allSatisfy(\.isFinite)
    case .object(let members): members.values.allSatisfy(\.isFinite)
    case .null, .bool, .string: true
    }
  }

  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    if let members = try? decoder.container(keyedBy: Key.self) {
      let pairs = try members.allKeys.map {
        (Array($0.stringValue.utf8), try members.decode(Meaning.self, forKey: $0))
      }
      self = .object(Dictionary(pairs, uniquingKeysWith: { $1 }))
    } else if var elements = try? decoder.unkeyedContainer() {
      var array: [Meaning] = []
      while !elements.isAtEnd { array.append(try elements.decode(Meaning.self)) }
      self = .array(array)
    } else {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        self = .null
      } else if let flag = try? value.decode(Bool.self) {
        self = .bool(flag)
      } else if let text = try? value.decode(String.self) {
        self = .string(Array(text.utf8))
      } else {
        self = .number(try value.decode(Double.self))
      }
    }
  }

  /// As Foundation reads it; nil for what it refuses.
  init?(foundation bytes: [UInt8]) {
    guard let meaning = try? JSONDecoder().decode(Meaning.self, from: Data(bytes)) else { return nil }
    self = meaning
  }
}

/// The bytes as a text for a test's message, with what is no ASCII escaped.
func shown(_ bytes: [UInt8]) -> String {
  bytes.map { (0x20..<0x7F).contains($0) ? String(UnicodeScalar($0)) : "\\x\(String($0, radix: 16))" }
    .joined()
}
