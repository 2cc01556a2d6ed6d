// By what the spool sees that a file was touched since it was read.
import FoundationEssentials

/// The size and modification time of a file.
public struct FileStamp: Equatable, Hashable, Sendable {
  /// In bytes.
  public var size: Int
  /// The modification time in nanoseconds since 1970.
  public var nanoseconds: Int64

  public init(size: Int, nanoseconds: Int64) {
    self.size = size
    self.nanoseconds = nanoseconds
  }

  /// The modification time; in pending, when the input is due.
  public var modified: Date { Date(timeIntervalSince1970: Double(nanoseconds) / 1e9) }
}

extension Date {
  /// Nanoseconds since 1970, held within what a file system can store (the years 1970 to 2200).
  var nanoseconds: Int64 {
    let seconds = timeIntervalSince1970
    guard seconds > 0 else { return 0 }
    return Int64(min(seconds, 7_258_118_400) * 1e9)
  }
}
