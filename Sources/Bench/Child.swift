// Other processes: started, measured, waited for.
import Glibc
import Threads

/// What a process has taken, as wait4(2) tells.
struct Taken {
  /// Processor time, user and system.
  var cpuSeconds = 0.0
  /// From its start to its end.
  var wallSeconds = 0.0
  /// Resident at most, in bytes.
  var peakBytes = 0
  var contextSwitches = 0
  /// Its exit code; -1 where a signal has ended it.
  var code: Int32 = 0
}

/// A process that runs.
struct Child {
  let pid: pid_t
  /// When it was started, of `monotonicNanoseconds`.
  let started: UInt64

  /// Starts a program. Its output goes nowhere.
  ///
  /// - Parameters:
  ///   - environment: `NAME=VALUE`; nothing of the benchmark's own environment but `PATH` comes with it.
  ///   - input: What is its standard input; nil for nothing.
  ///   - errors: The file that takes its standard error; nil for the benchmark's own.
  init?(
    _ program: String, _ arguments: [String], environment: [String] = [], input: Int32? = nil,
    errors: String? = "/dev/null"
  ) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    } else {
      posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    if let errors {
      posix_spawn_file_actions_addopen(
        &actions, STDERR_FILENO, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    }
    let path = getenv("PATH").map { "PATH=" + String(cString: $0) } ?? "PATH=/usr/bin:/bin"
    var words = ([program] + arguments).map { strdup($0) } + [nil]
    var variables = (environment + [path]).map { strdup($0) } + [nil]
    defer {
      for word in words + variables { free(word) }
    }
    var pid: pid_t = 0
    started = monotonicNanoseconds()
    guard posix_spawnp(&pid, program, &actions, nil, &words, &variables) == 0 else { return nil }
    self.pid = pid
  }

  func signal(_ number: Int32) { kill(pid, number) }

  /// Waits for its end.
  func wait() -> Taken {
    var usage = rusage()
    var status: Int32 = 0
    while wait4(pid, &status, 0, &usage) == -1, errno == EINTR {}
    var taken = Taken()
    taken.wallSeconds = Double(monotonicNanoseconds() - started) / 1e9
    taken.cpuSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
    taken.peakBytes = usage.ru_maxrss * 1024
    taken.contextSwitches = usage.ru_nvcsw + usage.ru_nivcsw
    taken.code = status & 0x7F == 0 ? status >> 8 & 0xFF : -1
    return taken
  }

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

  // MARK: While it runs

  /// A number of `/proc/PID/status`; of a size, in bytes.
  func status(_ key: String) -> Int {
    for line in Files.text("/proc/\(pid)/status").split(separator: "\n") where line.hasPrefix(key + ":") {
      let words = line.dropFirst(key.count + 1).split { $0 == " " || $0 == "\t" }
      return (words.first.flatMap { Int($0) } ?? 0) * (words.last == "kB" ? 1024 : 1)
    }
    return 0
  }

  /// How often its threads have been put on a processor so far: every wake-up is one.
  var timesScheduled: Int {
    Files.names("/proc/\(pid)/task").reduce(0) { sum, task in
      let numbers = Files.text("/proc/\(pid)/task/\(task)/schedstat").split { $0 == " " || $0 == "\n" }
      return sum + (numbers.last.flatMap { Int($0) } ?? 0)
    }
  }

  /// Processor time of its threads so far, also of those that have ended, in seconds (clock_getcpuclockid(3)); where that
  /// cannot be told not a number, which meets no goal.
  var cpuSoFar: Double {
    var clock = clockid_t()
    var time = timespec()
    guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else { return .nan }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// Files, in as few words as a benchmark needs.
enum Files {
  static func bytes(_ path: String) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while case let count = read(descriptor, &buffer, buffer.count), count > 0 {
      bytes.append(contentsOf: buffer[..<count])
    }
    return bytes
  }

  static func text(_ path: String) -> String { String(decoding: bytes(path), as: UTF8.self) }

  /// Writes a file that was not there. False where that fails.
  @discardableResult
  static func write(_ bytes: [UInt8], to path: String) -> Bool {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return Glibc.write(descriptor, bytes, bytes.count) == bytes.count
  }

  /// The visible names in a directory, in no order.
  static func names(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }

  static func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// Removes a directory with all that is in it.
  static func remove(_ path: String) {
    if let child = Child("rm", ["-rf", "--", path]) { _ = child.wait() }
  }
}
