// Reads an event in all the forms that producers write: obspool's own, hook payloads, a worker's spellings.
import FoundationEssentials
import JSONText

extension Event {
  /// The largest input, in bytes.
  public static let maximumBytes = 8 << 20

  /// Decodes one input: a JSON object in UTF-8, with or without a byte-order mark.
  public init(decoding bytes: [UInt8]) throws(EventError) {
    throw EventError(code: .notJSON, message: "")
  }
}
