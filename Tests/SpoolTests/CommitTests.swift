// From a claim to done: records first, then inputs, all of a call or none.

import FoundationEssentials
import Glibc
import JSONText
import Testing
import Threads

@testable import Spool

struct CommitTests {
  @Test func `A committed input is done byte for byte, with both forms of its record and no note`()
    async throws
  {
    let fixture = try Fixture()
    let name = try fixture.put("s|one", "a")
    try fixture.write(
      String(decoding: fixture.note(name).json.bytes, as: UTF8.self),
      to: "\(fixture.spool.path)/errors/a.json")
    let claimed = try fixture.claim(name)
    #expect(claimed.note?.attempts == 1)
    let committer = Committer(spool: fixture.spool)
    guard case .done = await committer.commit(TestReader.batch([claimed])) else {
      Issue.record("not done")
      return
    }
    await committer.close()
    #expect(fixture.text("done/a.json") == "s|one")
    #expect(fixture.names("observations/s") == ["a.json", "a.xml"])
    #expect(fixture.names("errors") == [])
    #expect(fixture.names("tmp") == [])
  }

  @Test func `Files and directories are closed to others from their creation on`() async throws {
    let fixture = try Fixture()
    let committer = Committer(spool: fixture.spool)
    _ = await committer.commit(TestReader.batch([try fixture.claim(fixture.put("s|one", "a"))]))
    try await committer.append(lines: [Array("{}".utf8)], toUsageOf: "2026-11-24")
    await committer.close()
    for path in ["observations/s/a.xml", "observations/s/a.json", "usage/2026-11-24.jsonl", "lock"] {
      var status = stat()
      #expect(stat("\(fixture.spool.path)/\(path)", &status) == 0)
      #expect(status.st_mode & 0o777 & ~0o640 == 0, "\(path)")
    }
    for path in ["", "/pending", "/observations/s"] {
      var status = stat()
      #expect(stat(fixture.spool.path + path, &status) == 0)
      #expect(status.st_mode & 0o777 & ~0o750 == 0, "\(path)")
    }
  }

  @Test func `An input touched while its record is synced takes its batch back, records and all`()
    async throws
  {
    let fixture = try Fixture()
    let claimed = try ["a", "b"].map { try fixture.claim(fixture.put("s|\($0)", $0)) }
    let path = "\(fixture.spool.path)/inflight/b.json"
    // The session's directory is opened to be synced when the records are in it.
    fixture.system.set { call, _, name in
      if call == .open, name == "s", let file = fopen(path, "a") {
        fputs(" and more", file)
        fclose(file)
      }
      return nil
    }
    let committer = Committer(spool: fixture.spool)
    guard case .changed = await committer.commit(TestReader.batch(claimed)) else {
      Issue.record("not given back")
      return
    }
    await committer.close()
    #expect(fixture.text("pending/a.json") == "s|a")
    #expect(fixture.text("pending/b.json")?.hasPrefix("s|b and more") == true)
    #expect(fixture.names("observations/s") == [])
    #expect(fixture.names("inflight") + fixture.names("done") + fixture.names("tmp") == [])
  }

  @Test func `An input touched since it was read takes its whole batch back, without a record`() async throws
  {
    let fixture = try Fixture()
    let claimed = try ["a", "b"].map { try fixture.claim(fixture.put("s|\($0)", $0)) }
    try fixture.write("s|b and more", to: "\(fixture.spool.path)/inflight/b.json")
    let other = try fixture.claim(fixture.put("t|c", "c"))
    let committer = Committer(spool: fixture.spool)
    async let first = committer.commit(TestReader.batch(claimed))
    async let second = committer.commit(TestReader.batch([other]))
    guard case (.changed, .done) = await (first, second) else {
      Issue.record("the one was not given back or the other not done")
      return
    }
    await committer.close()
    #expect(fixture.text("pending/a.json") == "s|a")
    #expect(fixture.text("pending/b.json") == "s|b and more")
    #expect(fixture.names("observations/s") == [])
    #expect(fixture.names("tmp") == [])
    #expect(fixture.names("done") == ["c.json"])
  }

  @Test(arguments: [FaultySystem.Call.open, .write, .syncfs, .rename, .fsync, .renameNoReplace])
  func `A commit that failed can be tried again, whatever failed`(call: FaultySystem.Call) async throws {
    let fixture = try Fixture()
    let claimed = try ["a", "b"].map { try fixture.claim(fixture.put("s|\($0)", $0)) }
    let committer = Committer(spool: fixture.spool)
    fixture.system.failNext(call, ENOSPC)
    guard case .failed(let error) = await committer.commit(TestReader.batch(claimed)) else {
      Issue.record("did not fail")
      return
    }
    #expect(error.isStorage)
    #expect(fixture.names("tmp") == [])
    guard case .done = await committer.commit(TestReader.batch(claimed, answer: "again")) else {
      Issue.record("not done")
      return
    }
    await committer.close()
    #expect(fixture.names("done") == ["a.json", "b.json"])
    #expect(fixture.names("inflight") == [])
    #expect(fixture.names("observations/s") == ["a.json", "a.xml", "b.json", "b.xml"])
  }

  @Test func `After a failed sync the files are written anew`() async throws {
    let fixture = try Fixture()
    let claimed = try fixture.claim(fixture.put("s|a", "a"))
    let committer = Committer(spool: fixture.spool)
    fixture.system.failNext(.syncfs, EIO)
    _ = await committer.commit(TestReader.batch([claimed]))
    let writes = fixture.system.count(of: .write)
    _ = await committer.commit(TestReader.batch([claimed]))
    await committer.close()
    #expect(fixture.system.count(of: .write) > writes)
  }

  @Test(arguments: [FaultySystem.Call.rename, .fsync])
  func `What is given back after a failed commit leaves no record`(call: FaultySystem.Call) async throws {
    let fixture = try Fixture()
    let claimed = try ["a", "b"].map { try fixture.claim(fixture.put("s|\($0)", $0)) }
    let committer = Committer(spool: fixture.spool)
    // The session's directory is missing at the first rename, so that the fifth one is the last JSON's; the
    // first fsync is the session's directory.
    let calls = Counter()
    fixture.system.set { kind, _, _ in
      kind == call && calls.next() == (call == .rename ? 4 : 0) ? Errno(EIO) : nil
    }
    guard case .failed = await committer.commit(TestReader.batch(claimed)) else {
      Issue.record("did not fail")
      return
    }
    #expect(fixture.names("observations/s").contains("a.json"))
    for input in claimed { try await committer.giveBack(input, due: nil, note: nil) }
    await committer.close()
    #expect(fixture.names("pending") == ["a.json", "b.json"])
    #expect(fixture.names("observations/s") == [])
  }

  @Test func `Commits that queue up share their syncs`() async throws {
    let fixture = try Fixture()
    let inputs = try (0..<40).map { try fixture.claim(fixture.put("s\($0 % 4)|\($0)", "a\($0)")) }
    let committer = Committer(spool: fixture.spool)
    let before = fixture.system.count(of: .fsync) + fixture.system.count(of: .syncfs)
    await withTaskGroup(of: Void.self) { group in
      for input in inputs { group.addTask { _ = await committer.commit(TestReader.batch([input])) } }
    }
    await committer.close()
    #expect(fixture.names("done").count == 40)
    let syncs = fixture.system.count(of: .fsync) + fixture.system.count(of: .syncfs) - before
    #expect(syncs <= 3 * 40)
  }

  @Test func `What is asked before the thread is woken is one group`() async throws {
    let fixture = try Fixture()
    // So many that a thread that is woken at the first would not find all of them.
    let inputs = try (0..<500).map { try fixture.claim(fixture.put("s\($0)|\($0)", "a\($0)")) }
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    let committer = Committer(spool: fixture.spool) { loop.afterwards($0) }
    await Task(executorPreference: loop) {
      await withTaskGroup(of: Void.self) { group in
        for input in inputs { group.addTask { _ = await committer.commit(TestReader.batch([input])) } }
      }
    }.value
    #expect(fixture.names("done").count == 500)
    #expect(fixture.system.count(of: .syncfs) == 2)
    await committer.close()
  }

  @Test(arguments: [false, true])
  func `A commit that comes behind one that is not done is not tried`(touching: Bool) async throws {
    let fixture = try Fixture()
    let a = try fixture.claim(fixture.put("s|a", "a"))
    let b = try fixture.claim(fixture.put("s|b", "b"))
    let c = try fixture.claim(fixture.put("s|c", "c"))
    if touching {
      try fixture.write("s|a and more", to: "\(fixture.spool.path)/inflight/a.json")
    } else {
      fixture.system.failNext(.syncfs, EIO)
    }
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    let committer = Committer(spool: fixture.spool) { loop.afterwards($0) }
    let (first, second) = (CommitTicket(), CommitTicket())
    let outcomes = await Task(executorPreference: loop) {
      async let one = committer.commit(TestReader.batch([a]), as: first)
      async let two = committer.commit(TestReader.batch([b]), as: second, behind: first)
      async let three = committer.commit(TestReader.batch([c]), behind: second)
      return await [one, two, three]
    }.value
    #expect(outcomes.map(word(of:)) == [touching ? "changed" : "failed", "behind", "behind"])
    #expect(fixture.names("observations/s").filter { !$0.hasPrefix("a") } == [])
    #expect(fixture.names("inflight") == (touching ? [] : ["a.json"]) + ["b.json", "c.json"])
    // Tried again without the word, each is done.
    for input in touching ? [b, c] : [a, b, c] {
      #expect(word(of: await committer.commit(TestReader.batch([input]))) == "done")
    }
    await committer.close()
  }

  private func word(of outcome: CommitOutcome) -> String {
    switch outcome {
    case .done: "done"
    case .changed: "changed"
    case .failed: "failed"
    case .behind: "behind"
    }
  }

  @Test func `A flush syncs the last moves, once`() async throws {
    let fixture = try Fixture()
    let claimed = try fixture.claim(fixture.put("s|a", "a"))
    let committer = Committer(spool: fixture.spool)
    _ = await committer.commit(TestReader.batch([claimed]))
    let before = fixture.system.count(of: .fsync)
    // Two directories: inflight and done.
    await committer.flush()
    #expect(fixture.system.count(of: .fsync) == before + 2)
    await committer.close()
    #expect(fixture.system.count(of: .fsync) == before + 2)
  }

  @Test func `A session's new directory is synced in the end even where the first sync failed`() async throws
  {
    let fixture = try Fixture()
    let claimed = try fixture.claim(fixture.put("s|a", "a"))
    let committer = Committer(spool: fixture.spool)
    fixture.system.failNext(.fsync, EIO)
    _ = await committer.commit(TestReader.batch([claimed]))
    await committer.flush()
    // By then nothing but observations is left to sync; after that, nothing at all.
    let before = fixture.system.count(of: .fsync)
    await committer.flush()
    #expect(fixture.system.count(of: .fsync) == before)
    _ = await committer.commit(TestReader.batch([claimed]))
    await committer.close()
    #expect(fixture.names("done") == ["a.json"])
  }

  @Test func `A batch that cannot be written does not keep another from being done`() async throws {
    let fixture = try Fixture()
    let bad = try fixture.claim(fixture.put("bad|a", "a"))
    let good = try fixture.claim(fixture.put("good|b", "b"))
    fixture.system.set { call, _, name in call == .makeDirectory && name == "bad" ? Errno(EDQUOT) : nil }
    let committer = Committer(spool: fixture.spool)
    async let first = committer.commit(TestReader.batch([bad]))
    async let second = committer.commit(TestReader.batch([good]))
    guard case (.failed, .done) = await (first, second) else {
      Issue.record("the one did not fail or the other was not done")
      return
    }
    await committer.close()
    #expect(fixture.names("inflight") == ["a.json"])
    #expect(fixture.names("done") == ["b.json"])
  }

  @Test func `An input whose record is on disk goes to done even when it is given back`() async throws {
    let fixture = try Fixture()
    let claimed = try fixture.claim(fixture.put("s|a", "a"))
    let committer = Committer(spool: fixture.spool)
    fixture.system.failNext(.renameNoReplace, EIO)
    guard case .failed = await committer.commit(TestReader.batch([claimed])) else {
      Issue.record("did not fail")
      return
    }
    try await committer.giveBack(claimed, due: nil, note: nil)
    await committer.close()
    #expect(fixture.names("done") == ["a.json"])
    #expect(fixture.names("pending") == [])
  }
}

struct RelocationTests {
  @Test func `An input that is given back is due when its time says, with its note beside it`() async throws {
    let fixture = try Fixture()
    let claimed = try fixture.claim(fixture.put("s|a", "a"))
    let due = fixture.clock.now().addingTimeInterval(40)
    let committer = Committer(spool: fixture.spool)
    try await committer.giveBack(claimed, due: due, note: fixture.note(claimed.name))
    await committer.close()
    #expect(try fixture.spool.stamp(of: claimed.name, in: .pending)?.modified == due)
    #expect(try fixture.spool.note(for: claimed.name) == fixture.note(claimed.name))
  }

  @Test func `An input that is given back where its name is taken takes the next, its note with it`()
    async throws
  {
    let fixture = try Fixture()
    let claimed = try fixture.claim(fixture.put("s|a", "a"))
    try fixture.put("s|other", "a")
    let committer = Committer(spool: fixture.spool)
    try await committer.giveBack(claimed, due: nil, note: fixture.note(claimed.name))
    await committer.close()
    #expect(fixture.text("pending/a.json") == "s|other")
    #expect(fixture.text("pending/a~2.json") == "s|a")
    #expect(fixture.names("errors") == ["a~2.json"])
    #expect(try fixture.spool.note(for: #require(InputName("a~2")))?.name.text == "a~2")
  }

  @Test func `What cannot be claimed goes to failed, unless it has changed`() async throws {
    let fixture = try Fixture()
    let name = try fixture.put("s|a", "a")
    let stamp = try #require(try fixture.spool.stamp(of: name, in: .pending))
    let committer = Committer(spool: fixture.spool)
    let other = FileStamp(size: 1, nanoseconds: 1)
    #expect(try await !committer.reject(name, expecting: other, note: fixture.note(name)))
    #expect(fixture.names("pending") == ["a.json"])
    #expect(fixture.names("errors") == [])
    #expect(try await committer.reject(name, expecting: stamp, note: fixture.note(name)))
    await committer.close()
    #expect(fixture.names("failed") == ["a.json"])
    #expect(fixture.names("errors") == ["a.json"])
  }

  @Test func `Retry makes a failed input wait, due now, with no attempts`() async throws {
    let fixture = try Fixture()
    let claimed = try fixture.claim(fixture.put("s|a", "a"))
    let committer = Committer(spool: fixture.spool)
    try await committer.fail(claimed, note: fixture.note(claimed.name, attempts: 5))
    await committer.close()
    #expect(fixture.names("failed") == ["a.json"])
    #expect(try fixture.spool.retry(claimed.name) == .retried(claimed.name))
    #expect(try fixture.spool.note(for: claimed.name)?.attempts == 0)
    #expect(try fixture.spool.stamp(of: claimed.name, in: .pending)?.modified == fixture.clock.now())
    #expect(try fixture.spool.retry(#require(InputName("nobody"))) == .unknown)
  }

  @Test func `A pause is written whole, read and removed`() async throws {
    let fixture = try Fixture()
    let committer = Committer(spool: fixture.spool)
    try await committer.publish(Array("{}".utf8), at: .pause(provider: "open/router"))
    #expect(fixture.names("paused") == ["open%2Frouter.json"])
    #expect(try fixture.spool.pauses().map(\.provider) == ["open/router"])
    try await committer.withdraw(.pause(provider: "open/router"))
    try await committer.withdraw(.pause(provider: "open/router"))
    await committer.close()
    #expect(fixture.names("paused") == [])
  }

  @Test func `A line of usage that was cut stays a line of its own`() async throws {
    let fixture = try Fixture()
    try fixture.write("{\"a\":1}\n{\"b", to: "\(fixture.spool.path)/usage/2026-11-24.jsonl")
    let committer = Committer(spool: fixture.spool)
    try await committer.append(lines: [Array("{\"c\":3}".utf8)], toUsageOf: "2026-11-24")
    await committer.close()
    #expect(fixture.text("usage/2026-11-24.jsonl") == "{\"a\":1}\n{\"b\n{\"c\":3}\n")
  }

  @Test func `A line of usage whose sync failed is there once when it is tried again`() async throws {
    let fixture = try Fixture()
    let committer = Committer(spool: fixture.spool)
    try await committer.append(lines: [Array("1".utf8)], toUsageOf: "d")
    fixture.system.failNext(.fsync, ENOSPC)
    await #expect(throws: SpoolError.self) {
      try await committer.append(lines: [Array("2".utf8)], toUsageOf: "d")
    }
    try await committer.append(lines: [Array("2".utf8)], toUsageOf: "d")
    await committer.close()
    #expect(fixture.text("usage/d.jsonl") == "1\n2\n")
  }
}
