// What makes things durable: one thread that takes whatever has queued up and syncs it together.
import FoundationEssentials

public final class Committer: Sendable {
  public init(spool: Spool) { fatalError("not yet") }
  public func commit(_ batch: Batch) async -> CommitOutcome { fatalError("not yet") }
  public func giveBack(_ input: Claimed, due: Date?, note: ErrorNote?) async throws(SpoolError) {}
  public func fail(_ input: Claimed, note: ErrorNote) async throws(SpoolError) {}
  /// Moves a waiting file that cannot be claimed (too large, unreadable) from pending to failed.
  public func reject(_ name: InputName, expecting: FileStamp?, note: ErrorNote) async throws(SpoolError) {}
  public func publish(_ bytes: [UInt8], at sidecar: Sidecar) async throws(SpoolError) {}
  public func withdraw(_ sidecar: Sidecar) async throws(SpoolError) {}
  public func append(line: [UInt8], toUsageOf day: String) async throws(SpoolError) {}
  public func flush() async {}
  public func close() async {}
}
extension Spool {
  public func claim(_ name: InputName, session: String, expecting: FileStamp) throws(SpoolError) -> ClaimResult { fatalError("not yet") }
  public func recover(reading reader: some RecordReader) throws(SpoolError) -> Recovery { fatalError("not yet") }
  public enum RetryResult: Sendable { case retried(InputName), inflight, done, unknown }
  public func retry(_ name: InputName) throws(SpoolError) -> RetryResult { fatalError("not yet") }
  public func sessions() throws(SpoolError) -> [SessionPlace] { fatalError("not yet") }
  public func records(of place: SessionPlace, _ body: ([UInt8]) -> Void) throws(SpoolError) {}
  public func record(of name: InputName, in place: SessionPlace) throws(SpoolError) -> [UInt8]? { nil }
  public func pauses() throws(SpoolError) -> [(provider: String, json: [UInt8])] { [] }
  public func usage(of day: String) throws(SpoolError) -> [UInt8]? { nil }
}
