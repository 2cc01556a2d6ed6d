// One run of another program, with its end in our hands.

import CSystem
import Glibc
import Threads

/// Runs a program once: bytes in, bytes out, killed with all its children when its time is over or nobody waits.
///
/// Not Foundation's `Process`, which hands down whatever signals the calling thread blocks.
struct Subprocess: Sendable {
  enum Ending: Sendable, Equatable {
    /// It ended by itself: with 126 or 127 where it could not be started, with 128 and the signal's number where
    /// a signal ended it.
    case exited(status: Int32)
    case timedOut
    case cancelled
    /// It wrote more than it may.
    case tooMuch
    /// Nothing could be started, with the reason.
    case notStarted(Int32)
  }

  struct Outcome: Sendable {
    var ending: Ending
    var output: [UInt8] = []
    var errors: [UInt8] = []
  }

  let path: String
  let arguments: [String]
  /// Its whole environment, as `NAME=value`.
  let environment: [String]
  /// Seconds from its start.
  let timeout: Double
  /// Bytes of output.
  let limit: Int

  /// Runs the program on a thread of its own; ends it at once when the task is cancelled.
  func run(input: [UInt8]) async -> Outcome {
    guard let stop = Pipe() else { return Outcome(ending: .notStarted(errno)) }
    defer { stop.closeReader() }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        Thread.detached(name: "command") { continuation.resume(returning: execute(input, stop: stop.reader)) }
      }
    } onCancel: {
      stop.closeWriter()
    }
  }

  private func execute(_ input: [UInt8], stop: Int32) -> Outcome {
    blockBrokenPipeSignal()
    guard let stdin = Pipe(), let stdout = Pipe(), let stderr = Pipe() else {
      return Outcome(ending: .notStarted(errno))
    }
    var process: pid_t = 0
    let code = spawn(&process, stdin.reader, stdout.writer, stderr.writer)
    stdin.closeReader()
    stdout.closeWriter()
    stderr.closeWriter()
    defer {
      stdout.closeReader()
      stderr.closeReader()
    }
    guard code == 0 else { return Outcome(ending: .notStarted(code)) }
    let end = Self.now() + timeout
    var outcome = exchange(input, stdin, stdout.reader, stderr.reader, stop: stop, until: end)
    if case .exited = outcome.ending { outcome.ending = waitForExit(of: process, stop: stop, until: end) }
    // Whatever it has started goes with it.
    kill(-process, SIGKILL)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    if case .exited = outcome.ending {
      let signal = status & 0x7F
      outcome.ending = .exited(status: signal == 0 ? status >> 8 & 0xFF : 128 + signal)
    }
    return outcome
  }

  /// Starts it in the root directory and a group of its own, with nothing of ours but three pipes.
  private func spawn(_ process: inout pid_t, _ stdin: Int32, _ stdout: Int32, _ stderr: Int32) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, stdin, 0)
    posix_spawn_file_actions_adddup2(&actions, stdout, 1)
    posix_spawn_file_actions_adddup2(&actions, stderr, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t.none
    var all = sigset_t.all
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    // `env -C` changes the directory, for which Glibc's module shows no call: the program should find nothing of
    // a project around it.
    let env = "/usr/bin/env"
    var argv = ([env, "-C", "/", path] + arguments).map { strdup($0) } + [nil]
    var envp = environment.map { strdup($0) } + [nil]
    defer { for text in argv + envp { free(text) } }
    return posix_spawn(&process, env, &actions, &attributes, &argv, &envp)
  }

  /// Writes the input and reads both outputs side by side, until they end or the time is over.
  private func exchange(
    _ input: [UInt8], _ stdin: Pipe, _ stdout: Int32, _ stderr: Int32, stop: Int32, until end: Double
  ) -> Outcome {
    var outcome = Outcome(ending: .exited(status: 0))
    _ = fcntl(stdin.writer, F_SETFL, O_NONBLOCK)
    var written = 0
    var watched = [
      pollfd(fd: stdout, events: Int16(POLLIN), revents: 0),
      pollfd(fd: stderr, events: Int16(POLLIN), revents: 0),
      pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
      pollfd(fd: stdin.writer, events: Int16(POLLOUT), revents: 0),
    ]
    if input.isEmpty {
      stdin.closeWriter()
      watched[3].fd = -1
    }
    defer { if watched[3].fd >= 0 { stdin.closeWriter() } }
    while watched[0].fd >= 0 || watched[1].fd >= 0 {
      let left = end - Self.now()
      guard left > 0 else {
        outcome.ending = .timedOut
        break
      }
      let ready = poll(&watched, 4, Int32(min(left * 1000 + 1, 1e9)))
      guard ready >= 0 || errno == EINTR else { break }
      if watched[2].revents != 0 {
        outcome.ending = .cancelled
        break
      }
      if watched[0].revents != 0, !Self.read(stdout, into: &outcome.output) { watched[0].fd = -1 }
      if watched[1].revents != 0, !Self.read(stderr, into: &outcome.errors) { watched[1].fd = -1 }
      guard outcome.output.count + outcome.errors.count <= limit else {
        outcome.ending = .tooMuch
        break
      }
      if watched[3].revents != 0 {
        let count = input.withUnsafeBytes {
          Glibc.write(stdin.writer, $0.baseAddress.map { $0 + written }, $0.count - written)
        }
        written += max(count, 0)
        if written == input.count || count < 0 && errno != EAGAIN && errno != EINTR {
          stdin.closeWriter()
          watched[3].fd = -1
        }
      }
      for index in watched.indices { watched[index].revents = 0 }
    }
    return outcome
  }

  /// Waits for the end of a process that has closed its outputs, without reaping it: until then nobody else gets
  /// its number.
  private func waitForExit(of process: pid_t, stop: Int32, until end: Double) -> Ending {
    while true {
      var found = siginfo_t()
      let status = waitid(P_PID, id_t(process), &found, WEXITED | WNOHANG | WNOWAIT)
      if status == 0, found.si_signo != 0 { return .exited(status: 0) }
      if Self.now() >= end { return .timedOut }
      var watched = pollfd(fd: stop, events: Int16(POLLIN), revents: 0)
      if poll(&watched, 1, 10) > 0 { return .cancelled }
    }
  }

  /// Appends what is there; false at the end.
  private static func read(_ descriptor: Int32, into bytes: inout [UInt8]) -> Bool {
    let part = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
      count = max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
    }
    bytes += part
    return !part.isEmpty
  }

  /// In seconds.
  private static func now() -> Double { Double(monotonicNanoseconds()) / 1e9 }
}

/// A pipe whose ends no child gets, not even one that another thread starts at this moment: who held a copy of the
/// writing end would keep the reader from seeing the end.
private final class Pipe: Sendable {
  let reader: Int32
  let writer: Int32
  private let isOpen = Locked((reader: true, writer: true))

  init?() {
    var ends: [Int32] = [0, 0]
    guard csystem_pipe(&ends) == 0 else { return nil }
    reader = ends[0]
    writer = ends[1]
  }

  deinit {
    closeReader()
    closeWriter()
  }

  func closeReader() {
    isOpen.withLock { isOpen in
      if isOpen.reader { close(reader) }
      isOpen.reader = false
    }
  }

  func closeWriter() {
    isOpen.withLock { isOpen in
      if isOpen.writer { close(writer) }
      isOpen.writer = false
    }
  }
}
