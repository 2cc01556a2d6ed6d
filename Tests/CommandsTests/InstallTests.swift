import Foundation
import TestSupport
import Testing

/// `obspool install --user`, `uninstall --user` and `prune`, in an empty home and without a systemd.
@Suite(.timeLimit(.minutes(5))) struct InstallTests {
  private static let units = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../systemd").standardizedFileURL.path

  private static func home() throws -> Obspool {
    let obspool = try Obspool()
    try FileManager.default.createSymbolicLink(
      atPath: obspool.directory + "/systemd", withDestinationPath: units)
    return obspool
  }

  @Test func `It puts the program and the units in place, and can be repeated`() throws {
    let obspool = try Self.home()
    let home = obspool.directory + "/home"
    let first = try obspool("install", "--user")
    #expect(first.code == 0 && first.errors == "")
    #expect(first.output.contains("put  \(home)/.local/bin/obspool\n"))
    #expect(first.output.contains("  systemctl --user enable --now obspool.path\n"))
    #expect(FileManager.default.isExecutableFile(atPath: home + "/.local/bin/obspool"))
    let unit = try obspool.read("home/.config/systemd/user/obspool.service")
    #expect(unit == (try String(contentsOfFile: Self.units + "/user/obspool.service", encoding: .utf8)))
    let second = try obspool("install", "--user")
    #expect(second.code == 0)
    #expect(!second.output.contains("put  "))
    #expect(!second.output.contains("made  "))
  }

  @Test func `A dry run changes nothing, and needs no right for the machine`() throws {
    let obspool = try Self.home()
    for arguments in [["--user"], ["--prefix", "/opt/nowhere"]] {
      let outcome = try obspool.start(["install", "--dry-run"] + arguments).wait()
      #expect(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("would put  "))
    }
    #expect(try obspool.names(in: "home") == [])
    #expect(!FileManager.default.fileExists(atPath: "/opt/nowhere"))
  }

  @Test func `A prefix goes into the units`() throws {
    let obspool = try Self.home()
    let prefix = obspool.directory + "/prefix"
    #expect(try obspool("install", "--user", "--prefix", prefix).code == 0)
    let unit = try obspool.read("home/.config/systemd/user/obspool.service")
    #expect(unit.contains("\nExecStart=\(prefix)/bin/obspool watch "))
    #expect(try obspool("install", "--user", "--prefix", "relative").code == 64)
    #expect(try obspool("install", "--user", "--prefix", "/with space").code == 64)
    #expect(try obspool("install", "--dry-run", "--prefix", "/root/obspool").code == 64)
  }

  @Test func `A binary that is there is left alone`() throws {
    let obspool = try Self.home()
    try obspool.shell("mkdir -p home/.local/bin; echo mine > home/.local/bin/obspool")
    let outcome = try obspool("install", "--user")
    #expect(outcome.code == 0)
    #expect(outcome.errors.contains("is another build than this one, and is left alone"))
    #expect(try obspool.read("home/.local/bin/obspool") == "mine\n")
    #expect(try obspool("uninstall", "--user").code == 0)
    #expect(try obspool.read("home/.local/bin/obspool") == "mine\n")
  }

  @Test func `Uninstall removes what install has put in place, and nothing else`() throws {
    let obspool = try Self.home()
    try obspool.shell(
      "mkdir -p home/.config/systemd/user; echo '[Unit]' > home/.config/systemd/user/other.service")
    #expect(try obspool("install", "--user").code == 0)
    #expect(try obspool("add", "--spool", "home/.local/share/obspool/spool", input: "{}").code == 0)
    #expect(try obspool("uninstall", "--user", "--dry-run").code == 0)
    #expect(FileManager.default.fileExists(atPath: obspool.directory + "/home/.local/bin/obspool"))
    let outcome = try obspool("uninstall", "--user")
    #expect(outcome.code == 0 && outcome.errors == "")
    #expect(try obspool.names(in: "home/.config/systemd/user") == ["other.service"])
    #expect(try obspool.names(in: "home/.local/bin") == [])
    #expect(try obspool.names(in: "home/.local/share/obspool/spool/pending").count == 1)
  }

  @Test func `Without units it says where they are looked for`() throws {
    #expect(
      try Obspool()("install", "--user")
        == .init(
          code: 66, output: "",
          errors: """
            error: there are no units in ./systemd/user
            hint: run it where obspool's source is, or name its directory systemd with --from DIR

            """))
  }

  /// The same settings for both kinds of instance and for the prune, which systemd has no way to share.
  @Test func `The units of one kind are locked down alike`() throws {
    func hardening(_ unit: String) throws -> [String] {
      let text = try String(contentsOfFile: "\(Self.units)/system/\(unit)", encoding: .utf8)
      let own = [
        "ReadWritePaths=", "RestrictAddressFamilies=", "PrivateNetwork=", "IPAddressDeny=", "[Install]",
        "Also=",
      ]
      let section = try #require(text.components(separatedBy: "# Locked down").last)
      return section.split(separator: "\n").dropFirst().map(String.init)
        .filter { line in !line.hasPrefix("#") && !own.contains { line.hasPrefix($0) } }
    }
    let first = try hardening("obspool.service")
    #expect(first.count > 25)
    for unit in ["obspool@.service", "obspool-prune.service", "obspool-prune@.service"] {
      #expect(try hardening(unit) == first, "\(unit)")
    }
  }

  @Test func `Prune removes what is older, and says what`() throws {
    var obspool = try Obspool(spool: true)
    obspool.environment["CLAUDE_MEM_PROVIDER"] = "offline"
    try obspool.write(#"{"session_id": "s", "tool_name": "Bash"}"#, to: "spool/pending/a.json")
    #expect(try obspool("drain").code == 0)
    try obspool.validateRecords()
    #expect(
      try obspool("prune", "--older-than", "1d").output
        == "removed 0 done, 0 failed, 0 records, 0 days of usage\n")
    #expect(
      try obspool("prune", "--older-than", "0s", "--dry-run").output
        == "would remove 1 done, 0 failed, 1 record of 1 session, 0 days of usage\n")
    #expect(try obspool.names(in: "spool/done") == ["a.json"])
    #expect(
      try obspool("prune", "--older-than", "0s").output
        == "removed 1 done, 0 failed, 1 record of 1 session, 0 days of usage\n")
    #expect(try obspool.names(in: "spool/done") == [])
    #expect(try obspool.names(in: "spool/observations") == [])
    #expect(try obspool("prune").code == 64)
    #expect(try obspool("prune", "--older-than", "2999-01-01").code == 64)
  }
}
