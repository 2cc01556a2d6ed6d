// What the provider notes for the benchmark, in memory that both processes have.
import Glibc
import Threads

/// A file in memory: how many requests have come, and of each when it was whole and how large its body was.
///
/// The provider alone writes. It counts a request after it has noted it, so whoever reads the count may read
/// the notes up to it.
struct Board: @unchecked Sendable {
  // Unchecked because it holds pointers; one process writes, others read, and the count orders them.
  private let counters: UnsafeMutablePointer<UInt64>
  private let moments: UnsafeMutablePointer<UInt64>
  private let sizes: UnsafeMutablePointer<UInt32>

  static let capacity = 1 << 21

  /// Opens the board at `path`, and makes it where it is missing.
  init?(path: String) {
    let size = 16 + Self.capacity * 12
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    guard ftruncate(descriptor, size) == 0,
      let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), memory != MAP_FAILED
    else { return nil }
    counters = memory.bindMemory(to: UInt64.self, capacity: 2)
    moments = (memory + 16).bindMemory(to: UInt64.self, capacity: Self.capacity)
    sizes = (memory + 16 + Self.capacity * 8).bindMemory(to: UInt32.self, capacity: Self.capacity)
  }

  /// The provider's port; 0 until it listens.
  var port: Int {
    get { Int(counters[1]) }
    nonmutating set { counters[1] = UInt64(newValue) }
  }

  var count: Int { min(Int(counters[0]), Self.capacity) }

  /// When a request was whole, in nanoseconds of CLOCK_MONOTONIC.
  func moment(_ index: Int) -> UInt64 { moments[index] }

  /// The size of a request's body in bytes.
  func size(_ index: Int) -> Int { Int(sizes[index]) }

  func note(bytes: Int) {
    let index = Int(counters[0])
    guard index < Self.capacity else { return }
    moments[index] = monotonicNanoseconds()
    sizes[index] = UInt32(truncatingIfNeeded: bytes)
    counters[0] = UInt64(index + 1)
  }

  /// Forgets the requests. To be called while none is under way.
  func clear() { counters[0] = 0 }
}

/// Seconds since `start`, which is of `monotonicNanoseconds`.
func seconds(since start: UInt64) -> Double { Double(monotonicNanoseconds() - start) / 1e9 }
