import Foundation
import JSONText
import TestSupport
import Testing

@Suite struct JSONWriterTests {
  @Test func foundationReadsBackWhatIsWritten() throws {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<1000 {
      let json = JSON.random(using: &generator)
      for layout in [JSONWriter.Layout.compact, .indented] {
        var writer = JSONWriter(layout)
        writer.value(json)
        #expect(Meaning(foundation: writer.bytes) == Meaning(json), "\(shown(writer.bytes))")
        // Our own reader finds the very same, number texts and the order of members included.
        #expect(try JSON(parsing: writer.bytes) == json)
      }
    }
  }

  @Test func isStableOnceWritten() throws {
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<200 {
      let text = JSON.random(using: &generator).text
      #expect(try JSON(parsing: text).text == text)
    }
  }

  @Test func writesOnOneLineWithoutSpace() {
    var writer = JSONWriter()
    writer.object {
      $0.member("text", "a")
      $0.member("no text", nil as String?)
      $0.member("count", 3)
      $0.member("cost", 0.25)
      $0.member("at", Date(timeIntervalSince1970: 0.25))
      $0.member("no time", nil as Date?)
      $0.member("flag", true)
      $0.member("list", ["x", "y"])
      $0.key("nested")
      $0.array { array in
        array.object { _ in }
        array.array { _ in }
        array.null()
        array.raw(WrittenBytes(Array("1e3".utf8)))
        array.value(false)
      }
    }
    #expect(
      String(decoding: writer.bytes, as: UTF8.self)
        == #"{"text":"a","no text":null,"count":3,"cost":0.25,"at":"1970-01-01T00:00:00.250Z","no time":null,"flag":true,"list":["x","y"],"nested":[{},[],null,1e3,false]}"#
    )
  }

  @Test func indentsForPeople() {
    var writer = JSONWriter(.indented)
    writer.object {
      $0.member("a", 1)
      $0.member("empty", [])
      $0.key("b")
      $0.object { $0.member("list", ["x", "y"]) }
      $0.key("c")
      $0.object { _ in }
    }
    #expect(
      String(decoding: writer.bytes, as: UTF8.self) == """
        {
          "a": 1,
          "empty": [],
          "b": {
            "list": [
              "x",
              "y"
            ]
          },
          "c": {}
        }
        """)
  }

  @Test func escapesQuotesBackslashesAndControlCharactersAlone() {
    let text = String(String.UnicodeScalarView((0..<0x80).compactMap(Unicode.Scalar.init))) + "é\u{2028}😀"
    var buffer = ByteBuffer()
    buffer.appendJSONString(text)
    let expected =
      #""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f"#
      + #"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f"#
      + ##" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"##
      + "\u{7F}é\u{2028}😀\""
    #expect(String(decoding: buffer.bytes, as: UTF8.self) == expected)
  }

  @Test(arguments: [
    (0.0, "0"), (-0.0, "0"), (3.0, "3"), (1e15, "1000000000000000"), (0.1, "0.1"), (-2.5, "-2.5"),
    (Double.infinity, "null"), (-Double.infinity, "null"), (Double.nan, "null"),
  ])
  func writesNumbersPlainly(number: Double, expected: String) {
    var writer = JSONWriter()
    writer.value(number)
    #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
  }

  @Test func noNumberLosesAnything() throws {
    var generator = SeededGenerator(seed: 5)
    var numbers = [Double.greatestFiniteMagnitude, .leastNonzeroMagnitude, .pi, 1e-7, 1e21, 9007199254740992]
    for _ in 0..<2000 { numbers.append(Double(bitPattern: generator.next())) }
    for number in numbers where number.isFinite {
      var writer = JSONWriter()
      writer.array { $0.value(number) }
      #expect(try JSON(parsing: writer.bytes).array?.first?.double == number)
      #expect(Meaning(foundation: writer.bytes) == .array([.number(number)]))
    }
    for number in [Int.min, -1, 0, Int.max] {
      var writer = JSONWriter()
      writer.value(number)
      #expect(try JSON(parsing: writer.bytes).int == number)
    }
  }
}

@Suite struct JSONStringTests {
  @Test func holdsTheTextAsOneLiteral() throws {
    var generator = SeededGenerator(seed: 6)
    for _ in 0..<500 {
      let text = JSON.randomText(using: &generator)
      let string = JSONString(text)
      #expect(Array(string.text.utf8) == Array(text.utf8))
      #expect(string.length == text.utf16.count)
      #expect(string.isEmpty == text.isEmpty)
      #expect(Meaning(foundation: string.literal.bytes) == .string(Array(text.utf8)))
      #expect(JSONString(utf8: WrittenBytes(Array(text.utf8))) == string)
    }
  }

  @Test func goesIntoAValueUnchanged() {
    var writer = JSONWriter()
    writer.object {
      $0.key("content")
      $0.raw(JSONString("a\n\"b\"").literal)
    }
    #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"content":"a\n\"b\""}"#)
  }
}
