// Dropping inputs, and seeing them come.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import Spool

struct DropTests {
  @Test func `A drop is whole, keeps what has its name, and leaves nothing else`() throws {
    let fixture = try Fixture()
    let name = try #require(InputName("a"))
    #expect(try fixture.dropper.drop(Array("one".utf8), name: name) == name)
    #expect(try fixture.dropper.drop(Array("two".utf8), name: name).text == "a~2")
    #expect(fixture.text("pending/a.json") == "one")
    #expect(fixture.text("pending/a~2.json") == "two")
    #expect(fixture.names("pending") == ["a.json", "a~2.json"])
    var status = stat()
    stat("\(fixture.spool.path)/pending/a.json", &status)
    #expect(status.st_mode & 0o777 & ~0o640 == 0)
  }

  @Test func `Names given by time sort by it`() throws {
    let fixture = try Fixture()
    var clock = fixture.clock
    let first = try Dropper(path: fixture.spool.path, clock: clock).drop([])
    clock.time += 0.000_001
    let second = try Dropper(path: fixture.spool.path, clock: clock).drop([])
    let third = try Dropper(path: fixture.spool.path, clock: clock).drop([])
    #expect(first < second && second < third)
    #expect(first.text.hasPrefix("20330518T033320.000000000Z-"))
  }

  @Test func `A drop makes a spool that is missing`() throws {
    let directory = try TemporaryDirectory()
    let name = try Dropper(path: directory.appending("new/spool")).drop(Array("x".utf8))
    #expect(Fixture.names(directory.appending("new/spool/pending")) == [name.fileName])
  }

  @Test func `A drop that fails at any call leaves the whole input or nothing visible`() throws {
    var point = 0
    while true {
      let directory = try TemporaryDirectory()
      let system = FaultySystem()
      let failing = point
      system.set { _, number, _ in number == failing ? Errno(ENOSPC) : nil }
      _ = try? Dropper(path: directory.path, system: system).drop(Array("input".utf8), name: InputName("a"))
      let names = Fixture.names(directory.appending("pending"))
      #expect(names == [] || names == ["a.json"] || system.count == 0, "\(names) at call \(point)")
      if names == ["a.json"] { #expect(Fixture.text(directory.appending("pending/a.json")) == "input") }
      if system.count <= point { break }
      point += 1
    }
  }

  @Test func `Where pending may not be listed, everything is synced instead`() throws {
    let fixture = try Fixture()
    let system = FaultySystem()
    let opens = Counter()
    // The second time that pending is opened it is to be read.
    system.set { call, _, name in
      call == .open && name.hasSuffix("/pending") && opens.next() == 1 ? Errno(EACCES) : nil
    }
    _ = try Dropper(path: fixture.spool.path, system: system).drop(Array("x".utf8))
    #expect(system.count(of: .syncfs) == 1)
  }

  @Test func `The watcher tells what comes, goes and is touched`() throws {
    let fixture = try Fixture()
    let settings = fixture.directory.appending("settings.json")
    let watcher = try fixture.spool.watch(settingsFile: settings)
    #expect(try watcher.changes() == [])
    let name = try fixture.dropper.drop(Array("x".utf8), name: InputName("a"))
    #expect(try watcher.changes() == [.pending("a.json")])
    try Linux().setModified(1, of: "\(fixture.spool.path)/pending/a.json", in: AT_FDCWD)
    #expect(try watcher.changes() == [.pending("a.json")])
    unlink("\(fixture.spool.path)/pending/\(name.fileName)")
    #expect(try watcher.changes() == [.pending("a.json")])
    try fixture.write("{}", to: settings)
    try fixture.write("{}", to: fixture.directory.appending("other.json"))
    try fixture.write("{}", to: "\(fixture.spool.path)/paused/x.json")
    #expect(Set(try watcher.changes()) == [.settings, .pauses])
    var latin1 =
      Array("\(fixture.spool.path)/pending/caf".utf8CString.dropLast()) + [CChar(bitPattern: 0xE9), 0]
    close(open(&latin1, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
    #expect(try watcher.changes() == [.unreadableName("caf\u{FFFD}")])
  }

  @Test func `More than the kernel keeps, or a directory that goes, means to look again`() throws {
    let fixture = try Fixture()
    let watcher = try fixture.spool.watch(settingsFile: nil)
    let limit =
      Int(Fixture.text("/proc/sys/fs/inotify/max_queued_events")?.split(separator: "\n").first ?? "") ?? 16384
    let (one, two) = ("\(fixture.spool.path)/pending/a.json", "\(fixture.spool.path)/pending/b.json")
    try fixture.write("", to: one)
    for _ in 0...limit / 4 {
      rename(one, two)
      rename(two, one)
    }
    #expect(try watcher.changes().contains(.overflow))
    #expect(try watcher.changes() == [])
    rename("\(fixture.spool.path)/pending", "\(fixture.spool.path)/elsewhere")
    #expect(try watcher.changes().contains(.overflow))
  }
}
