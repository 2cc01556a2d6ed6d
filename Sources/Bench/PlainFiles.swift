// What the kernel does in this minute, to compare with.
import Glibc

/// Files of 4 kB, each written in one directory and renamed to another, without a sync: what this machine's kernel
/// does in this minute.
enum PlainFiles {
  static let count = 4000

  static func run(in directory: String) -> Int32 {
    let from = open(directory + "/from", O_RDONLY | O_CLOEXEC)
    let to = open(directory + "/to", O_RDONLY | O_CLOEXEC)
    let bytes = [UInt8](repeating: 0x61, count: 4096)
    for number in 0..<count {
      let name = "\(number).json"
      let file = openat(from, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
      guard write(file, bytes, bytes.count) == bytes.count, close(file) == 0,
        renameat(from, name, to, name) == 0
      else { return 1 }
    }
    return 0
  }
}
