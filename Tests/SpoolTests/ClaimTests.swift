// From pending to inflight: names that are taken, files that change, files of others.

import CSystem
import FoundationEssentials
import Glibc
import JSONText
import TestSupport
import Testing
import Threads

@testable import Spool

struct ClaimTests {
  @Test func `A claimed input is in flight with its bytes and their hash`() throws {
    let fixture = try Fixture()
    let claimed = try fixture.claim(fixture.put("abc", "a"))
    #expect(claimed.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(fixture.names("inflight") == ["a.json"])
    #expect(fixture.names("pending") == [])
  }

  @Test(arguments: ["inflight", "done", "failed"])
  func `An input whose name is taken takes the next free one, its note with it`(state: String) throws {
    let fixture = try Fixture()
    try fixture.put("s|old", "a", in: state)
    try fixture.put("s|older", "a~2", in: "failed")
    let name = try fixture.put("s|new", "a")
    let note = fixture.note(name)
    try fixture.write(
      String(decoding: note.json.bytes, as: UTF8.self), to: "\(fixture.spool.path)/errors/a.json")
    let claimed = try fixture.claim(name)
    #expect(claimed.name.text == "a~3")
    // In failed and inflight it is the note of the one that is there.
    #expect(claimed.note?.attempts == (state == "done" ? 1 : nil))
    #expect(fixture.text("\(state)/a.json") == "s|old")
  }

  @Test func `A name that has a record is taken`() throws {
    let fixture = try Fixture()
    mkdir("\(fixture.spool.path)/observations/s", 0o750)
    try fixture.write("", to: "\(fixture.spool.path)/observations/s/a.json")
    #expect(try fixture.claim(fixture.put("s|new", "a")).name.text == "a~2")
  }

  @Test(arguments: [true, false])
  func `The same bytes under the same name as in done are the same input`(keepsSeen: Bool) throws {
    let fixture = try Fixture()
    try fixture.put("s|a", "a", in: "done")
    let again = try fixture.put("s|a", "a")
    let syncs = fixture.system.count(of: .fsync)
    guard case .redelivered = try fixture.tryClaim(again, keepsSeen: keepsSeen) else {
      Issue.record("not recognized")
      return
    }
    // It takes the place of one that is on disk.
    #expect(fixture.system.count(of: .fsync) == syncs + 1)
    #expect(fixture.names("pending") + fixture.names("inflight") == [])
    #expect(fixture.names("done") == ["a.json"])
    // Other bytes under that name are another input; coming again, that one is recognized too.
    try fixture.put("s|b", "a~2", in: "done")
    guard case .redelivered = try fixture.tryClaim(fixture.put("s|b", "a")) else {
      Issue.record("the second of the name not recognized")
      return
    }
    // An input that was moved aside when it was given back is recognized as well.
    guard case .redelivered = try fixture.tryClaim(fixture.put("s|a", "a~3")) else {
      Issue.record("not recognized by its first name")
      return
    }
    #expect(fixture.names("done") == ["a.json", "a~2.json"])
  }

  @Test(arguments: [true, false])
  func `A file that is not the one that was looked at waits on`(keepsSeen: Bool) throws {
    let fixture = try Fixture()
    let name = try fixture.put("s|a", "a")
    let seen = try fixture.look(at: name)
    let known = keepsSeen ? seen.seen : nil
    try fixture.write("s|b and more", to: "\(fixture.spool.path)/pending/a.json")
    guard case .changed = try fixture.spool.claim(name, session: "s", expecting: seen.stamp, knowing: known)
    else {
      Issue.record("claimed")
      return
    }
    #expect(fixture.text("pending/a.json") == "s|b and more")
    unlink("\(fixture.spool.path)/pending/a.json")
    guard case .gone = try fixture.spool.claim(name, session: "s", expecting: seen.stamp, knowing: known)
    else {
      Issue.record("claimed what is gone")
      return
    }
  }

  @Test func `A file whose look was kept is not read again, unless anything about it is different`() throws {
    let fixture = try Fixture()
    let name = try fixture.put("s|a", "a")
    let path = "\(fixture.spool.path)/pending/a.json"
    let seen = try fixture.look(at: name)
    // Other bytes, as many as before, with the time set back: by size and time it is the same file.
    try fixture.write("s|b", to: path)
    try Linux().setModified(seen.stamp.nanoseconds, of: path, in: AT_FDCWD)
    let reads = fixture.system.count(of: .read)
    guard
      case .claimed(let changed) = try fixture.spool.claim(
        name, session: "s", expecting: seen.stamp, knowing: seen.seen)
    else {
      Issue.record("not claimed")
      return
    }
    #expect(changed.bytes == Array("s|b".utf8) && changed.sha256 == SHA256.hex(Array("s|b".utf8)))
    #expect(fixture.system.count(of: .read) > reads)

    let other = try fixture.put("s|c", "c")
    let kept = try fixture.look(at: other)
    let opens = fixture.system.count(of: .open)
    guard
      case .claimed(let same) = try fixture.spool.claim(
        other, session: "s", expecting: kept.stamp, knowing: kept.seen)
    else {
      Issue.record("not claimed")
      return
    }
    #expect(same.bytes == nil && same.sha256 == SHA256.hex(Array("s|c".utf8)))
    // The one is the note that is looked for.
    #expect(fixture.system.count(of: .open) == opens + 1)
  }

  @Test func `A look is no change of a file, and another user's is looked at as well`() throws {
    let fixture = try Fixture()
    let name = try fixture.put("s|a", "a")
    let path = "\(fixture.spool.path)/pending/a.json"
    // Long before the last change, from where the kernel would move it to now.
    var times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 2000, tv_nsec: 0)]
    #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
    _ = try fixture.look(at: name)
    var status = stat()
    #expect(stat(path, &status) == 0)
    #expect(status.st_atim.tv_sec == 1000)
    #expect(fixture.system.lastFlags & csystem_o_noatime != 0)

    // Who does not own it may not ask for that.
    fixture.system.failNext(.open, EPERM, name: "a.json")
    guard case .file(let bytes, _, _) = try fixture.spool.look(at: name) else { throw Errno(EPERM) }
    #expect(bytes == Array("s|a".utf8))
    #expect(fixture.system.lastFlags & csystem_o_noatime == 0)
    fixture.system.set { call, _, _ in call == .open ? Errno(EPERM) : nil }
    guard case .unreadable = try fixture.spool.look(at: name) else {
      Issue.record("readable")
      return
    }
  }

  @Test func `Of a file that was changed just now, and of another user's, nothing is kept`() throws {
    let fixture = try Fixture()
    let name = try fixture.put("s|a", "a")
    func isKept(by spool: Spool) throws -> Bool {
      guard case .file(_, _, let seen) = try spool.look(at: name) else { throw Errno(ENOENT) }
      return seen != nil
    }
    #expect(try isKept(by: fixture.spool))
    guard case .file(_, _, nil) = try fixture.spool.look(at: name, keeping: false) else {
      Issue.record("kept for nobody")
      return
    }
    fixture.system.run(asUser: geteuid() + 1)
    #expect(try !isKept(by: fixture.spool))
    let changed = try Linux().status(of: "\(fixture.spool.path)/pending/a.json", in: AT_FDCWD).changed
    let ages: [(milliseconds: Int64, isKept: Bool)] = [
      (-1, false), (0, false), (19, false), (20, true), (60_000, true),
    ]
    for age in ages {
      // A microsecond more than that, since a date is not as exact.
      let moment = FileStamp(size: 0, nanoseconds: changed + age.milliseconds * 1_000_000 + 1000).modified
      let clock = FixedClock(time: moment)
      let spool = try Spool(path: fixture.spool.path, clock: clock)
      guard case .file(_, _, let seen) = try spool.look(at: name) else { throw Errno(ENOENT) }
      #expect((seen != nil) == age.isKept, "changed \(age.milliseconds) ms ago")
    }
  }

  /// What is synced must be what is moved, also where another file stood there only for that moment.
  @Test(arguments: [false, true])
  func `An input delivered again that is another one when it is synced waits on`(comesBack: Bool) throws {
    let fixture = try Fixture()
    try fixture.put("s|a", "a", in: "done")
    let name = try fixture.put("s|a", "a")
    let pending = "\(fixture.spool.path)/pending"
    let seen = try fixture.look(at: name)
    let opened = Locked(0)
    fixture.system.set { call, _, file in
      guard file == "a.json" else { return nil }
      if call == .open {
        // The first is the one in done, with which it is compared.
        let count = opened.withLock { count in
          count += 1
          return count
        }
        if count == 2 {
          rename("\(pending)/a.json", "\(pending)/.first")
          let other = fopen("\(pending)/a.json", "w")
          fputs("s|another", other)
          fclose(other)
        }
      } else if call == .renameNoReplace, comesBack {
        rename("\(pending)/.first", "\(pending)/a.json")
      }
      return nil
    }
    guard
      case .changed = try fixture.spool.claim(
        name, session: "s", expecting: seen.stamp, knowing: seen.seen)
    else {
      Issue.record("not seen to have changed")
      return
    }
    #expect(fixture.text("pending/a.json") == "s|another" && fixture.text("done/a.json") == "s|a")
  }

  @Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
  func `A file that becomes another user's at the moment of the claim is put back`() throws {
    let fixture = try Fixture()
    let name = try fixture.put("s|a", "a")
    let path = "\(fixture.spool.path)/pending/a.json"
    fixture.system.set { call, _, file in
      if call == .renameNoReplace, file == "a.json" { chown(path, 12345, 12345) }
      return nil
    }
    guard case .changed = try fixture.tryClaim(name) else {
      Issue.record("claimed")
      return
    }
    #expect(fixture.names("pending") == ["a.json"])
  }

  @Test func `A file that changes at the moment of the claim is put back`() throws {
    let fixture = try Fixture()
    let name = try fixture.put("s|a", "a")
    let path = fixture.spool.path
    fixture.system.set { call, _, file in
      if call == .renameNoReplace, file == "a.json", Fixture.text("\(path)/pending/a.json") == "s|a" {
        // The producer puts another file in its place between the look and the move.
        let other = fopen("\(path)/pending/.other", "w")
        fputs("s|another", other)
        fclose(other)
        rename("\(path)/pending/.other", "\(path)/pending/a.json")
      }
      return nil
    }
    guard case .changed = try fixture.tryClaim(name) else {
      Issue.record("claimed")
      return
    }
    #expect(fixture.text("pending/a.json") == "s|another")
    #expect(fixture.names("inflight") == [])
  }

  @Test func `Another user's file is replaced by a copy, and what its writer adds is not lost`() async throws
  {
    let fixture = try Fixture()
    fixture.system.run(asUser: geteuid() + 1)
    let name = try fixture.put("s|a", "a")
    let stamp = try fixture.spool.stamp(of: name, in: .pending)
    let writer = fopen("\(fixture.spool.path)/pending/a.json", "a")
    let claimed = try fixture.claim(name)
    #expect(fixture.names("tmp") == [])
    // The copy keeps the time, which is when the input is due, and is no longer the writer's file.
    #expect(try fixture.spool.stamp(of: name, in: .inflight) == stamp)
    fputs(" and more", writer)
    fclose(writer)
    #expect(fixture.text("inflight/a.json") == "s|a")
    let committer = Committer(spool: fixture.spool)
    guard case .changed = await committer.commit(TestReader.batch([claimed])) else {
      Issue.record("done")
      return
    }
    await committer.close()
    #expect(fixture.text("pending/a.json") == "s|a and more")
  }

  @Test(arguments: [FaultySystem.Call.fsync, .write, .setModified])
  func `A copy that cannot be made leaves the input waiting`(call: FaultySystem.Call) throws {
    let fixture = try Fixture()
    fixture.system.run(asUser: geteuid() + 1)
    let name = try fixture.put("s|a", "a")
    fixture.system.failNext(call, ENOSPC)
    #expect(throws: SpoolError.self) { try fixture.tryClaim(name) }
    #expect(fixture.names("pending") == ["a.json"])
    #expect(fixture.names("tmp") + fixture.names("inflight") == [])
  }
}

struct LookTests {
  @Test func `Only regular files with one name are opened`() throws {
    let fixture = try Fixture()
    let pending = "\(fixture.spool.path)/pending"
    try fixture.write("secret", to: fixture.directory.appending("secret"))
    symlink(fixture.directory.appending("secret"), "\(pending)/link.json")
    link(fixture.directory.appending("secret"), "\(pending)/hard.json")
    mkfifo("\(pending)/fifo.json", 0o600)
    mkdir("\(pending)/directory.json", 0o700)
    for name in ["link", "hard", "fifo", "directory"] {
      let opens = fixture.system.count(of: .open)
      guard case .notTaken = try fixture.spool.look(at: #require(InputName(name))) else {
        Issue.record("\(name) taken")
        continue
      }
      #expect(fixture.system.count(of: .open) == opens, "\(name) was opened")
    }
  }

  @Test func `A file past the limit is not kept, one at the limit is`() throws {
    let fixture = try Fixture()
    let name = try fixture.put("", "a")
    truncate("\(fixture.spool.path)/pending/a.json", Spool.longestInput)
    guard case .file(let bytes, _, _) = try fixture.spool.look(at: name) else {
      Issue.record("not taken")
      return
    }
    #expect(bytes.count == Spool.longestInput)
    truncate("\(fixture.spool.path)/pending/a.json", Spool.longestInput + 1)
    guard case .tooLarge(let stamp) = try fixture.spool.look(at: name) else {
      Issue.record("taken")
      return
    }
    #expect(stamp.size == Spool.longestInput + 1)
  }

  @Test func `What one may not read is this file's trouble, what the disk has is the spool's`() throws {
    let fixture = try Fixture()
    let name = try fixture.put("s|a", "a")
    fixture.system.failNext(.open, EACCES)
    guard case .unreadable = try fixture.spool.look(at: name) else {
      Issue.record("readable")
      return
    }
    fixture.system.failNext(.open, EMFILE)
    #expect(throws: SpoolError.self) { try fixture.spool.look(at: name) }
  }
}
