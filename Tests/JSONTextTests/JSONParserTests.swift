@testable import JSONText
import TestSupport
import Testing

@Suite struct JSONParserTests {
  /// Texts that every reader takes, and in which Foundation's must find the same.
  static let valid = [
    "null", "true", "false", "0", "-0", "-0.0", "1", "-1", "12.5", "1e3", "1E+3", "1e-3", "0.1e01",
    "12345678901234567890", "1.7976931348623157e308", "5e-324", "3.141592653589793238462643383279",
    "\"\"", "\"a\"", "\"\\u0041\"", "\"\\u00e9\"", "\"\\u20AC\"", "\"\\ud83d\\ude00\"", "\"\\uD834\\uDD1E\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\"", "\"\u{7F}\"", "\"é\"", "\"e\u{301}\"", "\"😀\"",
    "\"\u{2028}\"",
    "\"\\uFFFF\"", "\"\u{FFFF}\"", "\"\u{10FFFF}\"", "\"//\"",
    "[]", "[ ]", "[1]", "[1,2]", " [ 1 , 2 ] ", "[[],[[]],{}]", "[null,true,false,\"x\",1.5]",
    "{}", "{ }", "{\"a\":1}", "{\"\":0}", " { \"a\" : { \"b\" : [ 1 , { } ] } } ", "\t\r\n {\"a\":\t1\r\n}\n",
    "{\"a\":1,\"b\":2}", "{\"\\u0061\":1}",
  ]

  @Test(arguments: valid)
  func readsWhatFoundationReads(text: String) throws {
    let bytes = Array(text.utf8)
    let json = try JSON(parsing: bytes)
    #expect(Meaning(json) == Meaning(foundation: bytes))
  }

  /// Foundation refuses this one, RFC 8259 does not.
  @Test func readsAnExponentBehindZero() throws {
    #expect(try JSON(parsing: "[0e1,0E-3]").array?.map(\.double) == [0, 0])
  }

  /// Texts that are wrong whatever may follow.
  static let invalid = [
    "nul1", "True", "NULL", "tru,", "truefalse", "nan", "NaN", "Infinity", "-Infinity", "+1", "01", "-01",
    "00",
    "1.", ".5", "-.5", "1.e3", "1e+", "1e", "0x10", "1_000", "1 2", "--1", "1ee3", "1e3.5", "'a'", "a",
    "\u{FEFF}1",
    "\"\\x\"", "\"\\u12g4\"", "\"\\U0041\"", "\"\\'\"", "\"\n\"", "\"\t\"", "\"\u{0}\"", "\"\u{1F}\"",
    "\"a\"b",
    "[,]", "[1,]", "[1 2]", "[1;2]", "[1}", "]", "[1]]", "{,}", "{\"a\"}", "{\"a\",1}", "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}", "{1:1}", "{'a':1}", "{\"a\":1 \"b\":2}", "{\"a\"::1}", "{\"a\":1}}", "{\"a\":1]", "}", "{}{}",
    "[] []",
    "// c\n1", "/* c */1", "1 // c", "\u{B}1", "\u{A0}1", "\u{C}1", ",", ":",
  ]

  @Test(arguments: invalid)
  func refusesWhatIsNoJSON(text: String) {
    // What a number lacks may be on its way, unless something else stands there.
    for text in [text, text + " ", "[\(text) ]"] where !["1.", "1e", "1e+"].contains(text) {
      #expect { try JSON(parsing: text) } throws: { ($0 as? JSONError)?.code == .invalid }
    }
    // Foundation forgives a byte-order mark and a comma too many; RFC 8259 does not know them.
    if !["\u{FEFF}1", "[1,]", "{\"a\":1,}"].contains(text) {
      #expect(Meaning(foundation: Array(text.utf8)) == nil)
    }
  }

  @Test func agreesWithFoundationOnTextsWithRandomFaults() throws {
    var generator = SeededGenerator(seed: 1)
    let interesting =
      Array("{}[]\",:\\/ \n0123456789-+.eEtrufalsn\u{1}é".utf8) + [0x80, 0xC3, 0xE2, 0xF0, 0xFF]
    var counts = (taken: 0, refused: 0)
    for _ in 0..<6000 {
      var bytes = Array(JSON.random(depth: 3, using: &generator).text.utf8)
      for _ in 0..<Int.random(in: 1...2, using: &generator) where !bytes.isEmpty {
        let position = bytes.indices.randomElement(using: &generator)!
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes.remove(at: position)
        case 1: bytes.insert(interesting.randomElement(using: &generator)!, at: position)
        case 2: bytes[position] = interesting.randomElement(using: &generator)!
        default: bytes.swapAt(position, bytes.indices.randomElement(using: &generator)!)
        }
      }
      let ours = (try? JSON(parsing: bytes)).map(Meaning.init)
      let theirs = Meaning(foundation: bytes)
      // Foundation forgives a comma too many, and refuses numbers that are too large for it.
      guard !(ours == nil && theirs != nil && hasLooseComma(bytes)), ours?.isFinite ?? true else { continue }
      #expect(ours == theirs, "\(shown(bytes))")
      if ours == nil { counts.refused += 1 } else { counts.taken += 1 }
    }
    #expect(counts.taken > 500 && counts.refused > 500)
  }

  private func hasLooseComma(_ bytes: [UInt8]) -> Bool {
    let packed = bytes.filter { ![0x20, 0x0A, 0x0D, 0x09].contains($0) }
    return zip(packed, packed.dropFirst()).contains { $0 == 0x2C && ($1 == 0x5D || $1 == 0x7D) }
  }

  // MARK: Strings

  @Test(arguments: [
    ("\"\\ud83d\"", "\u{FFFD}"), ("\"\\ude00\"", "\u{FFFD}"), ("\"\\ud83dx\"", "\u{FFFD}x"),
    ("\"\\ud83d\\n\"", "\u{FFFD}\n"), ("\"\\ud83d\\ud83d\\ude00\"", "\u{FFFD}😀"),
    ("\"\\ude00\\ud83d\"", "\u{FFFD}\u{FFFD}"),
    ("\"\\ude00\\ude01\"", "\u{FFFD}\u{FFFD}"), ("\"\\ud83d\\u0041\"", "\u{FFFD}A"),
    ("\"\\ud83d😀\"", "\u{FFFD}😀"),
  ])
  func replacesSurrogatesThatStandAlone(text: String, expected: String) throws {
    #expect(try JSON(parsing: text).string == expected)
  }

  /// Ill-formed UTF-8: stray and missing continuation bytes, overlong forms, surrogates, beyond U+10FFFF.
  static let illFormed: [[UInt8]] = [
    [0x80], [0xFF], [0xC3], [0xC0, 0x80], [0xC1, 0xBF], [0xE2, 0x82], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
    [0xF0, 0x9F, 0x98], [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
  ]

  @Test(arguments: illFormed)
  func refusesIllFormedTextUnlessItIsToBeRepaired(bytes: [UInt8]) throws {
    for escape in ["", "\\n"] {
      let text = Array("{\"k\":\"a\(escape)".utf8) + bytes + Array("b\"}".utf8)
      #expect { try JSON(parsing: text) } throws: { ($0 as? JSONError)?.code == .invalid }
      let repaired = try #require(try JSON(parsing: text, repairing: true)["k"]?.string)
      #expect(repaired.hasPrefix("a") && repaired.hasSuffix("b") && repaired.contains("\u{FFFD}"))
    }
    let name = Array("{\"".utf8) + bytes + Array("\":1}".utf8)
    #expect(throws: JSONError.self) { try JSON(parsing: name) }
    // Outside of strings there is nothing to repair.
    #expect(throws: JSONError.self) {
      try JSON(parsing: Array("[".utf8) + bytes + Array("]".utf8), repairing: true)
    }
  }

  @Test func keepsTheSpellingOfALetter() throws {
    let json = try JSON(parsing: "[\"\u{E9}\",\"e\u{301}\"]")
    #expect(json.array?.compactMap(\.string).map { Array($0.utf8) } == [[0xC3, 0xA9], [0x65, 0xCC, 0x81]])
  }

  // MARK: Depth

  @Test(arguments: [1, 100, 510, 511, 512, 513, 514, 100_000])
  func goesAsDeepAsFoundation(depth: Int) {
    for text in [
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth),
      String(repeating: "[", count: depth) + "1" + String(repeating: "]", count: depth),
      String(repeating: "{\"a\":", count: depth) + "1" + String(repeating: "}", count: depth),
      String(repeating: "[{\"a\":", count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2),
    ] {
      let levels = text.utf8.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
      if levels <= JSON.maximumDepth {
        #expect(throws: Never.self) { try JSON(parsing: text) }
      } else {
        #expect { try JSON(parsing: text) } throws: { ($0 as? JSONError)?.code == .tooDeep }
      }
      if depth < 1000 {
        #expect((Meaning(foundation: Array(text.utf8)) != nil) == (levels <= JSON.maximumDepth))
      }
    }
  }

  // MARK: What is kept

  @Test func keepsNumbersAsTheyAreWritten() throws {
    let text = "[12345678901234567890,1e3,1.0,-0,0.10,1E+02,123456789.123456789123456789,1e999]"
    #expect(try JSON(parsing: text).text == text)
  }

  @Test func keepsMembersInTheirOrderAndTheLastOfEqualOnesCounts() throws {
    let json = try JSON(parsing: "{\"b\":1,\"a\":2,\"b\":3,\"\\u0062\":4}")
    #expect(json.object?.map(\.key) == ["b", "a", "b", "b"])
    #expect(json["b"]?.int == 4)
    #expect(json["c"] == nil)
    #expect(json.text == "{\"b\":1,\"a\":2,\"b\":3,\"b\":4}")
  }

  @Test func readsTypesLeniently() throws {
    let json = try JSON(
      parsing: """
        {"i":5,"s":"5","f":5.0,"e":1e3,"big":9223372036854775807,"bigger":9223372036854775808,"half":0.5,
         "word":"five","no":null,"yes":true,"huge":1e999,"inf":"inf","nan":"nan"}
        """)
    #expect(json["i"]?.int == 5 && json["s"]?.int == 5 && json["f"]?.int == 5 && json["e"]?.int == 1000)
    #expect(json["big"]?.int == Int.max && json["bigger"]?.int == nil && json["half"]?.int == nil)
    #expect(json["word"]?.int == nil && json["no"]?.int == nil && json["yes"]?.int == nil)
    #expect(json["half"]?.double == 0.5 && json["s"]?.double == 5)
    #expect(json["huge"]?.double == nil && json["inf"]?.double == nil && json["nan"]?.double == nil)
    #expect(json["huge"]?.int == nil && json["inf"]?.int == nil)
    #expect(json["no"]?.isNull == true && json["yes"]?.bool == true && json["i"]?.bool == nil)
    #expect(json["i"]?["x"] == nil && json["i"]?.array == nil && json["i"]?.string == nil)
  }
}

/// A producer that writes in place is caught halfway: that must look truncated, never wrong, and never whole.
@Suite struct JSONTruncationTests {
  static let documents = [
    "{}", "[]", "\"\"", "true", "{\"a\":null}", "[1,-2.5e+10,\"x\\u00e9\\ud83d\\ude00\\\\\"]",
    #"{"session_id":"s","kind":"tool_use","tool_input":{"file_path":"/a b/ü😀.swift","n":[0,-0.5,1e9,true,false]}}"#,
    "{ \"deep\" : [ [ { \"a\" : { \"b\" : [ ] , \"c\" : { } } } ] ] ,\n\t\"text\" : \"line\\nline \\/ \\b\\f\\r\\t\" }",
  ]

  @Test(arguments: documents)
  func everyBeginningIsTruncated(text: String) throws {
    let bytes = Array(text.utf8)
    #expect(throws: Never.self) { try JSON(parsing: bytes) }
    for count in 0..<bytes.count {
      let beginning = Array(bytes[..<count])
      #expect(throws: JSONError(code: .truncated, offset: count), "\(shown(beginning))") {
        try JSON(parsing: beginning)
      }
      #expect(Meaning(foundation: beginning) == nil)
    }
  }

  @Test func everyBeginningOfARandomObjectIsTruncated() {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<100 {
      let bytes = Array(JSON.object([.init("k", .random(using: &generator))]).text.utf8)
      for count in 0..<bytes.count {
        #expect(throws: JSONError(code: .truncated, offset: count)) {
          try JSON(parsing: Array(bytes[..<count]))
        }
      }
    }
  }

  @Test func whatIsWrongAlreadyIsNotTruncated() {
    for text in ["{\"a\":1,,", "[1}", "{a", "{\"a\" 1", "[\"\\x", "[tru]", "[01", "{\"a\":\"\n"] {
      #expect { try JSON(parsing: text) } throws: { ($0 as? JSONError)?.code == .invalid }
    }
  }

  @Test func saysWhere() {
    #expect(throws: JSONError(code: .invalid, offset: 7)) { try JSON(parsing: "{\"a\": 1x}") }
    #expect(JSONError(code: .invalid, offset: 7).description == "not valid JSON at byte 7")
  }
}
