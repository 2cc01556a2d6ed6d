// Reading files of which nobody knows what they are.

import Glibc

/// The bytes of a file, up to its end; nil, with errno, where it cannot be read or has more than a megabyte, as a device
/// has that gives bytes for ever. Nobody is waited for, whatever kind of file it is.
///
/// Foundation's `Data(contentsOf:)` takes the first read that is short for the end, and in `/proc` most are.
func contents(of path: String) -> [UInt8]? {
  let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard file >= 0 else { return nil }
  var contents: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = Glibc.read(file, &chunk, chunk.count)
    if count < 0, errno == EINTR { continue }
    let code = errno
    if count <= 0 || contents.count + count > 1 << 20 {
      close(file)
      errno = count > 0 ? EFBIG : code
      return count == 0 ? contents : nil
    }
    contents += chunk[..<count]
  }
}
