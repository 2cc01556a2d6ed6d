// Bytes that are put together by where they stand.

import Testing

@testable import JSONText

struct SplicedBytesTests {
  /// The same text by a writer that copies everything, and by one that does not.
  private func written(_ values: [WrittenBytes]) -> (copied: [UInt8], spliced: SplicedBytes) {
    func write(to writer: inout JSONWriter) {
      writer.object {
        $0.member("before", "é\n")
        $0.key("values")
        $0.array { for value in values { $0.raw(value) } }
        $0.member("after", 1)
      }
    }
    var copying = JSONWriter()
    write(to: &copying)
    var splicing = JSONWriter(splicing: 16)
    write(to: &splicing)
    return (copying.bytes, splicing.finishSpliced())
  }

  private func literal(_ count: Int, _ letter: Character) -> WrittenBytes {
    JSONString(String(repeating: letter, count: count)).literal
  }

  @Test func `a text with spliced values is the text with copied ones`() {
    let long = literal(70_000, "l")
    for values in [
      [], [long], [long, long], [literal(3, "s"), long, literal(300, "m"), literal(200, "c")],
      [literal(0, "x")],
    ] {
      let (copied, spliced) = written(values)
      #expect(spliced.joined().bytes == copied)
      #expect(spliced.count == copied.count)
      #expect(spliced.joined() == WrittenBytes(copied))
    }
    #expect(JSONWriter(splicing: 0).finishSpliced().joined().bytes == [])
  }

  @Test(arguments: [1, 7, 256, 300, 4096, 1_000_000])
  func `it is read piece by piece, by whatever there is room for, and again`(room: Int) {
    let (copied, spliced) = written([literal(300, "a"), literal(1, "b"), literal(5000, "c")])
    var buffer = [UInt8](repeating: 0, count: room)
    for _ in 0..<2 {
      var position = SplicedBytes.Position()
      var read: [UInt8] = []
      var counts: [Int] = []
      while true {
        let count = buffer.withUnsafeMutableBytes { spliced.copy(from: &position, to: $0) }
        guard count > 0 else { break }
        counts.append(count)
        read += buffer[..<count]
      }
      #expect(read == copied)
      // Nothing but the last is less than there was room for.
      #expect(counts.dropLast().allSatisfy { $0 == room })
    }
  }

  @Test func `what is spliced lives as long as it is needed`() {
    let (copied, spliced) = written([literal(1000, "k")])
    let others = (0..<100).map { literal(1000 + $0 % 3, "o") }
    #expect(spliced.joined().bytes == copied)
    #expect(others.count == 100)
  }
}
