// Names, places and hashes.

import FoundationEssentials
import JSONText
import TestSupport
import Testing

@testable import Spool

struct NameTests {
  @Test func `A name is what a visible file can be called`() {
    #expect(InputName("a")?.fileName == "a.json")
    for text in ["", ".", "..", ".a", "a/b", "a\0b", String(repeating: "x", count: 251)] {
      #expect(InputName(text) == nil, "\(text)")
    }
    #expect(InputName(fileName: "a.json")?.text == "a")
    #expect(InputName(fileName: ".json") == nil)
    #expect(InputName(fileName: "a.txt") == nil)
  }

  @Test func `Two spellings of one letter are two names`() throws {
    #expect(InputName("a") == InputName("a"))
    #expect(InputName("a") != InputName("ab"))
    #expect(InputName("ab") != InputName("a"))
    #expect(InputName("a name of more than fifteen bytes") == InputName("a name of more than fifteen bytes"))
    let (one, two) = try (#require(InputName("a\u{301}")), #require(InputName("\u{E1}")))
    #expect(one != two)
    #expect(Set([one, two]).count == 2)
    #expect(one < two)
  }

  @Test(arguments: [
    ("a", "a~2"), ("a~2", "a~3"), ("a~9", "a~10"), ("a~", "a~~2"), ("a~1", "a~1~2"), ("~2", "~2~2"),
  ])
  func `The next name counts`(name: String, next: String) throws {
    #expect(try #require(InputName(name)).next.text == next)
  }

  @Test func `The next of a name that fills the directory's limit is cut, between letters`() throws {
    let name = try #require(InputName(String(repeating: "é", count: 125)))
    #expect(name.next.text == String(repeating: "é", count: 124) + "~2")
    #expect(name.next.next.text.hasSuffix("~3"))
  }

  @Test(arguments: [
    ("plain-1_2.3~4", "plain-1_2.3~4"), ("../..", "%2E.%2F.."), ("", "%"), ("a b", "a%20b"),
    ("100%", "100%25"),
    ("é", "%C3%A9"), (".hidden", "%2Ehidden"), ("a\0b", "a%00b"),
  ])
  func `A session's directory cannot leave its place`(session: String, directory: String) {
    #expect(SessionPlace(session: session).directory == directory)
    #expect(PathComponent.text(of: directory) == session)
  }

  @Test func `Over-long names are cut to the limit and differ by their hashes`() throws {
    let long = String(repeating: "é", count: 200)
    let (one, two) = (
      SessionPlace(session: long + "1").directory, SessionPlace(session: long + "2").directory
    )
    #expect(one.utf8.count <= 255 && two.utf8.count <= 255)
    #expect(one != two)
    #expect(one.contains("%~"))
    #expect(PathComponent.text(of: one) == nil)
    let name = try #require(InputName(String(repeating: "é", count: 125)))
    let place = RecordPlace(of: name, in: SessionPlace(session: "s"))
    #expect(place.json.utf8.count <= 255 + "s/".utf8.count)
  }

  /// Lengths around the block and padding limits; the hashes are those of sha256sum.
  @Test(arguments: [
    (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
    (56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"),
    (63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"),
    (64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
    (1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
  ])
  func `The hash is that of sha256sum`(count: Int, hash: String) {
    #expect(SHA256.hex([UInt8](repeating: UInt8(ascii: "a"), count: count)) == hash)
  }

  @Test
  func `The processor's instructions give the same hash as the rounds written out`() {
    for count in 0..<400 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 31 &+ count &* 7) }
      #expect(SHA256.hash(bytes, byInstructions: true) == SHA256.hash(bytes, byInstructions: false))
    }
  }

  @Test func `A note reads back as it was written, and forgives what a person has made of it`() throws {
    let name = try #require(InputName("a"))
    let time = Date(timeIntervalSince1970: 1_800_000_000.25)
    let note = ErrorNote(
      name: name, attempts: 3, crashes: 1, errorClass: "answer", status: 200,
      message: "nothing \"understood\"",
      firstFailedAt: time, lastFailedAt: time.addingTimeInterval(1),
      nextAttemptAt: time.addingTimeInterval(9),
      answer: "I'm ready\nto go")
    #expect(ErrorNote(json: note.json.bytes, name: name) == note)
    #expect(ErrorNote(json: Array("{\"attempts\": \"2\"}".utf8), name: name)?.attempts == 2)
    #expect(ErrorNote(json: Array("[]".utf8), name: name) == nil)
  }
}
