@testable import JSONText
import TestSupport
import Testing

/// What is passed over is checked as what is read, whatever stands in it.
@Suite struct KeepingTests {
  @Test func leavesOutWhatIsNotWantedInTheOutermostObjectAlone() throws {
    let text = #"{"a": {"x": [1, "\u0041"]}, "b": {"a": 1}, "a": "long", "c": [{"a": 2}]}"#
    let json = try JSON(parsing: Array(text.utf8), keeping: ["b", "c"])
    #expect(json.text == #"{"b":{"a":1},"c":[{"a":2}]}"#)
  }

  @Test(arguments: JSONParserTests.valid + JSONParserTests.invalid)
  func findsWhatReadingFinds(text: String) { expectSame(Array(text.utf8)) }

  @Test func findsWhatReadingFindsInTextsWithRandomFaults() {
    var generator = SeededGenerator(seed: 7)
    let faults = Array("{}[]\",:\\/u \n0123456789-+.eE\u{1}".utf8) + [0x80, 0xC3, 0xE2, 0xF0, 0xFF]
    for _ in 0..<3000 {
      var bytes = Array(JSON.random(using: &generator).text.utf8)
      if !bytes.isEmpty, let fault = faults.randomElement(using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = fault
      }
      expectSame(bytes)
    }
  }

  @Test func countsTheDepthOfWhatIsLeftOut() {
    let depth = JSON.maximumDepth
    for levels in [depth - 1, depth] {
      let text = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
      expectSame(Array(text.utf8))
    }
  }

  /// Expects that an object with `value` in it is read alike with and without it, also where it is cut short.
  private func expectSame(_ value: [UInt8]) {
    let whole = Array(#"{"b":1,"a":"#.utf8) + value + Array(#","c":"é"}"#.utf8)
    for bytes in [whole, Array(whole.dropLast(whole.count / 3))] {
      let read = Result { try JSON(parsing: bytes) }
      let passed = Result { try JSON(parsing: bytes, keeping: ["b", "c"]) }
      switch (read, passed) {
      case (.success(.object(let members)), .success(let json)):
        #expect(json == .object(members.filter { $0.key != "a" }))
      case (.failure(let one), .failure(let other)):
        #expect(one as? JSONError == other as? JSONError, "\(String(decoding: bytes, as: UTF8.self))")
      default:
        Issue.record("only one of them reads \(String(decoding: bytes, as: UTF8.self))")
      }
    }
  }
}
