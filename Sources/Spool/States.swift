// The states of an input as types: what was found, what was claimed, what is finished.
import FoundationEssentials
import JSONText
import Threads

/// Where an input is: the directory's name.
public enum State: String, CaseIterable, Sendable {
  case pending, inflight, done, failed
}

/// What a look at a waiting file found. Nothing is moved by it.
public enum Look: Sendable {
  /// All of the file, and what a claim may be given of it; nil where the claim has to read it again.
  case file([UInt8], FileStamp, Seen?)
  /// No file of that name waits any more.
  case gone
  /// More than 8 MiB; nothing of it is kept.
  case tooLarge(FileStamp)
  /// A link, a fifo, a device, a directory, or a file with a second name: not opened, left where it is.
  case notTaken(reason: String)
  case unreadable(SpoolError)
}

/// A waiting file as it was when it was looked at. A claim that is given it reads the file only if it is another by
/// then: only a look makes one, and only where that would show.
public struct Seen: Sendable {
  /// The SHA-256 of the file's bytes, in hexadecimal.
  let sha256: String
  let status: FileStatus
}

/// What became of a claim.
public enum ClaimResult: Sendable {
  case claimed(Claimed)
  /// No file of that name waits any more.
  case gone
  /// The file is not the one that was looked at; it waits on.
  case changed
  /// The same bytes as `done/NAME.json`: the same input delivered again. It has been moved over that one, and
  /// there is nothing to do.
  case redelivered
  /// As in `Look`.
  case notTaken(reason: String)
}

/// An input that the running processor has claimed: it is in `inflight`. Only a claim makes one, and only one
/// of these can be finished, given back or failed.
public final class Claimed: Sendable {
  /// Its name from now on, which is `NAME~2` where the first was taken.
  public let name: InputName
  /// All of the file; nil where it was not read again, since it is what the claim was given as seen.
  public let bytes: [UInt8]?
  /// The SHA-256 of the file's bytes, in hexadecimal.
  public let sha256: String
  /// The file's size and time when it was read.
  public let stamp: FileStamp
  /// Why it has failed before, if it has.
  public let note: ErrorNote?
  /// The session it was claimed for.
  let session: String
  /// The number of the file in `inflight` that was read, or that was copied.
  let inode: UInt64
  /// Another user's file, of which `inflight` holds the processor's copy; open, because its writer may still
  /// write to it.
  let original: OpenFile?

  init(
    name: InputName, bytes: [UInt8]?, sha256: String, stamp: FileStamp, note: ErrorNote?, session: String,
    inode: UInt64, original: OpenFile?
  ) {
    self.name = name
    self.bytes = bytes
    self.sha256 = sha256
    self.stamp = stamp
    self.note = note
    self.session = session
    self.inode = inode
    self.original = original
  }
}

/// The record of one input, in both its forms.
public struct RecordFile: Sendable {
  /// The session's identifier as it came; the spool makes it safe for a path.
  public let session: String
  public let xml: WrittenBytes
  public let json: WrittenBytes

  public init(session: String, xml: WrittenBytes, json: WrittenBytes) {
    self.session = session
    self.xml = xml
    self.json = json
  }
}

/// A claimed input with its record, ready to be committed.
public struct Finished: Sendable {
  public let claimed: Claimed
  public let record: RecordFile

  public init(claimed: Claimed, record: RecordFile) {
    self.claimed = claimed
    self.record = record
  }
}

/// The inputs of one call: all are committed or none. The record of the last entry is committed last.
public struct Batch: Sendable {
  public let entries: [Finished]

  public init(entries: [Finished]) { self.entries = entries }
}

/// What became of a batch.
public enum CommitOutcome: Sendable {
  /// All records are on disk, all inputs in done.
  case done
  /// An input's file was touched since it was read: all are back in pending, and there is no record.
  case changed
  /// Nothing is lost: every input that is not in done yet is still in inflight, and the same batch can be
  /// committed again.
  case failed(SpoolError)
  /// It was not tried, since the commit that it comes behind was not done. Every input is still in inflight.
  case behind
}

/// What commits have in common that may become visible in any order among themselves. A commit that comes behind names
/// the ticket of those before it: no record of it is written before theirs are on disk.
public final class CommitTicket: Sendable {
  private let failed = Locked<Bool>(false)

  public init() {}

  /// Whether any commit of this ticket was not done when it was tried, even if it was later. Whoever comes behind asks
  /// again without the ticket then.
  var hasFailed: Bool {
    get { failed.withLock { $0 } }
    set { failed.withLock { $0 = newValue } }
  }
}

/// A file beside the inputs that says something about the whole spool.
public enum Sidecar: Hashable, Sendable {
  /// `paused/PROVIDER.json`: nothing is sent to this provider.
  case pause(provider: String)
}

/// What recovery must know of what is in the files, which the spool itself does not.
public protocol RecordReader: Sendable {
  /// The session that an input belongs to.
  func session(ofInput bytes: [UInt8]) -> String
  /// What a record says of its input; nil for what is no record.
  func facts(ofRecord json: [UInt8]) -> RecordFacts?
}

/// What recovery reads from a record.
public struct RecordFacts: Sendable {
  public var inputSHA256: String
  /// The names of the inputs of the same call, itself included, where there was more than one.
  public var batch: [String]?
  /// Writes the record's XML anew.
  public var xml: @Sendable () -> WrittenBytes

  public init(inputSHA256: String, batch: [String]?, xml: @escaping @Sendable () -> WrittenBytes) {
    self.inputSHA256 = inputSHA256
    self.batch = batch
    self.xml = xml
  }
}

/// What recovery did with the inputs that it found in flight.
public struct Recovery: Sendable {
  public struct GivenBack: Sendable, Equatable {
    public var name: InputName
    /// How often the processor has ended now while it was in flight.
    public var crashes: Int
  }

  /// Their records were on disk: now in done, without another call.
  public var movedOn: [InputName] = []
  /// Back in pending, due now.
  public var givenBack: [GivenBack] = []
  /// In failed, because the processor has ended over them too often.
  public var failed: [InputName] = []
  /// What is in `inflight` and is no input; left there.
  public var notTaken: [String] = []
}
