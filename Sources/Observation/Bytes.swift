// What the readers of markup ask of bytes.
import Glibc

extension UnsafeBufferPointer<UInt8> {
  /// Where the byte stands next, from `start` on.
  func position(of byte: UInt8, from start: Int) -> Int? {
    guard let base = baseAddress, start < count, let found = memchr(base + start, Int32(byte), count - start)
    else { return nil }
    return UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
  }

  /// Whether the text goes on here with `mark`, which is in lower case; the text may be in either.
  func holds(_ mark: StaticString, at start: Int) -> Bool {
    guard start + mark.utf8CodeUnitCount <= count else { return false }
    for offset in 0..<mark.utf8CodeUnitCount where lowercase(self[start + offset]) != mark.utf8Start[offset] {
      return false
    }
    return true
  }
}

func isSpace(_ byte: UInt8) -> Bool {
  byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
}

/// An ASCII letter in lower case; any other byte as it is.
func lowercase(_ byte: UInt8) -> UInt8 {
  byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
}

/// Whether the byte may stand in the name of a tag.
func isNameByte(_ byte: UInt8) -> Bool {
  let letter = lowercase(byte)
  return letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z") || byte &- UInt8(ascii: "0") < 10
    || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    || byte == UInt8(ascii: ":")
}
