// Sums of money in words.

/// US dollars for people: `$17.72`, with two decimals, or as many as a small amount needs to show two digits.
public func dollars(_ amount: Double) -> String {
  (amount < 0 ? "-$" : "$") + digits(ofDollars: amount.magnitude)
}

/// The same without the sign of the currency, for programs.
func digits(ofDollars amount: Double) -> String {
  // What a server says to be a price may be any number.
  guard amount.magnitude < 1e9 else { return "?" }
  var decimals = 2
  while decimals < 8, amount != 0, amount.magnitude * tenTo(decimals) < 10 { decimals += 1 }
  let scaled = Int((amount.magnitude * tenTo(decimals)).rounded())
  let digits = String(scaled)
  let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
  return (amount < 0 ? "-" : "") + padded.dropLast(decimals) + "." + padded.suffix(decimals)
}

private func tenTo(_ decimals: Int) -> Double {
  (0..<decimals).reduce(1.0) { power, _ in power * 10 }
}
