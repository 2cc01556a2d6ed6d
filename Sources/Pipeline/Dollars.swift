// Sums of money in words.

import JSONText

/// US dollars for people: `$17.72`, with two decimals, or as many as a small amount needs to show two digits.
public func dollars(_ amount: Double) -> String {
  var text = ByteBuffer()
  text.append(literal: amount < 0 ? "-$" : "$")
  text.append(dollars: amount.magnitude)
  return String(decoding: text.contents, as: UTF8.self)
}

extension ByteBuffer {
  /// The same without the sign of the currency, for programs.
  mutating func append(dollars amount: Double) {
    // What a server says to be a price may be any number.
    guard amount.magnitude < 1e9 else { return append(literal: "?") }
    // Two decimals, and at most eight.
    var unit = 100
    while unit < 100_000_000, amount != 0, amount.magnitude * Double(unit) < 10 { unit *= 10 }
    let (whole, rest) = Int((amount.magnitude * Double(unit)).rounded()).quotientAndRemainder(
      dividingBy: unit)
    if amount < 0 { append(UInt8(ascii: "-")) }
    append(whole)
    append(UInt8(ascii: "."))
    var place = unit / 10
    while place > 1, rest < place {
      append(UInt8(ascii: "0"))
      place /= 10
    }
    append(rest)
  }
}
