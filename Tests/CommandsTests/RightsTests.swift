// What the program makes is for its user and group alone, from the moment it is there.

import Foundation
import TestSupport
import Testing

@Suite struct RightsTests {
  /// Runs every command that makes something, under a mask that takes nothing away.
  private static let script = """
    set -e
    umask 0
    export CLAUDE_MEM_PROVIDER=offline
    echo '{"tool_name":"Edit","session_id":"s","tool_input":{"file_path":"/a"}}' | obspool add --spool new/spool
    echo '[]' | obspool add --spool new/spool || true
    obspool drain --spool new/spool
    echo '{"tool_name":"T","session_id":"s"}' >new/spool/pending/direct.json
    CLAUDE_MEM_PROVIDER=openrouter obspool drain --spool new/spool || true
    obspool retry --spool new/spool --all
    obspool drain --spool new/spool
    """

  @Test func `nothing is made that others may read or write`() throws {
    let obspool = try Obspool()
    let outcome = try obspool.shell(Self.script)
    #expect(outcome.code == 0, "\(outcome)")
    let files = try #require(
      FileManager.default.enumerator(atPath: obspool.directory + "/new")?.allObjects as? [String])
    #expect(files.contains { $0.hasSuffix(".xml") })
    #expect(files.contains("spool/lock"))
    // What a producer wrote in place keeps its rights.
    for file in files where !file.hasSuffix("/direct.json") || file.contains("observations") {
      var status = stat()
      #expect(lstat(obspool.directory + "/new/" + file, &status) == 0)
      let isDirectory = status.st_mode & S_IFMT == S_IFDIR
      let excess = status.st_mode & 0o7777 & ~(isDirectory ? 0o750 : 0o640)
      #expect(excess == 0, "\(file) has mode \(String(status.st_mode, radix: 8))")
    }
  }

  @Test(.enabled(if: Strace.works, "strace is not installed or not allowed"))
  func `no call asks for more, not even for a moment`() throws {
    let obspool = try Obspool()
    let calls = try Strace.lines(
      obspool, Self.script, "open,openat,creat,mkdir,mkdirat,chmod,fchmod,fchmodat,mknod,mknodat")
    var modes: [Int] = []
    for call in calls
    where call.contains("O_CREAT, ") || call.contains("O_CREAT|") || call.contains("mkdir")
      || call.contains("chmod")
    {
      // The mode is the last of the arguments, the only ones that are octal.
      guard
        let mode = call.split(whereSeparator: { " ,)".contains($0) }).compactMap({ word in
          word.hasPrefix("0") ? Int(word, radix: 8) : nil
        }).last
      else { continue }
      modes.append(mode)
      let isDirectory = call.contains("mkdir")
      #expect(mode & ~(isDirectory ? 0o750 : 0o640) == 0, "\(call)")
    }
    #expect(modes.count > 20, "\(calls.count) calls")
  }

  @Test(.enabled(if: Strace.works, "strace is not installed or not allowed"))
  func `what is not a producer's to give is not opened`() throws {
    let obspool = try Obspool(spool: true)
    let names = ["link", "fifo", "hard"]
    let calls = try Strace.lines(
      obspool,
      """
      umask 0
      export CLAUDE_MEM_PROVIDER=offline
      chmod 3733 spool/pending
      echo '{"tool_name":"secret"}' >secret
      ln -s ../../secret spool/pending/link.json
      mkfifo spool/pending/fifo.json
      ln secret spool/pending/hard.json
      echo '{"tool_name":"T"}' >spool/pending/good.json
      obspool drain
      """, "open,openat,openat2,read")
    for name in names {
      #expect(!calls.contains { $0.contains("open") && $0.contains("\(name).json") }, "\(name)")
      #expect(try obspool.names(in: "spool/pending").contains("\(name).json"))
    }
    #expect(calls.contains { $0.contains("open") && $0.contains("good.json") && $0.contains("O_NOFOLLOW") })
    #expect(!calls.contains { $0.contains("secret") })
    #expect(try obspool.names(in: "spool/done") == ["good.json"])
    try obspool.validateRecords()
  }

  @Test func `a settings file with a key that others may read is warned about, in words that hold no key`()
    throws
  {
    let obspool = try Obspool(spool: true)
    let key = "sk-or-v1-only-in-the-file"
    try obspool.write(
      #"{"CLAUDE_MEM_OPENROUTER_API_KEY":"\#(key)","CLAUDE_MEM_PROVIDER":"offline"}"#, to: "settings.json")
    for (mode, isWarned) in [(0o604, true), (0o640, false), (0o600, false)] as [(mode_t, Bool)] {
      chmod(obspool.directory + "/settings.json", mode)
      try obspool.write(#"{"tool_name":"T"}"#, to: "spool/pending/\(mode).json")
      for outcome in [
        try obspool("drain", "--settings", "settings.json"),
        try obspool("check", "--settings", "settings.json"),
      ] {
        let said = outcome.output + outcome.errors
        #expect(
          said.contains("can be read by every user; run: chmod 600 settings.json") == isWarned, "\(said)")
        #expect(!said.contains(key))
      }
    }
    try obspool.validateRecords()
  }
}

/// Runs of a script in which the program is traced.
private enum Strace {
  static let works: Bool = {
    guard let obspool = try? Obspool() else { return false }
    return (try? lines(obspool, "obspool --version", "execve").isEmpty) == false
  }()

  /// These calls of the program, each with its process before it.
  static func lines(_ obspool: Obspool, _ script: String, _ calls: String) throws -> [String] {
    _ = try obspool.shell(
      """
      obspool() { strace -f -qq -A -s 256 -o trace -e trace=\(calls) "\(Obspool.path)" "$@"; }
      \(script)
      """)
    return try obspool.read("trace").split(separator: "\n").map(String.init)
  }
}
