// How a spool stands, for `obspool status`.

import FoundationEssentials
import Glibc
import JSONText
import Spool

/// The counts, times, pauses and costs of a spool at one moment. It changes nothing in it.
public struct StatusReport: Sendable {
  public let path: String
  /// The process that owns the spool, if one does.
  public let owner: Int?
  /// How many inputs are in each state; nil where this user may not look.
  public let pending: Int?
  public let inflight: Int?
  public let done: Int?
  public let failed: Int?
  /// How many of those in pending are due.
  public let due: Int?
  /// What else is in pending: links, fifos, directories, names of no input.
  public let others: Int?
  /// The earliest modification time in pending: since when something has been waiting.
  public let oldest: Date?
  /// When the next one is due of those in pending that are not.
  public let nextDue: Date?
  /// By provider.
  public let pauses: [Pause]
  /// The provider that the settings name; a pause of another one holds nothing.
  public let provider: String
  /// The calls of the day in UTC.
  public let today: UsageTotal

  /// The report as indented JSON with a line break at its end. Times are RFC 3339 in UTC.
  public var json: [UInt8] {
    var writer = JSONWriter(.indented)
    writer.object {
      $0.member("spool", path)
      $0.member("owner_pid", owner)
      $0.key("pending")
      $0.object {
        $0.member("count", pending)
        $0.member("due", due)
        $0.member("oldest_at", oldest)
        $0.member("next_due_at", nextDue)
        $0.member("not_inputs", others)
      }
      $0.member("inflight", inflight)
      $0.member("done", done)
      $0.member("failed", failed)
      $0.key("paused")
      $0.array {
        for pause in pauses {
          $0.object {
            $0.member("provider", pause.provider)
            $0.member("class", pause.failureClass.rawValue)
            $0.member("status", pause.status)
            $0.member("message", pause.message)
            $0.member("since", pause.since)
            $0.member("until", pause.until)
            $0.member("in_use", pause.provider == provider)
          }
        }
      }
      $0.key("today")
      $0.object { today.write(to: &$0) }
    }
    return writer.bytes + [UInt8(ascii: "\n")]
  }
}

extension StatusReport {
  /// Looks at a spool, which may be at work meanwhile.
  public init(spool: Spool, settings: Settings, now: Date) throws(SpoolError) {
    path = spool.path
    provider = settings.provider
    owner = Self.owner(ofLock: "\(spool.path)/lock")
    let standing = try spool.standing(in: .pending, horizon: settings.retryMax)
    pending = standing.count
    others = standing.others
    due = standing.due
    oldest = standing.oldest
    nextDue = standing.nextDue
    inflight = try spool.count(in: .inflight)
    done = try spool.count(in: .done)
    failed = try spool.count(in: .failed)
    pauses = try spool.pauses().compactMap { Pause(json: $0.json) }.sorted { $0.provider < $1.provider }
    today = UsageTotal(lines: try spool.usage(of: UsageLine.day(of: now)) ?? [])
  }

  /// Looks at a spool into which this user may drop files and not much more, from outside: what may not be seen is nil.
  public init(ofForbiddenSpool path: String, settings: Settings, now: Date) {
    func names(_ directory: String) -> [String]? {
      try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(directory)")
    }
    func count(_ state: State) -> Int? {
      names(state.rawValue)?.filter { InputName(fileName: $0) != nil }.count
    }
    func bytes(_ file: String) -> [UInt8] {
      (try? Data(contentsOf: URL(filePath: "\(path)/\(file)"))).map { [UInt8]($0) } ?? []
    }
    self.path = path
    provider = settings.provider
    owner = Self.owner(ofLock: "\(path)/lock")
    pending = count(.pending)
    inflight = count(.inflight)
    done = count(.done)
    failed = count(.failed)
    due = nil
    others = nil
    oldest = nil
    nextDue = nil
    pauses = (names("paused") ?? []).sorted().compactMap { Pause(json: bytes("paused/\($0)")) }
    today = UsageTotal(lines: bytes("usage/\(UsageLine.day(of: now)).jsonl"))
  }

  /// The process that holds the lock, by the kernel's list (proc_locks(5)). To try the lock would be in the way of
  /// a processor that starts.
  private static func owner(ofLock path: String) -> Int? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    let text = contents(of: path).map { String(decoding: $0, as: UTF8.self) }
    let written = text.flatMap { Int($0.trimmingWhitespace()) }
    // The list is read in pieces, and where locks come and go meanwhile one may fall between two of them. So it is
    // read again while the process whose number stands in the file is there.
    for _ in 0..<20 {
      guard let locks = contents(of: "/proc/locks") else { return nil }
      if let owner = owner(
        in: String(decoding: locks, as: UTF8.self), device: UInt64(status.st_dev),
        inode: UInt64(status.st_ino),
        written: written, isHidden: text == nil)
      {
        return owner
      }
      guard let written, stat("/proc/\(written)", &status) == 0, stat(path, &status) == 0 else { return nil }
    }
    return nil
  }

  /// The process that holds the lock on a file.
  ///
  /// Some file systems (Btrfs, overlayfs) tell stat(2) another device than the kernel's list. There the file's number
  /// counts if the process is also the one whose number is written in the file.
  ///
  /// - Parameters:
  ///   - written: The number that stands in the file.
  ///   - isHidden: Whether this user may not read the file, so that the file's number alone has to count.
  static func owner(
    in locks: String, device: UInt64, inode: UInt64, written: Int?, isHidden: Bool = false
  ) -> Int? {
    var likely: Int?
    for line in locks.split(separator: "\n") {
      // 1: FLOCK  ADVISORY  WRITE 4242 08:01:131075 0 EOF
      let fields = line.split(separator: " ")
      guard fields.count >= 6, fields[1] == "FLOCK", let process = Int(fields[4]) else { continue }
      let numbers = fields[5].split(separator: ":")
      guard numbers.count == 3, UInt64(numbers[2]) == inode,
        let major = UInt64(numbers[0], radix: 16), let minor = UInt64(numbers[1], radix: 16)
      else { continue }
      if number(ofDevice: major, minor) == device || process == written { return process }
      if isHidden { likely = likely ?? process }
    }
    return likely
  }

  /// As makedev(3), which is a macro, makes it of Linux's 12 and 20 bits.
  static func number(ofDevice major: UInt64, _ minor: UInt64) -> UInt64 {
    (major & 0xFFF) << 8 | minor & 0xFF | (minor & 0xFFF00) << 12
  }
}
