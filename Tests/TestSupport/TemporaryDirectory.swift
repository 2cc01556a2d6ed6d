// A fresh directory for one test.

import Glibc

/// A directory that nobody else uses and that goes, with all that is in it, when nobody holds it any more.
public final class TemporaryDirectory: Sendable {
  /// Its absolute path, without a slash at its end.
  public let path: String

  public init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/obspool-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw LoopbackError(call: "mkdtemp", code: errno) }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit {
    Self.empty(opendir(path))
    rmdir(path)
  }

  /// The path of something in it.
  public func appending(_ name: String) -> String { "\(path)/\(name)" }

  /// Removes all that is in a directory, without following links. Names are any bytes, as a hostile producer's are.
  private static func empty(_ directory: OpaquePointer?) {
    guard let directory else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let isDirectory = entry.pointee.d_type == UInt8(DT_DIR)
      withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { name in
          if isDirectory {
            guard strcmp(name, ".") != 0, strcmp(name, "..") != 0 else { return }
            empty(fdopendir(openat(dirfd(directory), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
          }
          unlinkat(dirfd(directory), name, isDirectory ? AT_REMOVEDIR : 0)
        }
      }
    }
  }
}
