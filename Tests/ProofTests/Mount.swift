// File systems of a test's own: mounted for as long as somebody holds them, and unmounted whatever happens.

import Foundation
import Glibc
import TestSupport
import Testing

/// A small file system on a directory.
final class Mount {
  let path: String
  private let holder: TemporaryDirectory
  private var image: String?
  private var isMounted = false

  /// A file system in memory.
  init(tmpfs size: String) throws {
    (holder, path, image) = try Self.place(image: false)
    try command("mount", "-t", "tmpfs", "-o", "size=\(size),mode=0755", "tmpfs", path)
    isMounted = true
  }

  /// An ext4 in a file, through a loop device.
  ///
  /// - Parameter inodeSize: In bytes; with 128 there is no room for the fractions of times.
  init(ext4 megabytes: Int, inodeSize: Int = 256) throws {
    (holder, path, image) = try Self.place(image: true)
    try command("truncate", "-s", "\(megabytes)M", image ?? "")
    try command("mkfs.ext4", "-q", "-F", "-I", "\(inodeSize)", image ?? "")
    try mount()
  }

  /// A directory once more, under another mount.
  init(binding source: String, to target: String) throws {
    holder = try TemporaryDirectory()
    (path, image) = (target, nil)
    try command("mount", "--bind", source, target)
    isMounted = true
  }

  deinit { unmount() }

  private static func place(image: Bool) throws -> (TemporaryDirectory, String, String?) {
    let holder = try TemporaryDirectory()
    let path = holder.appending("mount")
    mkdir(path, 0o755)
    return (holder, path, image ? holder.appending("image") : nil)
  }

  func mount() throws {
    guard !isMounted, let image else { return }
    try command("mount", "-o", "loop", image, path)
    isMounted = true
  }

  /// Unmounts it, if need be for as long as a process that was just killed still holds it.
  func unmount() {
    guard isMounted else { return }
    isMounted = !poll(seconds: 10) { umount2(path, 0) == 0 || errno == EINVAL }
    if isMounted { umount2(path, Int32(MNT_DETACH)) }
    isMounted = false
  }

  /// Has the power go: what is not on the disk will never be (EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH).
  func cutPower() throws {
    var withoutJournal: UInt32 = 2
    let file = open(path, O_RDONLY | O_DIRECTORY)
    defer { close(file) }
    guard ioctl(file, 0x8004_587D, &withoutJournal) == 0 else {
      throw Process.Hangs(description: "EXT4_IOC_SHUTDOWN: \(String(cString: strerror(errno)))")
    }
  }

  /// What comes after a cut: everything in memory is forgotten, the journal replayed.
  func restorePower() throws {
    unmount()
    // A mount namespace that somebody made meanwhile may hold the dead file system; its copy is a new disk.
    if let old = image, !poll(seconds: 1, { !Self.isAttached(old) }) {
      let copy = holder.appending("image-\(UUID().uuidString)")
      try command("cp", "--sparse=always", old, copy)
      image = copy
    }
    try mount()
  }

  /// Whether a loop device still has this file.
  private static func isAttached(_ image: String) -> Bool {
    names("/sys/block").filter { $0.hasPrefix("loop") }
      .contains { text("/sys/block/\($0)/loop/backing_file").hasPrefix(image + "\n") }
  }
}

/// Brings a file or directory to the disk.
func sync(_ path: String) {
  let file = open(path, O_RDONLY)
  fsync(file)
  close(file)
}
