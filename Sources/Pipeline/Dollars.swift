// Sums of money in words.

/// US dollars for people: `$17.72`, with two decimals, or as many as a small amount needs to show two digits.
public func dollars(_ amount: Double) -> String {
  (amount < 0 ? "-$" : "$") + digits(ofDollars: amount.magnitude)
}

/// The same without the sign of the currency, for programs.
func digits(ofDollars amount: Double) -> String {
  // What a server says to be a price may be any number.
  guard amount.magnitude < 1e9 else { return "?" }
  var (decimals, unit) = (2, 100)
  while decimals < 8, amount != 0, amount.magnitude * Double(unit) < 10 {
    (decimals, unit) = (decimals + 1, unit * 10)
  }
  let (whole, rest) = Int((amount.magnitude * Double(unit)).rounded()).quotientAndRemainder(dividingBy: unit)
  let fraction = String(rest)
  let zeros = String(repeating: "0", count: decimals - fraction.utf8.count)
  return (amount < 0 ? "-" : "") + String(whole) + "." + zeros + fraction
}
