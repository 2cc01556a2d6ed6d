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
    var keyed = KeyedPositions(positions)
    // Names that are alike up to a place in them are sorted by the eight bytes from there on, those that are alike in
    // these too by the next eight.
    var runs = [(range: 0..<positions.count, depth: lengthInCommon())]
    while let run = runs.popLast() {
      keyed.sort(run.range) { key(of: $0, from: run.depth) }
      for same in keyed.runsOfOneKey(in: run.range) { runs.append((same, run.depth + 8)) }
    }
    positions = keyed.positions
  }

  /// How many bytes all names begin with. Often they begin with a date.
  private func lengthInCommon() -> Int {
    guard let first = positions.first else { return 0 }
    return withBytes(first) { first in
      var length = first.count
      for position in positions where length > 0 {
        withBytes(position) { name in
          if name.count < length { length = name.count }
          var same = 0
          while same < length, name[same] == first[same] { same += 1 }
          length = same
        }
      }
      return length
    }
  }

  /// Eight bytes of a name as a number that sorts as they do; zeros behind its end, which come before all that a name
  /// can hold.
  private func key(of position: UInt32, from depth: Int) -> UInt64 {
    withBytes(position) { name in
      var key: UInt64 = 0
      for offset in depth..<depth + 8 { key = key << 8 | UInt64(offset < name.count ? name[offset] : 0) }
      return key
    }
  }

  private func withBytes<Result>(_ position: UInt32, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result
  {
    chunks[Int(position >> Self.chunkBits)].withUnsafeBufferPointer { chunk in
      let start = Int(position & (1 << Self.chunkBits - 1))
      return body(UnsafeBufferPointer(rebasing: chunk[start + 1..<start + 1 + Int(chunk[start])]))
    }
  }
}

/// The positions of names, each with eight bytes of its name.
private struct KeyedPositions {
  private struct Element {
    var key: UInt64 = 0
    var position: UInt32
  }

  private var elements: [Element]
  /// Where they are put in order; as long as the longest run that was sorted by bytes.
  private var spare: [Element] = []

  init(_ positions: [UInt32]) { elements = positions.map { Element(position: $0) } }

  var positions: [UInt32] { elements.map(\.position) }

  /// Fewer than these are compared with each other.
  private static let few = 256

  /// Sorts some of them by new keys.
  mutating func sort(_ range: Range<Int>, by key: (UInt32) -> UInt64) {
    for index in range { elements[index].key = key(elements[index].position) }
    if range.count < Self.few {
      elements[range].sort { $0.key < $1.key }
    } else {
      sortByBytes(range)
    }
  }

  /// The runs of more than one element with the same key, of names that do not end in it.
  func runsOfOneKey(in range: Range<Int>) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var start = range.lowerBound
    for end in range where elements[end].key != elements[start].key {
      if end - start > 1, elements[start].key & 0xFF != 0 { runs.append(start..<end) }
      start = end
    }
    if range.upperBound - start > 1, elements[start].key & 0xFF != 0 { runs.append(start..<range.upperBound) }
    return runs
  }

  /// A radix sort: by each byte of the keys, from the last to the first, where not all have the same.
  private mutating func sortByBytes(_ range: Range<Int>) {
    let varying = elements[range].reduce(0) { $0 | ($1.key ^ elements[range.lowerBound].key) }
    if spare.count < range.count { spare = Array(elements[range]) }
    for shift in stride(from: UInt64(0), to: 64, by: 8) where varying >> shift & 0xFF != 0 {
      var places = [Int](repeating: 0, count: 256)
      for index in range { places[Int(elements[index].key >> shift & 0xFF)] += 1 }
      var place = 0
      for byte in places.indices { (places[byte], place) = (place, place + places[byte]) }
      for index in range {
        let byte = Int(elements[index].key >> shift & 0xFF)
        spare[places[byte]] = elements[index]
        places[byte] += 1
      }
      for index in range { elements[index] = spare[index - range.lowerBound] }
    }
  }
}
