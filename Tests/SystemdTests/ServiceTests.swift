// The main way, and what path units are known to trip over.

import Foundation
import TestSupport
import Testing
import Threads

/// Settings that lead to a server on loopback, with short waits.
func settings(asking server: LoopbackServer, key: String? = "key") -> String {
  let key = key.map { #""CLAUDE_MEM_OPENROUTER_API_KEY": "\#($0)", "# } ?? ""
  return """
    {"CLAUDE_MEM_PROVIDER": "openrouter", \(key)"CLAUDE_MEM_OPENROUTER_BASE_URL": "\(server.url)",
     "OBSPOOL_RETRY_BASE_SECONDS": 1, "OBSPOOL_RETRY_MAX_SECONDS": 2}
    """
}

let answer = HTTPResponse.chat(
  "<observation><type>discovery</type><title>There is a file</title></observation>")

extension Systemd {
  @Suite struct ServiceTests {
    @Test func `A file that a member drops starts the service and is recorded`() throws {
      let machine = try Machine()
      Proofs.show("ls before", try machine.list())
      #expect(try machine.property("ActiveState") == "inactive")
      try machine.drop("a")
      try machine.wait(until: "test -e /var/spool/obspool/done/a.json")
      #expect(try machine.property("ActiveState") == "active")
      #expect(try machine.names(in: "observations/s") == ["a.json", "a.xml"])
      try machine.wait(until: "systemctl show -P StatusText obspool.service | grep -q \"1 done\"")
      Proofs.show("ls after", try machine.list())
      Proofs.show(
        "systemctl status", try machine.run("systemctl status --no-pager -n 0 obspool.service").output)
      Proofs.show("journal", try machine.journal())
    }

    @Test func `A member may drop, and neither list nor read nor replace; who is none may not even drop`()
      throws
    {
      let machine = try Machine()
      // Without the path nothing takes the files away.
      try machine.sure("systemctl stop obspool.path obspool.service")
      try machine.drop("bobs", as: "bob")
      let file = "/var/spool/obspool/pending/bobs.json"
      let forbidden = [
        "ls /var/spool/obspool/pending", "ls /var/spool/obspool", "ls /var/spool/obspool/done", "cat \(file)",
        "rm -f \(file)",
        "mv -f \(file) /var/spool/obspool/pending/alices.json", "echo '{}' > \(file)",
        "echo '{}' > /tmp/x && mv -f /tmp/x \(file)", "echo '{}' > /var/spool/obspool/x",
        "cat /etc/obspool/settings.json", "ls /etc/obspool/credentials",
      ]
      for script in forbidden {
        let outcome = try machine.run(script, as: "alice")
        #expect(outcome.code != 0, "alice may: \(script)")
        Proofs.show("alice: \(script)", outcome.output)
      }
      // The group can read it whatever the writer's mask, and nobody else.
      try machine.sure(
        "umask 077; echo '{\"kind\": \"note\"}' | obspool add --spool /var/spool/obspool", as: "bob")
      try machine.sure(
        "umask 077; cd /var/spool/obspool/pending; echo '{\"kind\": \"note\"}' > .masked && mv .masked masked.json",
        as: "bob")
      let added = try machine.sure("ls -l /var/spool/obspool/pending")
      let closed = added.split(separator: "\n").filter { $0.hasPrefix("-rw-r----- 1 bob obspool") }
      #expect(closed.count == 3)
      Proofs.show("ls -l pending", added)
      #expect(try machine.run("echo '{}' > /var/spool/obspool/pending/m.json", as: "mallory").code != 0)
      #expect(try machine.run("cat \(file)", as: "mallory").code != 0)
      try machine.sure("systemctl start obspool.path")
      try machine.wait(until: "test \"$(ls /var/spool/obspool/done | wc -l)\" = 3")
    }

    @Test func `Status works as root and as a member`() throws {
      let machine = try Machine()
      try machine.drop("a")
      try machine.wait(until: "test -e /var/spool/obspool/done/a.json")
      let root = try machine.sure("obspool status --spool /var/spool/obspool")
      #expect(root.contains("done       1") && root.contains("running, process"))
      Proofs.show("obspool status, as root", root)
      let member = try machine.sure("obspool status --spool /var/spool/obspool", as: "alice")
      #expect(member.contains("running, process") && member.contains("not for this user to see"))
      Proofs.show("obspool status, as a member", member)
      try machine.sure("obspool status --json --spool /var/spool/obspool", as: "alice")
      // Root works as the owner: nothing in the spool becomes root's.
      try machine.sure("cd /var/spool/obspool && mv done/a.json failed/ && obspool retry --spool . a")
      try machine.wait(until: "test -e /var/spool/obspool/done/a~2.json -o -e /var/spool/obspool/done/a.json")
      #expect(try machine.sure("find /var/spool/obspool -user root") == "")
    }

    @Test func `300 files, one start each, trip no limit`() throws {
      let machine = try Machine(idleExit: 0)
      let begun = ContinuousClock.now
      let script = """
        cd /var/spool/obspool
        for i in $(seq 300); do
          echo "{\\"session_id\\": \\"s\\", \\"tool_name\\": \\"Bash\\", \\"tool_input\\": {\\"command\\": \\"$i\\"}}" > pending/.$i
          chown alice:obspool pending/.$i
          mv pending/.$i pending/$i.json
          until [ -e done/$i.json ]; do sleep 0.01; done
          until [ "$(systemctl show -P ActiveState obspool.service)" = inactive ]; do sleep 0.01; done
        done
        """
      try machine.write(script, to: "/opt/drops")
      try machine.sure("timeout 500 sh /opt/drops")
      let starts = try machine.sure("journalctl -u obspool.service | grep -c 'Started obspool.service'")
      Proofs.show("starts", "\(starts) starts in \(ContinuousClock.now - begun)")
      #expect(Int(starts) == 300)
      #expect(try machine.names(in: "done").count == 300)
      #expect(try machine.property("ActiveState", of: "obspool.path") == "active")
      #expect(try machine.property("Result", of: "obspool.path") == "success")
      let limits = try machine.run("journalctl | grep -E 'start-limit|trigger-limit|repeated too quickly'")
        .output
      #expect(limits == "")
      Proofs.show("journal", try machine.sure("journalctl -u 'obspool*' -o short-precise | tail -n 8"))
    }

    @Test func `Files that land while the service stops are not lost`() throws {
      let machine = try Machine(idleExit: 0)
      let script = """
        cd /var/spool/obspool
        for i in $(seq 200); do
          echo "{\\"kind\\": \\"note\\", \\"session_id\\": \\"$i\\"}" > pending/.$i
          chown alice:obspool pending/.$i
          mv pending/.$i pending/$i.json
          # Somewhere between the claim of this one and the end of the process.
          sleep 0.0$((i * 7 % 90 + 10))
          [ $((i % 20)) = 0 ] && systemctl stop --no-block obspool.service
        done
        true
        """
      try machine.write(script, to: "/opt/drops")
      try machine.sure("timeout 200 sh /opt/drops")
      try machine.wait(until: "test \"$(ls /var/spool/obspool/done | wc -l)\" = 200")
      try machine.wait(until: "test \"$(systemctl show -P ActiveState obspool.service)\" = inactive")
      #expect(try machine.property("ActiveState", of: "obspool.path") == "active")
      let ends = try machine.sure("journalctl -u obspool.service | grep -c 'Deactivated successfully'")
      Proofs.show("ends while files landed", ends)
      #expect(try machine.run("journalctl | grep -E 'start-limit|trigger-limit'").output == "")
    }

    @Test func `What is no input keeps the service up, is named once, and lets it go when it is removed`()
      throws
    {
      let machine = try Machine(idleExit: 1)
      let pending = "/var/spool/obspool/pending"
      try machine.sure(
        "cd \(pending) && echo half > .left-over && ln -s /etc/passwd link.json && mkdir folder && mkfifo pipe.json",
        as: "alice")
      try machine.drop("a")
      try machine.wait(until: "test -e /var/spool/obspool/done/a.json")
      Proofs.show("ls before", try machine.list())
      // Ten times as long as it would take to leave, and as the start limit's window is.
      try machine.run("sleep 12")
      #expect(try machine.property("ActiveState") == "active")
      #expect(try machine.property("NRestarts") == "0")
      let starts = try machine.sure("journalctl -u obspool.service | grep -c 'Started obspool.service'")
      #expect(starts == "1")
      for name in ["link.json", "folder", "pipe.json"] {
        let named = try machine.sure(
          "journalctl -u obspool.service | grep -c 'pending/\(name) stays where it is'")
        #expect(named == "1", "\(name) is named \(named) times")
      }
      // The watchdog is fed every half a minute.
      let slept = "cat /proc/$(systemctl show -P MainPID obspool.service)/task/*/status | grep switches"
      let before = try machine.sure(slept)
      try machine.run("sleep 5")
      let after = try machine.sure(slept)
      #expect(before == after, "it woke up although nothing happened")
      try machine.sure("cd \(pending) && rm link.json pipe.json && rmdir folder")
      try machine.wait(until: "test \"$(systemctl show -P ActiveState obspool.service)\" = inactive")
      #expect(try machine.sure("ls -A \(pending)") == ".left-over")
      Proofs.show("ls after", try machine.list())
      Proofs.show("journal", try machine.journal())
    }

    @Test func `Two instances work side by side`() throws {
      let machine = try Machine()
      for name in ["red", "blue"] {
        // As the README says.
        try machine.sure(
          """
          sed -E 's,/(var/spool|etc)/obspool,&-\(name),' /etc/tmpfiles.d/obspool.conf > /etc/tmpfiles.d/obspool-\(name).conf
          systemd-tmpfiles --create /etc/tmpfiles.d/obspool-\(name).conf
          """)
        try machine.write(#"{"CLAUDE_MEM_PROVIDER": "offline"}"#, to: "/etc/obspool-\(name)/settings.json")
        try machine.sure("systemctl enable --now obspool@\(name).path")
      }
      for name in ["red", "blue"] { try machine.drop(name, spool: "/var/spool/obspool-\(name)") }
      for name in ["red", "blue"] {
        try machine.wait(until: "test -e /var/spool/obspool-\(name)/done/\(name).json")
        #expect(try machine.names(in: "done", of: "/var/spool/obspool-\(name)") == ["\(name).json"])
      }
      #expect(try machine.property("ActiveState") == "inactive")
      let processes = try machine.sure("pgrep -ax obspool")
      #expect(processes.split(separator: "\n").count == 2)
      Proofs.show("processes", processes)
      Proofs.show("journal", try machine.journal("obspool@*"))
    }

    @Test func `A user's units work under that user's manager`() throws {
      let machine = try Machine()
      try machine.sure("systemctl start user@$(id -u mallory).service")
      let session = "export XDG_RUNTIME_DIR=/run/user/$(id -u) HOME=/home/mallory; cd; "
      let installed = try machine.sure(
        session + "/opt/obspool/obspool install --user --from /opt/obspool/systemd", as: "mallory")
      Proofs.show("obspool install --user", installed)
      try machine.sure(
        session + """
          mkdir -p .claude-mem && echo '{"CLAUDE_MEM_PROVIDER": "offline"}' > .claude-mem/settings.json
          systemctl --user daemon-reload && systemctl --user enable --now obspool.path
          echo '{"session_id": "s", "tool_name": "Bash", "tool_input": {"command": "ls"}}' | .local/bin/obspool add
          """, as: "mallory")
      try machine.wait(until: "ls /home/mallory/.local/share/obspool/spool/observations/s/*.xml")
      Proofs.show(
        "status",
        try machine.sure(session + "systemctl --user --no-pager status obspool.service", as: "mallory"))
      Proofs.show("ls after", try machine.list("/home/mallory/.local/share/obspool/spool"))
      let removed = try machine.sure(session + ".local/bin/obspool uninstall --user", as: "mallory")
      Proofs.show("obspool uninstall --user", removed)
      #expect(try machine.sure("ls /home/mallory/.local/share/obspool/spool/done | wc -l") == "1")
      #expect(try machine.sure("ls /home/mallory/.config/systemd/user | grep -v wants | wc -l") == "0")
    }
  }
}
