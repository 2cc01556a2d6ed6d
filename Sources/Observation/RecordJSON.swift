// A record as JSON, in the order of members that readers rely on.
import FoundationEssentials
import JSONText

extension Record {
  /// The record as indented JSON text with a line break at its end.
  public var json: [UInt8] { [] }

  /// Reads a record from its JSON text.
  public init(json bytes: [UInt8]) throws(RecordError) {
    throw RecordError(message: "")
  }
}
