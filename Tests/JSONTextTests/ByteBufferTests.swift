// Writing piece by piece, and looking at eight bytes at a time: what matters is where the pieces end.
import JSONText
import TestSupport
import Testing

@Suite struct ByteBufferTests {
  @Test func keepsWhatItIsGivenWhileItGrows() {
    var generator = SeededGenerator(seed: 11)
    for room in [0, 1, 64, 4096] {
      var buffer = ByteBuffer(reserving: room)
      var expected: [UInt8] = []
      for _ in 0..<300 {
        switch Int.random(in: 0..<4, using: &generator) {
        case 0:
          let byte = UInt8.random(in: 0...255, using: &generator)
          buffer.append(byte)
          expected.append(byte)
        case 1:
          let piece = (0..<Int.random(in: 0..<90, using: &generator)).map { UInt8($0) }
          piece.withUnsafeBufferPointer { buffer.append($0) }
          expected += piece
        case 2:
          buffer.append(literal: "a literal")
          expected += Array("a literal".utf8)
        default:
          buffer.append("é, a text that is no small one")
          expected += Array("é, a text that is no small one".utf8)
        }
      }
      #expect(buffer.count == expected.count)
      #expect(buffer.bytes == expected)
      buffer.remove(from: 10)
      buffer.append("x")
      #expect(buffer.bytes == expected.prefix(10) + [UInt8(ascii: "x")])
      buffer.remove(from: 100)
      #expect(buffer.count == 11)
    }
  }

  @Test func goesOnBehindWhatItHoldsWithAValue() throws {
    var generator = SeededGenerator(seed: 12)
    for _ in 0..<200 {
      let value = JSON.random(using: &generator)
      var buffer = ByteBuffer()
      buffer.append("before ")
      buffer.append(value)
      buffer.append(" behind")
      #expect(buffer.bytes == Array("before \(value.text) behind".utf8))
    }
  }

  @Test func whatIsWrittenIsSharedAndComparedByItsBytes() {
    var buffer = ByteBuffer(reserving: 500)
    buffer.append("some bytes")
    let written = WrittenBytes(buffer)
    let same = WrittenBytes(Array("some bytes".utf8))
    let other = WrittenBytes(Array("same bytes".utf8))
    let longer = WrittenBytes(Array("some bytes more".utf8))
    #expect(written == same && written.hashValue == same.hashValue)
    #expect(written != other && written != longer && longer != written)
    #expect(written.count == 10 && written.bytes == Array("some bytes".utf8))
    #expect(WrittenBytes([]) == WrittenBytes(ByteBuffer()))
    #expect(WrittenBytes([]).bytes.isEmpty)
  }

  /// One byte that is escaped at each place of texts of each length, two side by side, and none: wherever a block of
  /// sixteen bytes ends, nothing is left out, written twice or taken for another.
  @Test(arguments: [UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x0A, 0x01, 0x1F])
  func escapesAtEachPlace(special: UInt8) {
    for length in 0..<72 {
      for place in 0..<length + 1 {
        var text = (0..<length).map { UInt8(ascii: "A") + UInt8($0 % 26) }
        if place < length { text[place] = special }
        if place + 1 < length, place % 3 == 0 { text[place + 1] = special }
        var buffer = ByteBuffer()
        text.withUnsafeBufferPointer { buffer.appendJSONString(utf8: $0) }
        #expect(buffer.bytes == Self.literal(text))
        #expect((try? JSON(parsing: buffer.bytes))?.string.map { Array($0.utf8) } == text)
      }
    }
  }

  private static func literal(_ text: [UInt8]) -> [UInt8] {
    let quote = UInt8(ascii: "\"")
    return [quote]
      + text.flatMap { byte -> [UInt8] in
        switch byte {
        case quote, UInt8(ascii: "\\"): [UInt8(ascii: "\\"), byte]
        case 0x0A: Array("\\n".utf8)
        case 0..<0x20: Array("\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8)
        default: [byte]
        }
      } + [quote]
  }
}

@Suite struct SixteenBytesTests {
  /// The first one is right whatever stands beside it: equal bytes, neighbours by one, and those beyond ASCII.
  @Test func findTheFirstOfWhatIsSought() {
    var generator = SeededGenerator(seed: 12)
    let nearby: [UInt8] = [0x00, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x5B, 0x5C, 0x5D, 0x7F, 0x80, 0xA2, 0xFF]
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0..<50, using: &generator)).map { _ in
        nearby.randomElement(using: &generator) ?? 0
      }
      let start = Int.random(in: 0...bytes.count, using: &generator)
      func first(_ isSought: (UInt8) -> Bool) -> Int {
        bytes[start...].firstIndex(where: isSought) ?? bytes.count
      }
      bytes.withUnsafeBufferPointer { text in
        #expect(
          text.firstCandidate(from: start, of: { $0.equal(to: 0x22) }, or: { $0 == 0x22 })
            == first { $0 == 0x22 })
        #expect(
          text.firstCandidate(from: start, of: { $0.below(0x20) }, or: { $0 < 0x20 }) == first { $0 < 0x20 })
        #expect(
          text.firstCandidate(
            from: start, of: { $0.equal(to: 0x5C) | $0.below(0x20) | $0.equal(to: 0xFF) },
            or: { $0 == 0x5C || $0 < 0x20 || $0 == 0xFF })
            == first { $0 == 0x5C || $0 < 0x20 || $0 == 0xFF })
      }
    }
  }
}
