// What the service may do, seen from inside; and how it comes and goes.

import Foundation
import TestSupport
import Testing

extension Systemd {
  @Suite struct HardeningTests {
    @Test func `The exposure of the system's units is 1.5 or less`() throws {
      let machine = try Machine()
      for unit in [
        "obspool.service", "obspool@x.service", "obspool-prune.service", "obspool-prune@x.service",
      ] {
        let report = try machine.sure("systemd-analyze security --no-pager \(unit)")
        let last = try #require(report.split(separator: "\n").last.map(String.init))
        Proofs.show("systemd-analyze security \(unit)", last)
        let figure = try #require(last.split(separator: " ").compactMap { Double($0) }.first)
        #expect(figure <= 1.5)
      }
    }

    /// A script takes the program's place in the very same sandbox.
    @Test func `The service can write only its spool, and cannot see home directories`() throws {
      let machine = try Machine()
      try machine.sure(
        "echo secret > /home/mallory/secret && chmod 755 /home/mallory && chmod 644 /home/mallory/secret")
      try machine.sure("echo secret > /tmp/secret")
      let probe = """
        #!/bin/sh
        echo "writable: $(find / -writable \\( -type d -o -type f \\) -not -path '/proc/*' -not -path '/sys/*' 2>/dev/null | tr '\\n' ' ')"
        echo "home: $(ls -A /home /root 2>&1 | tr '\\n' ' ')"
        echo "secret: $(cat /home/mallory/secret /tmp/secret /etc/obspool/credentials/* 2>/dev/null | grep -c secret)"
        echo "processes: $(ls -d /proc/[0-9]* | wc -l)"
        echo "privileges: $(grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr '\\n\\t' '  ')"
        echo "user: $(id)"
        echo "devices: $(ls /dev | tr '\\n' ' ')"
        mount -t tmpfs tmpfs /mnt 2>&1
        unshare --user true 2>&1
        exit 0
        """
      try machine.write(probe, to: "/opt/probe")
      try machine.sure("echo secret > /etc/obspool/credentials/x; chmod 755 /opt/probe")
      try machine.write(
        "[Service]\nType=oneshot\nExecStart=\nExecStart=/opt/probe\nRestart=no\n",
        to: "/etc/systemd/system/obspool.service.d/zz-probe.conf")
      try machine.sure("systemctl daemon-reload; systemctl start obspool.service")
      let said = try machine.sure("journalctl -o cat -u obspool.service")
      Proofs.show("seen from inside", said)
      func line(_ name: String) throws -> String {
        try #require(
          said.split(separator: "\n").first { $0.hasPrefix(name + ": ") }.map {
            String($0.dropFirst(name.count + 2))
          })
      }
      let writable = try line("writable").split(separator: " ").filter { path in
        !path.hasPrefix("/var/spool/obspool") && path != "/tmp" && path != "/var/tmp"
      }
      #expect(writable == [], "it may write elsewhere")
      #expect(try line("writable").contains("/var/spool/obspool/pending"))
      #expect(try !line("home").contains("mallory"))
      #expect(try line("secret") == "0")
      let privileges = try line("privileges")
      #expect(
        privileges.contains("CapEff: 0000000000000000") && privileges.contains("CapBnd: 0000000000000000"))
      #expect(privileges.contains("NoNewPrivs: 1") && privileges.contains("Seccomp: 2"))
    }

    @Test func `With all of it on, a provider is reached by name and answers`() throws {
      let server = try LoopbackServer { _ in answer }
      let byName = settings(asking: server).replacingOccurrences(of: "127.0.0.1", with: "localhost")
      let machine = try Machine(settings: byName)
      try machine.drop("a")
      try machine.wait(until: "test -e /var/spool/obspool/done/a.json")
      let record = try machine.sure("cat /var/spool/obspool/observations/s/a.xml")
      #expect(record.contains("There is a file"))
      let denied = try machine.run("journalctl -u obspool.service | grep -iE 'denied|not permitted|priority'")
        .output
      #expect(denied == "")
      Proofs.show("record", record)
    }

    @Test func `The prune runs in its own sandbox`() throws {
      let machine = try Machine(idleExit: 0)
      try machine.drop("a")
      try machine.wait(until: "test -e /var/spool/obspool/done/a.json")
      try machine.sure("systemctl start obspool-prune.service")
      #expect(try machine.names(in: "done") == ["a.json"])
      try machine.write(
        "[Service]\nExecStart=\nExecStart=/usr/local/bin/obspool prune --spool /var/spool/obspool --older-than 0s\n",
        to: "/etc/systemd/system/obspool-prune.service.d/test.conf")
      try machine.sure("systemctl daemon-reload && systemctl start obspool-prune.service")
      #expect(try machine.names(in: "done") == [])
      #expect(try machine.names(in: "observations") == [])
      Proofs.show("journal", try machine.journal("obspool-prune*"))
      try machine.sure("systemctl enable --now obspool-prune.timer")
      Proofs.show("timer", try machine.sure("systemctl list-timers --no-pager obspool-prune.timer"))
    }

    @Test func `Install can be repeated, and uninstall leaves the spool`() throws {
      let machine = try Machine(idleExit: 0)
      try machine.drop("a")
      try machine.wait(until: "test -e /var/spool/obspool/done/a.json")
      let before = try machine.list()
      let again = try machine.sure("cd /opt/obspool && obspool install")
      #expect(!again.contains("put  "))
      #expect(again.contains("unchanged  /usr/local/bin/obspool"))
      #expect(try machine.list() == before)
      Proofs.show("obspool install, again", again)
      #expect(try machine.run("obspool install", as: "alice").code == 66)
      #expect(try machine.run("cd /opt/obspool && obspool install", as: "alice").code == 77)
      try machine.sure("mkdir -p /var/spool/obspool-red/pending && systemctl enable --now obspool@red.path")
      let removed = try machine.sure("obspool uninstall")
      Proofs.show("obspool uninstall", removed)
      #expect(try machine.list() == before)
      #expect(
        try machine.sure(
          "ls /etc/systemd/system /etc/sysusers.d /etc/tmpfiles.d | grep obspool | grep -v '\\.d$' | wc -l")
          == "0")
      #expect(try machine.run("systemctl is-active obspool.path").output == "inactive")
      #expect(try machine.sure("find /etc/systemd -type l -name 'obspool*'") == "")
      #expect(try machine.run("test -e /usr/local/bin/obspool").code == 1)
    }
  }
}
