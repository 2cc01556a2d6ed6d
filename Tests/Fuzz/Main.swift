// Where libFuzzer comes in: one program, whose target is named by `$OBSPOOL_FUZZ_TARGET`.

import Glibc

/// What is fed with bytes until something that must hold does not.
struct Target: Sendable {
  let name: String
  let run: @Sendable ([UInt8]) -> Void

  static let all = [
    Target(name: "json", run: fuzzJSON),
    Target(name: "event", run: fuzzEvent),
    Target(name: "privacy", run: fuzzPrivacy),
    Target(name: "answer", run: fuzzAnswer),
    Target(name: "reply", run: fuzzReply),
    Target(name: "name", run: fuzzName),
    Target(name: "work", run: fuzzWork),
  ]

  static let chosen: Target = {
    let name = getenv("OBSPOOL_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = all.first(where: { $0.name == name }) else {
      fatalError("OBSPOOL_FUZZ_TARGET is '\(name)', which is none of \(all.map(\.name))")
    }
    return target
  }()
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  Target.chosen.run(Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}

/// Ends the run, which keeps the input, where something that must hold does not.
func require(_ condition: Bool, _ what: @autoclosure () -> String) {
  if !condition { fatalError(what()) }
}

extension [UInt8] {
  /// Takes the first byte, which steers a target; 0 where there is none.
  mutating func takeFirst() -> Int { isEmpty ? 0 : Int(removeFirst()) }

  /// The two halves around the first byte of 0xFF, which no text has; all of it and nothing where there is none.
  var halves: (String, String) {
    let parts = split(separator: 0xFF, maxSplits: 1, omittingEmptySubsequences: false)
    return (
      String(decoding: parts[0], as: UTF8.self),
      parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : ""
    )
  }
}
