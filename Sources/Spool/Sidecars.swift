// Files beside the inputs: pauses, and the log of usage.
import FoundationEssentials
import Glibc
import JSONText

extension Spool {
  /// The pauses: for each provider what stands in its file. Works beside a running processor.
  public func pauses() throws(SpoolError) -> [(provider: String, json: [UInt8])] {
    var pauses: [(provider: String, json: [UInt8])] = []
    for fileName in try paused.names() {
      guard let name = InputName(fileName: fileName), let provider = PathComponent.text(of: name.text),
        let json = try paused.read(fileName)
      else { continue }
      pauses.append((provider, json))
    }
    return pauses
  }

  /// The usage log of one day, such as `2026-11-24`; nil where there is none. Its last line may be cut, by a
  /// crash or because it is being written. Works beside a running processor.
  public func usage(of day: String) throws(SpoolError) -> [UInt8]? {
    try usage.read(UsageLines.fileName(day))
  }

  fileprivate func file(of sidecar: Sidecar) -> (directory: Directory, name: String) {
    switch sidecar {
    case .pause(let provider):
      (paused, PathComponent.safe(provider, limit: InputName.longestFileName - 5) + ".json")
    }
  }
}

/// Writes or removes a sidecar.
final class SidecarChange: GroupedChange {
  private let sidecar: Sidecar
  /// Nil to remove it.
  private let bytes: [UInt8]?
  private let answer: (Result<Void, SpoolError>) -> Void
  private var temporary: String?

  init(_ sidecar: Sidecar, _ bytes: [UInt8]?, answer: @escaping (Result<Void, SpoolError>) -> Void) {
    self.sidecar = sidecar
    self.bytes = bytes
    self.answer = answer
  }

  /// A crash leaves a file in tmp.
  func write(_ group: inout CommitGroup) throws(SpoolError) {
    guard let bytes else { return }
    let file = try group.spool.writeTemporary(WrittenBytes(bytes))
    temporary = file.name
    group.syncs.add(file.file)
  }

  /// A crash leaves the old file or the new one, whole.
  func publish(_ group: inout CommitGroup) throws(SpoolError) {
    let (directory, name) = group.spool.file(of: sidecar)
    if let temporary {
      try group.spool.tmp.rename(temporary, to: directory, as: name)
      self.temporary = nil
    } else {
      try directory.remove(name)
    }
    group.syncs.add(directory)
  }

  func move(_ group: inout CommitGroup) {}

  func abandon(_ group: inout CommitGroup) {
    if let temporary { _ = try? group.spool.tmp.remove(temporary) }
    temporary = nil
  }

  func reply(_ outcome: Result<Void, SpoolError>) { answer(outcome) }
}

/// Appends lines to the usage log of a day.
final class UsageLines: GroupedChange {
  private let lines: [[UInt8]]
  private let day: String
  private let answer: (Result<Void, SpoolError>) -> Void
  /// The file and its size before, once something may have been written.
  private var written: (file: OpenFile, size: Int)?

  init(_ lines: [[UInt8]], day: String, answer: @escaping (Result<Void, SpoolError>) -> Void) {
    self.lines = lines
    self.day = day
    self.answer = answer
  }

  static func fileName(_ day: String) -> String {
    PathComponent.safe(day, limit: InputName.longestFileName - 6) + ".jsonl"
  }

  /// A crash leaves the lines, some of them, the last one cut, or nothing. What is cut is closed by the next line that is written.
  func write(_ group: inout CommitGroup) throws(SpoolError) {
    let name = Self.fileName(day)
    let usage = group.spool.usage
    let isNew = try !usage.contains(name)
    let file = try usage.create(name, exclusively: false, flags: O_RDWR | O_APPEND)
    let size = try file.status().stamp.size
    let newLine = UInt8(ascii: "\n")
    var text: [UInt8] = []
    if size > 0, try file.byte(at: size - 1) != newLine { text.append(newLine) }
    for line in lines {
      text += line
      text.append(newLine)
    }
    written = (file, size)
    try file.write(text)
    group.syncs.add(file)
    if isNew { group.syncs.add(usage) }
  }

  func publish(_ group: inout CommitGroup) {}
  func move(_ group: inout CommitGroup) {}

  /// Takes back what may have been written, so that trying again does not write it twice. The lines behind it in
  /// the file have failed with it, and the first to be taken back takes them along.
  func abandon(_ group: inout CommitGroup) {
    guard let (file, size) = written, let status = try? file.status(), status.stamp.size > size else {
      return
    }
    // If this fails too, a line too much says that a call cost twice what it did, which is the safe side.
    try? file.system.truncate(file.descriptor, to: size)
  }

  func reply(_ outcome: Result<Void, SpoolError>) { answer(outcome) }
}
