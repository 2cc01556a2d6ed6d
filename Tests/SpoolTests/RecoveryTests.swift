// What the next start makes of what the last one left.

import FoundationEssentials
import Glibc
import JSONText
import Testing

@testable import Spool

struct RecoveryTests {
  private func record(
    _ fixture: Fixture, _ name: String, of input: String, batch: String = "", xml: Bool = true
  ) throws {
    let directory = "\(fixture.spool.path)/observations/s"
    mkdir(directory, 0o750)
    let hash = SHA256.hex(Array(input.utf8))
    try fixture.write("\(hash)\n\(batch)\nanswer\n", to: "\(directory)/\(name).json")
    if xml { try fixture.write("<r>answer</r>", to: "\(directory)/\(name).xml") }
  }

  @Test func `An input with its record moves on, and a missing XML is written again`() throws {
    let fixture = try Fixture()
    let name = try fixture.put("s|a", "a", in: "inflight")
    try record(fixture, "a", of: "s|a", xml: false)
    let recovery = try fixture.spool.recover(reading: TestReader())
    #expect(recovery.movedOn == [name])
    #expect(fixture.text("done/a.json") == "s|a")
    #expect(fixture.text("observations/s/a.xml") == "<r>answer</r>")
  }

  @Test func `An input without a record goes back, due now, and an XML alone is removed`() throws {
    let fixture = try Fixture()
    let name = try fixture.put("s|a", "a", in: "inflight")
    try record(fixture, "a", of: "s|a")
    unlink("\(fixture.spool.path)/observations/s/a.json")
    let later = fixture.clock.now().addingTimeInterval(100).nanoseconds
    try Linux().setModified(later, of: "\(fixture.spool.path)/inflight/a.json", in: AT_FDCWD)
    let recovery = try fixture.spool.recover(reading: TestReader())
    #expect(recovery.givenBack == [Recovery.GivenBack(name: name, crashes: 1)])
    #expect(try fixture.spool.stamp(of: name, in: .pending)?.modified == fixture.clock.now())
    #expect(try fixture.spool.note(for: name)?.crashes == 1)
    #expect(fixture.names("observations/s") == [])
  }

  @Test func `A record of other bytes is another input's and stays`() throws {
    let fixture = try Fixture()
    let name = try fixture.put("s|new", "a", in: "inflight")
    try record(fixture, "a", of: "s|old")
    let recovery = try fixture.spool.recover(reading: TestReader())
    #expect(recovery.givenBack.map(\.name) == [name])
    #expect(fixture.names("observations/s") == ["a.json", "a.xml"])
    #expect(try fixture.claim(name).name.text == "a~2")
  }

  @Test func `A batch of which one record is missing is withdrawn whole`() throws {
    let fixture = try Fixture()
    for name in ["a", "b", "c"] { try fixture.put("s|\(name)", name, in: "inflight") }
    try record(fixture, "a", of: "s|a", batch: "a,b,c")
    try record(fixture, "b", of: "s|b", batch: "a,b,c")
    let recovery = try fixture.spool.recover(reading: TestReader())
    #expect(recovery.givenBack.map(\.name.text) == ["a", "b", "c"])
    #expect(fixture.names("observations/s") == [])
    #expect(fixture.names("pending") == ["a.json", "b.json", "c.json"])
  }

  @Test func `A batch of which some are done already is complete`() throws {
    let fixture = try Fixture()
    try fixture.put("s|a", "a", in: "done")
    try fixture.put("s|b", "b", in: "inflight")
    try record(fixture, "b", of: "s|b", batch: "a,b")
    #expect(try fixture.spool.recover(reading: TestReader()).movedOn.map(\.text) == ["b"])
    #expect(fixture.names("observations/s") == ["b.json", "b.xml"])
  }

  @Test func `The fifth crash is the last`() throws {
    let fixture = try Fixture()
    for crash in 1...5 {
      try fixture.put("s|a", "a", in: "inflight")
      let recovery = try fixture.spool.recover(reading: TestReader())
      if crash < 5 {
        #expect(recovery.givenBack.map(\.crashes) == [crash])
        unlink("\(fixture.spool.path)/pending/a.json")
        // The note stays as long as its input is somewhere.
        #expect(fixture.names("errors") == ["a.json"])
      } else {
        #expect(recovery.failed.map(\.text) == ["a"])
      }
    }
    #expect(fixture.names("failed") == ["a.json"])
  }

  @Test func `Notes without an input go, others stay`() throws {
    let fixture = try Fixture()
    for name in ["waits", "failed", "gone"] {
      let note = fixture.note(try #require(InputName(name)))
      try fixture.write(
        String(decoding: note.json.bytes, as: UTF8.self), to: "\(fixture.spool.path)/errors/\(name).json")
    }
    try fixture.put("s|a", "waits")
    try fixture.put("s|b", "failed", in: "failed")
    _ = try fixture.spool.recover(reading: TestReader())
    #expect(fixture.names("errors") == ["failed.json", "waits.json"])
  }

  @Test func `What is no input in inflight is named and left`() throws {
    let fixture = try Fixture()
    mkdir("\(fixture.spool.path)/inflight/a.json", 0o700)
    try fixture.write("", to: "\(fixture.spool.path)/inflight/readme")
    #expect(try fixture.spool.recover(reading: TestReader()).notTaken == ["readme", "a.json"])
  }
}

struct OwnershipTests {
  @Test func `Only one owns a spool, and the second is told who does`() throws {
    let fixture = try Fixture()
    let second = try Spool(path: fixture.spool.path)
    let error = #expect(throws: SpoolError.self) { try second.own() }
    #expect(error?.isOwnedByAnother == true)
    #expect(error?.description.contains("process \(getpid())") == true)
    fixture.spool.release()
    try second.own()
  }

  @Test func `Owning empties tmp and removes what a killed add has left, and not what one writes`() throws {
    let fixture = try Fixture()
    fixture.spool.release()
    try fixture.write("torn", to: "\(fixture.spool.path)/tmp/1.2")
    try fixture.write("torn", to: "\(fixture.spool.path)/pending/.obspool-add-1-2-3")
    try fixture.write("theirs", to: "\(fixture.spool.path)/pending/.theirs")
    let writing = fopen("\(fixture.spool.path)/pending/.obspool-add-9", "w")
    flock(fileno(writing), LOCK_EX)
    try fixture.spool.own()
    _ = try fixture.spool.names(in: .pending)
    #expect(fixture.names("tmp") == [])
    #expect(fixture.names("pending") == [".obspool-add-9", ".theirs"])
    fclose(writing)
  }

  @Test func `A file system that cannot rename without replacing is refused`() throws {
    let fixture = try Fixture()
    fixture.spool.release()
    fixture.system.failNext(.renameNoReplace, EINVAL)
    let error = #expect(throws: SpoolError.self) { try fixture.spool.own() }
    #expect(error?.description.contains("RENAME_NOREPLACE") == true)
    fixture.system.failNext(.renameNoReplace, EXDEV)
    #expect(throws: SpoolError.self) { try fixture.spool.own() }
    fixture.system.pass()
    try fixture.spool.own()
    #expect(fixture.names("pending") == [])
  }

  @Test func `A listing has inputs sorted by bytes, and other names apart`() throws {
    let fixture = try Fixture()
    for name in ["b", "a", "a\u{301}", "\u{E1}", "-rf", "new\nline", String(repeating: "x", count: 250)] {
      try fixture.put("", name)
    }
    try fixture.write("", to: "\(fixture.spool.path)/pending/readme.txt")
    try fixture.write("", to: "\(fixture.spool.path)/pending/.hidden.json")
    var names = try fixture.spool.names(in: .pending)
    names.sort()
    #expect(
      names.map(\.text) == [
        "-rf", "a", "a\u{301}", "b", "new\nline", String(repeating: "x", count: 250), "\u{E1}",
      ])
    #expect(names.others == ["readme.txt"])
  }

  @Test func `The standing of a state tells how many are due, since when, and when the next is`() throws {
    let fixture = try Fixture()
    try fixture.put("", "a")
    try fixture.put("", "b")
    let later = fixture.clock.now().addingTimeInterval(9)
    try Linux().setModified(later.nanoseconds, of: "\(fixture.spool.path)/pending/b.json", in: AT_FDCWD)
    let standing = try fixture.spool.standing(in: .pending)
    #expect(
      standing
        == Spool.Standing(
          count: 2, due: 1, oldest: fixture.clock.now().addingTimeInterval(-60), nextDue: later))
    #expect(try fixture.spool.standing(in: .pending, horizon: 10).due == 1)
    #expect(try fixture.spool.standing(in: .pending, horizon: 8).due == 2)
  }

  @Test func `The standing counts apart what is no input`() throws {
    let fixture = try Fixture()
    let pending = "\(fixture.spool.path)/pending"
    try fixture.put("", "a")
    try fixture.put("", "twice")
    try #require(link("\(pending)/twice.json", "\(fixture.spool.path)/tmp/other") == 0)
    try #require(symlink("a.json", "\(pending)/link.json") == 0)
    try #require(mkfifo("\(pending)/fifo.json", 0o600) == 0)
    try #require(mkdir("\(pending)/directory.json", 0o700) == 0)
    try fixture.write("", to: "\(pending)/readme.txt")
    let standing = try fixture.spool.standing(in: .pending)
    #expect(standing.count == 1)
    #expect(standing.others == 5)
  }
}
