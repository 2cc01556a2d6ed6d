// The yardstick for parsing: libxml2's SAX reader, found at run time so that nothing needs its headers.
import Glibc

/// libxml2 (https://gitlab.gnome.org/GNOME/libxml2) as far as a SAX2 reader is concerned.
struct SAXReader {
  private typealias Parse =
    @convention(c) (UnsafeMutableRawPointer, UnsafeMutableRawPointer?, UnsafePointer<CChar>, Int32) -> Int32
  private typealias StartElement =
    @convention(c) (
      UnsafeMutableRawPointer?, UnsafePointer<UInt8>?, UnsafePointer<UInt8>?, UnsafePointer<UInt8>?, Int32,
      UnsafeMutableRawPointer?, Int32, Int32, UnsafeMutableRawPointer?
    ) -> Void
  private typealias EndElement =
    @convention(c) (
      UnsafeMutableRawPointer?, UnsafePointer<UInt8>?, UnsafePointer<UInt8>?, UnsafePointer<UInt8>?
    ) -> Void
  private typealias Characters =
    @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<UInt8>?, Int32) -> Void

  /// What a reader has seen, so that nothing can be left out.
  struct Seen: Equatable {
    var elements = 0
    var characters = 0
  }

  private let parse: Parse
  /// `struct _xmlSAXHandler` of libxml2 2.x: 32 words.
  private let handler: UnsafeMutableRawPointer

  /// Nil where libxml2 is not installed.
  init?() {
    guard let library = dlopen("libxml2.so.2", RTLD_NOW), let symbol = dlsym(library, "xmlSAXUserParseMemory")
    else { return nil }
    parse = unsafeBitCast(symbol, to: Parse.self)
    handler = .allocate(byteCount: 32 * 8, alignment: 8)
    memset(handler, 0, 32 * 8)
    let characters: Characters = { context, _, count in
      context?.assumingMemoryBound(to: Seen.self).pointee.characters += Int(count)
    }
    let start: StartElement = { context, _, _, _, _, _, _, _, _ in
      context?.assumingMemoryBound(to: Seen.self).pointee.elements += 1
    }
    let end: EndElement = { _, _, _, _ in }
    handler.storeBytes(of: characters, toByteOffset: 17 * 8, as: Characters.self)
    // XML_SAX2_MAGIC: the handlers with name spaces count.
    handler.storeBytes(of: 0xDEED_BEAF, toByteOffset: 27 * 8, as: UInt32.self)
    handler.storeBytes(of: start, toByteOffset: 29 * 8, as: StartElement.self)
    handler.storeBytes(of: end, toByteOffset: 30 * 8, as: EndElement.self)
  }

  /// Reads a document; nil where it is not well-formed.
  func read(_ document: [UInt8]) -> Seen? {
    var seen = Seen()
    let code = document.withUnsafeBytes { bytes in
      withUnsafeMutableBytes(of: &seen) { context -> Int32 in
        guard let start = bytes.bindMemory(to: CChar.self).baseAddress else { return -1 }
        return parse(handler, context.baseAddress, start, Int32(bytes.count))
      }
    }
    return code == 0 ? seen : nil
  }
}
