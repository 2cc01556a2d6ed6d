// Providers that are down, keys that are dead, processes that are killed, machines that reboot.

import Foundation
import TestSupport
import Testing
import Threads

extension Systemd {
  @Suite struct FaultTests {
    @Test func `A provider that is down for longer than the start limit's window`() throws {
      let isUp = Locked(false)
      let server = try LoopbackServer { _ in isUp.withLock { $0 } ? answer : .close }
      let machine = try Machine(settings: settings(asking: server), idleExit: 0)
      for name in ["a", "b", "c"] { try machine.drop(name) }
      // The window of the start limit is ten seconds.
      try machine.run("sleep 15")
      #expect(try machine.property("ActiveState") == "active")
      #expect(try machine.property("NRestarts") == "0")
      Proofs.show("status while it is down", try machine.property("StatusText"))
      isUp.withLock { $0 = true }
      for name in ["a", "b", "c"] { try machine.wait(until: "test -e /var/spool/obspool/done/\(name).json") }
      try machine.wait(until: "test \"$(systemctl show -P ActiveState obspool.service)\" = inactive")
      #expect(try machine.property("ActiveState", of: "obspool.path") == "active")
      Proofs.show("journal", try machine.journal())
    }

    @Test func `A dead key, then a new one, in the settings`() throws {
      let server = try LoopbackServer {
        $0.header("Authorization") == "Bearer new" ? answer : .error(401, "dead key")
      }
      let machine = try Machine(settings: settings(asking: server, key: "dead"), idleExit: 0)
      try machine.drop("a")
      try machine.wait(until: "test -e /var/spool/obspool/paused/openrouter.json")
      try machine.wait(until: "systemctl show -P StatusText obspool.service | grep -q paused")
      Proofs.show("systemctl status", try machine.property("StatusText"))
      let process = try machine.property("MainPID")
      try machine.write(settings(asking: server, key: "new"), to: "/etc/obspool/settings.json")
      try machine.wait(until: "test -e /var/spool/obspool/done/a.json")
      #expect(try machine.property("NRestarts") == "0")
      #expect(try machine.sure("journalctl -u obspool.service | grep -c 'obspool\\[\(process)\\]'") != "0")
      #expect(try machine.names(in: "paused") == [])
      Proofs.show("journal", try machine.journal())
    }

    @Test func `A dead key, then a new one, as systemd's credential`() throws {
      let server = try LoopbackServer {
        $0.header("Authorization") == "Bearer new" ? answer : .error(401, "dead key")
      }
      let machine = try Machine(settings: settings(asking: server, key: nil), idleExit: 0)
      try machine.sure("umask 077; echo dead > /etc/obspool/credentials/openrouter-api-key")
      try machine.drop("a")
      try machine.wait(until: "test -e /var/spool/obspool/paused/openrouter.json")
      #expect(server.requests.map { $0.header("Authorization") } == ["Bearer dead"])
      try machine.sure(
        "echo new > /etc/obspool/credentials/openrouter-api-key && systemctl restart obspool.service")
      try machine.wait(until: "test -e /var/spool/obspool/done/a.json")
      #expect(server.requests.last?.header("Authorization") == "Bearer new")
      Proofs.show("journal", try machine.journal())
    }

    @Test func `Without any key it is a pause, not an exit`() throws {
      let machine = try Machine(settings: "{}", idleExit: 0)
      try machine.drop("a")
      try machine.wait(until: "systemctl show -P StatusText obspool.service | grep -q paused")
      #expect(try machine.property("ActiveState") == "active")
      Proofs.show("systemctl status", try machine.property("StatusText"))
      try machine.write("{ not json", to: "/etc/obspool/settings.json")
      try machine.drop("b")
      try machine.run("sleep 1")
      #expect(try machine.property("NRestarts") == "0")
      try machine.write(#"{"CLAUDE_MEM_PROVIDER": "offline"}"#, to: "/etc/obspool/settings.json")
      try machine.wait(until: "test -e /var/spool/obspool/done/b.json")
      Proofs.show("journal", try machine.journal())
    }

    @Test(arguments: ["KILL", "SEGV"])
    func `A signal that kills mid-flight loses nothing`(signal: String) async throws {
      let server = try LoopbackServer { _ in .hang(then: answer) }
      let machine = try Machine(settings: settings(asking: server), idleExit: 0)
      try machine.drop("a")
      await server.waitForRequests(1)
      #expect(try machine.names(in: "inflight") == ["a.json"])
      Proofs.show("ls before", try machine.list())
      try machine.sure("systemctl kill -s \(signal) obspool.service")
      await server.waitForRequests(2)
      server.release()
      try machine.wait(until: "test -e /var/spool/obspool/done/a.json")
      try machine.wait(until: "test \"$(systemctl show -P ActiveState obspool.service)\" = inactive")
      #expect(try machine.names(in: "observations/s") == ["a.json", "a.xml"])
      Proofs.show("ls after", try machine.list())
      Proofs.show("journal", try machine.journal())
    }

    @Test(arguments: [true, false])
    func `A reboot with files in every state`(atOnce: Bool) async throws {
      let server = try LoopbackServer { $0.text.contains("hangs") ? .hang(then: answer) : answer }
      let machine = try Machine(settings: settings(asking: server), idleExit: 60)
      try machine.drop("before")
      try machine.wait(until: "test -e /var/spool/obspool/done/before.json")
      try machine.sure(
        "cd /var/spool/obspool/pending && echo '[]' > .x && touch -d '1 hour ago' .x && mv .x bad.json",
        as: "alice")
      try machine.wait(until: "test -e /var/spool/obspool/failed/bad.json")
      try machine.drop("hangs", session: "t")
      await server.waitForRequests(2)
      try machine.sure("cd /var/spool/obspool/pending && echo half > .left-over", as: "alice")
      try machine.drop("next", session: "t")
      #expect(try machine.names(in: "inflight") == ["hangs.json"])
      #expect(try machine.names(in: "pending") == ["next.json"])
      Proofs.show("ls before", try machine.list())
      try machine.reboot(atOnce: atOnce)
      // Nothing is dropped: what was left has to start the service.
      await server.waitForRequests(3)
      server.release()
      for name in ["hangs", "next"] {
        try machine.wait(until: "test -e /var/spool/obspool/done/\(name).json")
      }
      #expect(try machine.names(in: "done") == ["before.json", "hangs.json", "next.json"])
      #expect(try machine.names(in: "failed") == ["bad.json"])
      Proofs.show("ls after", try machine.list())
      Proofs.show("journal", try machine.journal())
    }

    @Test func `The watchdog hears the engine's thread, and ends a process that hangs`() throws {
      let machine = try Machine(idleExit: 60, more: "WatchdogSec=1\nRestartSec=0")
      try machine.drop("a")
      try machine.wait(until: "test -e /var/spool/obspool/done/a.json")
      let process = try machine.property("MainPID")
      try machine.run("sleep 4")
      #expect(try machine.property("MainPID") == process, "an idle engine did not beat")
      try machine.sure("kill -STOP \(process)")
      try machine.drop("b")
      try machine.wait(until: "test -e /var/spool/obspool/done/b.json")
      #expect(try machine.property("MainPID") != process)
      #expect(try machine.sure("journalctl -u obspool.service | grep -c 'Watchdog timeout'") == "1")
      Proofs.show("journal", try machine.journal())
    }
  }
}
