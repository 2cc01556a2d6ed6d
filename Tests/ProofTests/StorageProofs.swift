// A disk that is full, one that may not be written, directories that are missing, elsewhere or somebody else's: a clear
// word, a sane exit code, and nothing lost.

import Foundation
import Glibc
import Spool
import TestSupport
import Testing
import Threads

extension Proofs {
  @Suite(.serialized, .enabled(if: Here.canMount, "mounting file systems needs root"))
  struct Storage {
    // MARK: Whole seconds

    /// There a file may change within a second without any sign of it.
    @Test func `What is rewritten after it was looked at is claimed as it stands`() throws {
      struct Tomorrow: Clock {
        func now() -> Date { Date(timeIntervalSinceNow: 86_400) }
      }
      let mount = try Mount(ext4: 8, inodeSize: 128)
      let spool = try Spool(path: mount.path + "/spool", clock: Tomorrow())
      try spool.own()
      defer { spool.release() }
      var claims = 0
      for round in 0..<5 {
        let name = try #require(InputName("round\(round)"))
        let path = "\(spool.path)/pending/\(name.fileName)"
        try Data("first".utf8).write(to: URL(filePath: path))
        guard case .file(_, let stamp, let seen) = try spool.look(at: name) else { continue }
        let file = open(path, O_WRONLY)
        #expect(write(file, "other", 5) == 5)
        close(file)
        // With the next second it shows.
        guard case .claimed(let input) = try spool.claim(name, session: "s", expecting: stamp, knowing: seen)
        else { continue }
        claims += 1
        #expect(input.bytes == Array("other".utf8))
      }
      #expect(claims >= 3)
    }

    // MARK: A full disk

    @Test(arguments: ["tmpfs", "ext4"])
    func `A watch goes on by itself when there is room again`(kind: String) throws {
      let mount = kind == "tmpfs" ? try Mount(tmpfs: "400k") : try Mount(ext4: 8)
      let bench = try Bench(in: mount.path)
      #expect(try bench.drain().code == 0)
      let ballast = mount.path + "/ballast"
      for index in 0..<20 { try bench.dropToolUse("a\(index)", session: "s\(index % 3)") }
      try fill(ballast)
      let watch = try bench.start(["watch"])
      #expect(
        poll(seconds: 30) { watch.written.contains("No space left on device; make room on this file system") }
      )
      #expect(bench.complaints() == [])
      unlink(ballast)
      #expect(poll(seconds: 60) { names("\(bench.spool)/done").count == 20 }, "\(watch.written)")
      // The word is said once, and once that it is over.
      #expect(
        watch.written.components(separatedBy: "nothing new is asked until").count == 2, "\(watch.written)")
      #expect(watch.written.contains("the spool can be written again"))
      watch.send(SIGTERM)
      #expect(try watch.wait().code == 0)
      #expect(bench.complaintsAtRest() == [])
    }

    /// The disk fills up again and again while the processor works, at every size that is left to it.
    @Test func `A disk that fills up in the middle of the work`() throws {
      let start = ContinuousClock.now
      let mount = try Mount(ext4: 8)
      var tally = Tally()
      for pages in 0..<24 {
        let bench = try Bench(in: mount.path)
        for name in ["a", "b", "c"] { try bench.dropToolUse(name) }
        let ballast = mount.path + "/ballast"
        try fill(ballast)
        truncate(ballast, off_t(fileSize(ballast) - pages * 1024))
        let watch = try bench.start(["watch"])
        let isDone = { names("\(bench.spool)/done").count == 3 }
        // It may fit; else it says so.
        var complaints: [String] = []
        if !poll(seconds: 20, { isDone() || watch.written.contains("No space left on device") }) {
          complaints.append("it neither is done nor says why: \(watch.written)")
        }
        complaints += isDone() ? [] : bench.complaints()
        unlink(ballast)
        if !poll(seconds: 60, { isDone() || watch.hasEnded }) {
          complaints.append("it does not go on: \(watch.written)")
        }
        watch.send(SIGTERM)
        let code = try watch.wait().code
        // A spool whose directories could not even be made is no spool yet; that ends at once.
        if code != 0, code != 74 { complaints.append("it ended with \(code): \(watch.written)") }
        complaints += bench.settle()
        tally.add("kB left", complaints.map { "\(pages) kB left: \($0)" })
        try? FileManager.default.removeItem(atPath: bench.spool)
      }
      tally.print("a disk that fills up, three inputs", since: start)
      tally.check()
    }

    @Test func `A drain on a full disk gives up with a word, and the next one does the work`() throws {
      let mount = try Mount(tmpfs: "300k")
      let bench = try Bench(in: mount.path)
      #expect(try bench.drain().code == 0)
      try bench.dropToolUse("a")
      try fill(mount.path + "/ballast")
      let full = try bench.drain()
      #expect(full.code == 75, "\(full)")
      #expect(
        full.output.contains("No space left on device; make room on this file system"), "\(full.output)")
      #expect(bench.complaints() == [])
      unlink(mount.path + "/ballast")
      #expect(bench.settle() == [])
    }

    // MARK: Not to be written

    @Test func `A spool that is mounted read-only`() throws {
      let mount = try Mount(tmpfs: "1m")
      let bench = try Bench(in: mount.path)
      #expect(try bench.drain().code == 0)
      try bench.dropToolUse("a")
      try command("mount", "-o", "remount,ro", mount.path)
      let outcome = try bench.drain()
      #expect(outcome.code == 74)
      #expect(
        outcome.output.contains("Read-only file system; the file system is mounted read-only"),
        "\(outcome.output)")
      let status = try bench.start(["status"]).wait()
      #expect(status.code == 0, "what may be read is told all the same: \(status.output)")
      try command("mount", "-o", "remount,rw", mount.path)
      #expect(bench.settle() == [])
    }

    @Test func `A disk that fails under a watch`() throws {
      let mount = try Mount(ext4: 16)
      let bench = try Bench(in: mount.path)
      let watch = try bench.start(["watch"])
      try bench.dropToolUse("a")
      #expect(poll(seconds: 30) { names("\(bench.spool)/done") == ["a.json"] })
      watch.send(SIGSTOP)
      try bench.dropToolUse("b")
      try command("sync", "-f", mount.path)
      try mount.cutPower()
      watch.send(SIGCONT)
      #expect(
        poll(seconds: 30) {
          watch.written.contains("Input/output error; the disk or its file system is failing")
        },
        "\(watch.written)")
      watch.send(SIGTERM)
      let outcome = try watch.wait()
      #expect(outcome.code < 128, "\(outcome)")
      try mount.restorePower()
      #expect(bench.settle() == [])
    }

    // MARK: Missing and elsewhere

    @Test(arguments: [
      "inflight", "done", "failed", "errors", "observations", "paused", "usage", "tmp", "pending",
    ])
    func `A missing directory is made again`(name: String) throws {
      let bench = try Bench()
      #expect(try bench.drain().code == 0)
      rmdir("\(bench.spool)/\(name)")
      #expect(try bench.drain().code == 0)
      try bench.dropToolUse("a")
      #expect(bench.settle() == [])
    }

    @Test(arguments: ["pending", "inflight", "done", "failed", "errors", "observations", "tmp"])
    func `A directory on another file system or under another mount is refused`(name: String) throws {
      let bench = try Bench()
      #expect(try bench.drain().code == 0)
      try bench.dropToolUse("a")
      let path = "\(bench.spool)/\(name)"
      let other = try Mount(tmpfs: "1m")
      do {
        let elsewhere = try Mount(binding: other.path, to: path)
        try refuses(bench, path)
        elsewhere.unmount()
      }
      do {
        // The same file system, but renames do not cross mounts.
        let bound = try Mount(binding: path, to: path)
        try refuses(bench, path)
        bound.unmount()
      }
      #expect(bench.settle() == [])
    }

    private func refuses(_ bench: Bench, _ path: String) throws {
      let outcome = try bench.drain()
      #expect(outcome.code == 74, "\(path): \(outcome)")
      #expect(
        outcome.output.contains("all directories of a spool must be on one file system"), "\(outcome.output)")
      #expect(bench.model.asked(bench.mark("a")) == 0)
    }

    // MARK: Wrong owners

    @Test func `A spool of somebody else's`() throws {
      let bench = try Bench()
      #expect(try bench.drain().code == 0)
      try bench.dropToolUse("a")
      let outcome = try asNobody(bench, ["drain"])
      #expect(outcome.code == 77, "\(outcome)")
      #expect(
        outcome.output.contains("Permission denied; give this user the right, or run as the spool's owner"))
      #expect(bench.settle() == [])
    }

    @Test(arguments: ["pending", "inflight", "done", "observations", "tmp", "lock"])
    func `One directory or file of somebody else's`(name: String) throws {
      let bench = try Bench()
      #expect(try bench.drain().code == 0)
      try command("chown", "-R", "65534:65534", bench.spool)
      try command("chown", "0:0", "\(bench.spool)/\(name)")
      chmod("\(bench.spool)/\(name)", name == "lock" ? 0o600 : 0o700)
      try bench.dropToolUse("a")
      let outcome = try asNobody(bench, ["drain"])
      #expect(outcome.code == 77, "\(outcome)")
      #expect(outcome.output.contains("\(bench.spool)/\(name)"), "\(outcome.output)")
      #expect(
        outcome.output.contains("give this user the right, or run as the spool's owner"), "\(outcome.output)")
      try command("chown", "-R", "0:0", bench.spool)
      #expect(bench.settle() == [])
    }

    private func asNobody(_ bench: Bench, _ arguments: [String]) throws -> Process.Outcome {
      // The program itself may lie where only its builder may go.
      let copy = bench.holder.appending("obspool")
      try command("cp", Bench.program, copy)
      for path in [bench.holder.path, copy, bench.spool] { chmod(path, 0o755) }
      let libraries = (Bench.program as NSString).deletingLastPathComponent
      return try Process(
        Here.findProgram("setpriv") ?? "",
        ["--reuid=65534", "--regid=65534", "--clear-groups", copy] + arguments
          + ["--spool", bench.spool],
        environment: bench.environment.merging(["LD_LIBRARY_PATH": libraries]) { $1 },
        output: bench.holder.appending("nobody")
      ).wait()
    }

    // MARK: How

    /// Writes until the file system takes no more.
    private func fill(_ path: String) throws {
      let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
      defer { close(file) }
      for size in [65536, 1024, 1] {
        let chunk = [UInt8](repeating: 1, count: size)
        while write(file, chunk, size) > 0 {}
      }
      // What ext4 has promised and not yet allocated.
      fsync(file)
    }

    private func fileSize(_ path: String) -> Int {
      var status = stat()
      return lstat(path, &status) == 0 ? Int(status.st_size) : 0
    }
  }
}
