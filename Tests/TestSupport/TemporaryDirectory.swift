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

  deinit { Self.removeTree(path) }

  /// The path of something in it.
  public func appending(_ name: String) -> String { "\(path)/\(name)" }

  /// Removes a directory with all that is in it, without following links.
  private static func removeTree(_ path: String) {
    guard let directory = opendir(path) else { return }
    defer {
      closedir(directory)
      rmdir(path)
    }
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      let child = "\(path)/\(name)"
      if entry.pointee.d_type == UInt8(DT_DIR) { removeTree(child) } else { unlink(child) }
    }
  }
}
