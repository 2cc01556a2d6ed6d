// SHA-256 as in FIPS 180-4, so that `sha256sum done/NAME.json` gives what a record says.

import CSystem

/// The hash of a text of bytes.
public enum SHA256 {
  /// The hash in lower-case hexadecimal, 64 digits.
  public static func hex(_ bytes: [UInt8]) -> String {
    let words = hash(bytes, byInstructions: true)
    return String(unsafeUninitializedCapacity: 64) { text in
      for index in 0..<64 {
        let digit = UInt8(truncatingIfNeeded: words[index / 8] >> UInt32(28 - index % 8 * 4)) & 15
        text[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + (digit - 10)
      }
      return 64
    }
  }

  /// - Parameter byInstructions: Whether the processor's own instructions are used where it has them, ten times as
  ///   fast.
  static func hash(_ bytes: [UInt8], byInstructions: Bool) -> [UInt32] {
    var state: [UInt32] = [
      0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    let whole = bytes.count / 64 * 64
    let rest = bytes.count - whole
    state.withUnsafeMutableBufferPointer { state in
      bytes.withUnsafeBytes { bytes in
        compress(UnsafeRawBufferPointer(rebasing: bytes[..<whole]), state, byInstructions: byInstructions)
        // What follows the last whole block: the rest, a one bit, zeros, and the length in bits.
        let count = rest < 56 ? 64 : 128
        withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { tail in
          tail.initializeMemory(as: UInt8.self, repeating: 0)
          tail.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[whole...]))
          tail[rest] = 0x80
          tail.storeBytes(
            of: (UInt64(bytes.count) * 8).bigEndian, toByteOffset: count - 8, as: UInt64.self)
          compress(UnsafeRawBufferPointer(tail), state, byInstructions: byInstructions)
        }
      }
    }
    return state
  }

  /// Takes whole blocks of 64 bytes into the state.
  private static func compress(
    _ blocks: UnsafeRawBufferPointer, _ state: UnsafeMutableBufferPointer<UInt32>, byInstructions: Bool
  ) {
    constants.withUnsafeBufferPointer { constants in
      if byInstructions, compressByInstructions(blocks, state, constants) { return }
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { schedule in
        for offset in stride(from: 0, to: blocks.count, by: 64) {
          compress(blocks, at: offset, state, schedule, constants)
        }
      }
    }
  }

  /// False where the processor has no such instructions.
  private static func compressByInstructions(
    _ blocks: UnsafeRawBufferPointer, _ state: UnsafeMutableBufferPointer<UInt32>,
    _ constants: UnsafeBufferPointer<UInt32>
  ) -> Bool {
    csystem_sha256(
      state.baseAddress, constants.baseAddress, blocks.bindMemory(to: UInt8.self).baseAddress,
      blocks.count / 64) == 1
  }

  private static func compress(
    _ bytes: UnsafeRawBufferPointer, at offset: Int, _ state: UnsafeMutableBufferPointer<UInt32>,
    _ schedule: UnsafeMutableBufferPointer<UInt32>, _ constants: UnsafeBufferPointer<UInt32>
  ) {
    for index in 0..<16 {
      schedule[index] = UInt32(
        bigEndian: bytes.loadUnaligned(fromByteOffset: offset &+ index &* 4, as: UInt32.self))
    }
    for index in 16..<64 {
      let early = schedule[index &- 15]
      let late = schedule[index &- 2]
      let first = rotate(early, 7) ^ rotate(early, 18) ^ early &>> 3
      let second = rotate(late, 17) ^ rotate(late, 19) ^ late &>> 10
      schedule[index] = schedule[index &- 16] &+ first &+ schedule[index &- 7] &+ second
    }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for index in 0..<64 {
      // Both are the standard's functions with one operation less.
      let choice = g ^ (e & (f ^ g))
      let majority = (a & b) | (c & (a | b))
      let sum = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      let first = h &+ sum &+ choice &+ constants[index] &+ schedule[index]
      let second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) &+ majority
      h = g
      g = f
      f = e
      e = d &+ first
      d = c
      c = b
      b = a
      a = first &+ second
    }
    state[0] &+= a
    state[1] &+= b
    state[2] &+= c
    state[3] &+= d
    state[4] &+= e
    state[5] &+= f
    state[6] &+= g
    state[7] &+= h
  }

  @inline(__always)
  private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
    word &>> count | word &<< (32 &- count)
  }

  private static let constants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
  ]
}
