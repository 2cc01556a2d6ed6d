// System calls that fail where a test says so.

import Glibc
import Threads

@testable import Spool

/// The real calls, behind a question: may this one go through?
final class FaultySystem: SystemCalls {
  enum Call: String, CaseIterable, Sendable {
    case open, read, write, truncate, fsync, syncfs, rename, renameNoReplace, unlink, makeDirectory,
      removeDirectory, status
    case setModified, lock, list, makeInotify, addWatch
  }

  private struct State {
    var count = 0
    var counts: [Call: Int] = [:]
    var user: UInt32?
    var lastFlags: Int32 = 0
    var rule: @Sendable (Call, Int, String) -> Errno? = { _, _, _ in nil }
  }

  private let state = Locked(State())
  private let real = Linux()

  /// Decides about each call by what it is, how many of all came before it, and the name that it is about.
  func set(_ rule: @escaping @Sendable (Call, Int, String) -> Errno?) { state.withLock { $0.rule = rule } }

  func pass() { set { _, _, _ in nil } }

  /// From now on, the next call of this kind fails, once.
  func failNext(_ call: Call, _ code: Int32, name: String = "") {
    let isUsed = Locked(false)
    set { kind, _, path in
      guard kind == call, path.contains(name) || name.isEmpty else { return nil }
      return isUsed.withLock { used in
        defer { used = true }
        return used ? nil : Errno(code)
      }
    }
  }

  /// As if the process had been killed before its call number `first`: nothing goes through any more.
  func crash(at first: Int) { set { _, number, _ in number >= first ? Errno(EIO) : nil } }

  /// As if another user ran the process.
  func run(asUser user: UInt32) { state.withLock { $0.user = user } }

  /// What the last open(2) was given.
  var lastFlags: Int32 { state.withLock { $0.lastFlags } }

  var count: Int { state.withLock { $0.count } }
  func count(of call: Call) -> Int { state.withLock { $0.counts[call] ?? 0 } }

  private func ask(_ call: Call, _ name: String = "") throws(Errno) {
    let error = state.withLock { state -> Errno? in
      defer {
        state.count += 1
        state.counts[call, default: 0] += 1
      }
      return state.rule(call, state.count, name)
    }
    if let error { throw error }
  }

  func open(_ name: String, in directory: Int32, flags: Int32, mode: mode_t) throws(Errno) -> Int32 {
    state.withLock { $0.lastFlags = flags }
    try ask(.open, name)
    return try real.open(name, in: directory, flags: flags, mode: mode)
  }
  /// A process that has died holds no lock. Here a child of another test, just being started, may still have the
  /// descriptor, and with it the lock.
  func close(_ descriptor: Int32) {
    real.unlock(descriptor)
    real.close(descriptor)
  }
  func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
    try ask(.read)
    return try real.read(descriptor, into: buffer)
  }
  func read(_ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(Errno)
    -> Int
  {
    try ask(.read)
    return try real.read(descriptor, at: offset, into: buffer)
  }
  func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) throws(Errno) -> Int {
    try ask(.write)
    // Never more than seven bytes at once: every write is a short one.
    return try real.write(descriptor, UnsafeRawBufferPointer(rebasing: bytes.prefix(7)))
  }
  func truncate(_ descriptor: Int32, to size: Int) throws(Errno) {
    try ask(.truncate)
    try real.truncate(descriptor, to: size)
  }
  func fsync(_ descriptor: Int32) throws(Errno) {
    try ask(.fsync)
    try real.fsync(descriptor)
  }
  func syncfs(_ descriptor: Int32) throws(Errno) {
    try ask(.syncfs)
    // The real one would wait for every other test on this disk.
  }
  func rename(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32) throws(Errno) {
    try ask(.rename, newName)
    try real.rename(name, in: directory, to: newName, in: newDirectory)
  }
  func renameNoReplace(_ name: String, in directory: Int32, to newName: String, in newDirectory: Int32)
    throws(Errno)
  {
    try ask(.renameNoReplace, newName)
    try real.renameNoReplace(name, in: directory, to: newName, in: newDirectory)
  }
  func unlink(_ name: String, in directory: Int32) throws(Errno) {
    try ask(.unlink, name)
    try real.unlink(name, in: directory)
  }
  func removeDirectory(_ name: String, in directory: Int32) throws(Errno) {
    try ask(.removeDirectory, name)
    try real.removeDirectory(name, in: directory)
  }
  func makeDirectory(_ name: String, in directory: Int32, mode: mode_t) throws(Errno) {
    try ask(.makeDirectory, name)
    try real.makeDirectory(name, in: directory, mode: mode)
  }
  func status(of name: String, in directory: Int32) throws(Errno) -> FileStatus {
    try ask(.status, name)
    return try real.status(of: name, in: directory)
  }
  func status(of descriptor: Int32) throws(Errno) -> FileStatus {
    try ask(.status)
    return try real.status(of: descriptor)
  }
  func setModified(_ nanoseconds: Int64, of name: String, in directory: Int32) throws(Errno) {
    try ask(.setModified, name)
    try real.setModified(nanoseconds, of: name, in: directory)
  }
  func setModified(_ nanoseconds: Int64, of descriptor: Int32) throws(Errno) {
    try ask(.setModified)
    try real.setModified(nanoseconds, of: descriptor)
  }
  func unlock(_ descriptor: Int32) { real.unlock(descriptor) }

  func lock(_ descriptor: Int32) throws(Errno) {
    try ask(.lock)
    try real.lock(descriptor)
  }
  func list(_ directory: Int32, _ body: (UnsafeBufferPointer<UInt8>) -> Void) throws(Errno) {
    try ask(.list)
    try real.list(directory, body)
  }
  func makeInotify() throws(Errno) -> Int32 {
    try ask(.makeInotify)
    return try real.makeInotify()
  }
  func addWatch(_ inotify: Int32, path: String, mask: UInt32) throws(Errno) -> Int32 {
    try ask(.addWatch, path)
    return try real.addWatch(inotify, path: path, mask: mask)
  }
  func effectiveUser() -> UInt32 { state.withLock { $0.user } ?? real.effectiveUser() }
}

/// Counts from zero.
final class Counter: Sendable {
  private let value = Locked(0)

  func next() -> Int {
    value.withLock { value in
      defer { value += 1 }
      return value
    }
  }
}
