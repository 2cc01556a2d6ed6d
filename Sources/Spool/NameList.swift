// A listing of a directory that holds a million names without breathing hard.

/// The names of the inputs in one state directory. Each takes its own bytes and four more.
public struct NameList: Sendable, RandomAccessCollection {
  private static let chunkBits: UInt32 = 20
  private static let chunkSize = 1 << 20

  /// Names one after another, each behind its length; none crosses from one chunk to the next, so that the
  /// list grows without copying what it has.
  private var chunks: [[UInt8]] = []
  private var positions: [UInt32] = []

  /// Other visible names in the directory, which are no inputs' and are left where they are; the first
  /// thousand of them.
  public internal(set) var others: [String] = []
  /// How many such names there are.
  public internal(set) var othersCount = 0

  static let mostOthers = 1000

  public init() {}

  public var startIndex: Int { 0 }
  public var endIndex: Int { positions.count }

  public subscript(index: Int) -> InputName {
    let text = withBytes(positions[index]) { String(decoding: $0, as: UTF8.self) }
    guard let name = InputName(text) else { preconditionFailure("only names of inputs are added") }
    return name
  }

  mutating func append(_ name: some Collection<UInt8>) {
    if chunks.last.map({ $0.count + name.count + 1 > Self.chunkSize }) ?? true {
      chunks.append([])
      chunks[chunks.count - 1].reserveCapacity(Self.chunkSize)
    }
    let last = chunks.count - 1
    positions.append(UInt32(last) << Self.chunkBits | UInt32(chunks[last].count))
    chunks[last].append(UInt8(name.count))
    chunks[last].append(contentsOf: name)
  }

  /// Adds a name at the end, whatever the order.
  public mutating func append(_ name: InputName) { append(name.text.utf8) }

  mutating func note(other name: String) {
    othersCount += 1
    if others.count < Self.mostOthers { others.append(name) }
  }

  /// Sorts the names by their bytes.
  public mutating func sort() {
    // Names often begin alike, with a date: eight bytes behind what all have in common decide nearly always.
    guard let first = positions.first else { return }
    var shared = withBytes(first) { Array($0) }
    for position in positions where !shared.isEmpty {
      let same = withBytes(position) { name in zip(shared, name).prefix { $0 == $1 }.count }
      if same < shared.count { shared.removeSubrange(same...) }
    }
    let skipped = shared.count
    var keyed = positions.map { position in
      withBytes(position) { name in
        var key: UInt64 = 0
        for offset in skipped..<skipped + 8 {
          key = key << 8 | UInt64(offset < name.count ? name[offset] : 0)
        }
        return (key: key, position: position)
      }
    }
    keyed.sort { left, right in
      if left.key != right.key { return left.key < right.key }
      return withBytes(left.position) { left in
        withBytes(right.position) { right in left.lexicographicallyPrecedes(right) }
      }
    }
    positions = keyed.map(\.position)
  }

  private func withBytes<Result>(_ position: UInt32, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result
  {
    chunks[Int(position >> Self.chunkBits)].withUnsafeBufferPointer { chunk in
      let start = Int(position & (1 << Self.chunkBits - 1))
      return body(UnsafeBufferPointer(rebasing: chunk[start + 1..<start + 1 + Int(chunk[start])]))
    }
  }
}
