import FoundationEssentials
import Glibc
import JSONText
import Observation
import Spool
import TestSupport
import Testing

@testable import Pipeline

@Suite struct BacklogTests {
  static func name(_ text: String) -> InputName {
    guard let name = InputName(text) else { preconditionFailure("no name of an input: \(text)") }
    return name
  }

  static let stamp = FileStamp(size: 10, nanoseconds: 1)

  static func listing(_ names: [String]) -> NameList {
    var list = NameList()
    for text in names { list.append(name(text)) }
    return list
  }

  static func place(
    _ backlog: inout Backlog, _ text: String, _ session: String, due: Int64 = 0,
    demand: Backlog.Demand = .observation, alone: Bool = false
  ) {
    backlog.place(name(text), session: session, stamp: stamp, demand: demand, due: due, alone: alone)
  }

  /// The session whose turn is next.
  static func start(_ backlog: inout Backlog, now: Int64) throws -> Backlog.Session {
    let session = backlog.takeReady(now: now, admitsCalls: true)
    return try #require(session)
  }

  /// Takes one input of the session whose turn is next; nil where none is ready.
  static func takeOne(_ backlog: inout Backlog, now: Int64 = 100, admitsCalls: Bool = true) -> String? {
    guard let session = backlog.takeReady(now: now, admitsCalls: admitsCalls) else { return nil }
    defer { backlog.finish(session, shelving: false) }
    guard let head = backlog.head(of: session, now: now) else { return "" }
    backlog.removeHead(of: session)
    return backlog.name(of: head).text
  }

  static func takeAll(_ backlog: inout Backlog, now: Int64 = 100, admitsCalls: Bool = true) -> [String] {
    var taken: [String] = []
    while let name = takeOne(&backlog, now: now, admitsCalls: admitsCalls) { taken.append(name) }
    return taken
  }

  // MARK: What was read is kept

  /// The next day, for which all files are old.
  struct Tomorrow: Clock {
    func now() -> Date { Date(timeIntervalSinceNow: 86_400) }
  }

  /// Files that a spool looks at.
  struct Inputs {
    let directory: TemporaryDirectory
    let spool: Spool

    init() throws {
      directory = try TemporaryDirectory()
      spool = try Spool(path: directory.appending("spool"), clock: Tomorrow())
    }

    func put(_ text: String, as name: String) throws {
      try Data(#"{"prompt":"\#(text)"}"#.utf8).write(
        to: URL(filePath: "\(spool.path)/pending/\(name).json"))
    }

    /// What an engine keeps of an input.
    func kept(_ name: String) throws -> Backlog.Kept {
      guard case .file(let bytes, _, let seen?) = try spool.look(at: BacklogTests.name(name)) else {
        throw Errno(ENOENT)
      }
      return Backlog.Kept(try Event(decoding: bytes), of: seen, redact: Redaction(keys: []))
    }
  }

  @Test func keepsWhatWasReadUntilTheInputIsTaken() throws {
    let inputs = try Inputs()
    var backlog = Backlog()
    // Three of these have room, and not four.
    let size = Backlog.room / 3 - 2000
    for text in ["a", "b", "c", "d"] {
      try inputs.put(String(repeating: text, count: size), as: text)
      let kept = try inputs.kept(text)
      #expect(kept.size > size && kept.size <= Backlog.room / 3)
      backlog.place(
        Self.name(text), session: "s", stamp: Self.stamp, demand: .observation, due: 0, kept: kept)
    }
    let session = try Self.start(&backlog, now: 100)
    let first = backlog.removeHead(of: session)
    #expect(first?.event.prompt?.first == "a")
    // There is room again: each takes the place of what was kept of the same name, however often.
    for text in ["b", "c", "d", "b", "c", "d"] {
      let again = try inputs.kept(text)
      backlog.place(
        Self.name(text), session: "s", stamp: Self.stamp, demand: .observation, due: 0, kept: again)
    }
    let rest = [
      backlog.removeHead(of: session), backlog.removeHead(of: session), backlog.removeHead(of: session),
    ]
    #expect(rest.map { $0?.event.prompt?.first } == ["b", "c", "d"])
  }

  @Test func keepsNothingForWhichThereIsNoRoom() throws {
    let inputs = try Inputs()
    var backlog = Backlog()
    func place(_ text: String, _ size: Int) throws {
      try inputs.put(String(repeating: text, count: size), as: text)
      backlog.place(
        Self.name(text), session: "s", stamp: Self.stamp, demand: .observation, due: 0,
        kept: try inputs.kept(text))
    }
    try inputs.put("x", as: "x")
    let overhead = try inputs.kept("x").size - 1
    // What could never be kept leaves room for others.
    try place("0", Backlog.room - overhead + 1)
    #expect(backlog.keeps)
    let third = Backlog.room / 3
    try place("a", third - overhead)
    try place("b", third - overhead)
    // One byte more than there is.
    try place("c", Backlog.room - 2 * third - overhead + 1)
    #expect(!backlog.keeps)
    try place("c", Backlog.room - 2 * third - overhead)
    let session = try Self.start(&backlog, now: 100)
    #expect(backlog.removeHead(of: session) == nil && !backlog.keeps)
    let all = [
      backlog.removeHead(of: session), backlog.removeHead(of: session), backlog.removeHead(of: session),
    ]
    #expect(all.map { $0?.event.prompt?.first } == ["a", "b", "c"])
    #expect(backlog.keeps)
  }

  /// A hostile input of small values takes many times its bytes.
  @Test func countsTheMemoryThatValuesTake() throws {
    let inputs = try Inputs()
    let zeros = Array(repeating: "0", count: 10_000).joined(separator: ",")
    try Data(#"{"tool_name":"a","tool_input":[\#(zeros)]}"#.utf8).write(
      to: URL(filePath: "\(inputs.spool.path)/pending/a.json"))
    #expect(try inputs.kept("a").size >= 10_000 * MemoryLayout<JSON>.stride)
  }

  @Test func forgetsWhatWasReadOfAnInputThatHasGone() throws {
    let inputs = try Inputs()
    var backlog = Backlog()
    let most = String(repeating: "a", count: Backlog.room - 2000)
    for text in ["a", "b"] {
      try inputs.put(most, as: text)
      backlog.place(
        Self.name(text), session: text, stamp: Self.stamp, demand: .observation, due: 0,
        kept: try inputs.kept(text))
      if text == "a" { backlog.hear(gone: Self.name("a"), searching: true) }
    }
    let session = try Self.start(&backlog, now: 100)
    let kept = backlog.removeHead(of: session)
    #expect(kept?.event.prompt?.utf8.count == most.utf8.count)
  }

  // MARK: Names come in

  @Test func looksAtNamesInOrderWhetherListedOrArrived() {
    var backlog = Backlog()
    backlog.add(listing: Self.listing(["d", "b", "f"]))
    for text in ["e", "a", "g", "c", "a"] { backlog.add(arrival: Self.name(text)) }
    #expect(backlog.count == 7 && backlog.hasUnseen)
    var seen: [String] = []
    while let next = backlog.takeUnseen() { seen.append(next.name.text) }
    #expect(seen == ["a", "b", "c", "d", "e", "f", "g"])
    #expect(backlog.count == 0 && !backlog.hasUnseen)
  }

  @Test func ordersByBytes() {
    var backlog = Backlog()
    backlog.add(listing: Self.listing(["ä", "z", "Z", "10", "9", "a~2", "a"]))
    var seen: [String] = []
    while let next = backlog.takeUnseen() { seen.append(next.name.text) }
    #expect(seen == ["10", "9", "Z", "a", "a~2", "z", "ä"])
  }

  @Test func aNewListingTakesThePlaceOfWhatIsLeftOfTheOld() {
    var backlog = Backlog()
    backlog.add(listing: Self.listing(["a", "b", "c"]))
    _ = backlog.takeUnseen()
    backlog.add(listing: Self.listing(["c", "d"]))
    var seen: [String] = []
    while let next = backlog.takeUnseen() { seen.append(next.name.text) }
    #expect(seen == ["c", "d"])
  }

  // MARK: Order

  @Test func aSessionIsTakenInNameOrderHoweverItsInputsCame() {
    var backlog = Backlog()
    for text in ["m", "c", "x", "a", "d"] { Self.place(&backlog, text, "s") }
    #expect(backlog.placed == 5)
    #expect(Self.takeAll(&backlog) == ["a", "c", "d", "m", "x"])
    #expect(backlog.placed == 0)
  }

  @Test func sessionsTakeTurns() {
    var backlog = Backlog()
    for text in ["a1", "a2", "a3"] { Self.place(&backlog, text, "a") }
    for text in ["b1", "b2"] { Self.place(&backlog, text, "b") }
    Self.place(&backlog, "c1", "c")
    #expect(Self.takeAll(&backlog) == ["a1", "b1", "c1", "a2", "b2", "a3"])
  }

  @Test func aSessionHasOneTurnAtATime() throws {
    var backlog = Backlog()
    Self.place(&backlog, "1", "s")
    Self.place(&backlog, "2", "s")
    let session = try Self.start(&backlog, now: 0)
    #expect(backlog.id(of: session) == "s")
    backlog.removeHead(of: session)
    Self.place(&backlog, "0", "s")
    #expect(backlog.takeReady(now: 0, admitsCalls: true) == nil)
    backlog.finish(session, shelving: false)
    #expect(Self.takeAll(&backlog) == ["0", "2"])
  }

  @Test func aSessionThatCouldNotStartStaysInFront() throws {
    var backlog = Backlog()
    for (text, session) in [("1", "a"), ("2", "b"), ("3", "c")] { Self.place(&backlog, text, session) }
    let session = try Self.start(&backlog, now: 0)
    backlog.putBack(session)
    #expect(Self.takeAll(&backlog) == ["1", "2", "3"])
  }

  @Test func aShelvedSessionIsLeftAlone() throws {
    var backlog = Backlog()
    Self.place(&backlog, "1", "a")
    Self.place(&backlog, "2", "b")
    let session = try Self.start(&backlog, now: 0)
    backlog.finish(session, shelving: true)
    Self.place(&backlog, "0", "a")
    #expect(Self.takeAll(&backlog) == ["2"])
    #expect(backlog.placed == 2)
  }

  // MARK: Time

  @Test func whatIsDueLaterHoldsItsSessionAndNoOther() {
    var backlog = Backlog()
    Self.place(&backlog, "a1", "a", due: 500)
    Self.place(&backlog, "a2", "a")
    Self.place(&backlog, "b1", "b")
    #expect(backlog.nextDue() == 500)
    #expect(Self.takeAll(&backlog, now: 499) == ["b1"])
    #expect(Self.takeAll(&backlog, now: 500) == ["a1", "a2"])
    #expect(backlog.nextDue() == nil)
  }

  @Test func anEarlierInputThatIsDueLaterHoldsWhatWasReady() {
    var backlog = Backlog()
    Self.place(&backlog, "2", "s")
    Self.place(&backlog, "1", "s", due: 500)
    #expect(Self.takeAll(&backlog, now: 100) == [])
    #expect(backlog.nextDue() == 500)
    #expect(Self.takeAll(&backlog, now: 500) == ["1", "2"])
  }

  @Test func lookingAgainMovesTheTimeBothWays() {
    var backlog = Backlog()
    Self.place(&backlog, "1", "s", due: 500)
    Self.place(&backlog, "1", "s", due: 0)
    #expect(backlog.placed == 1 && backlog.nextDue() == nil)
    Self.place(&backlog, "1", "s", due: 900)
    #expect(backlog.nextDue() == 900)
    #expect(Self.takeAll(&backlog, now: 899) == [])
    #expect(Self.takeAll(&backlog, now: 900) == ["1"])
  }

  @Test func lookingAgainTakesOverAllThatWasSeen() throws {
    var backlog = Backlog()
    Self.place(&backlog, "1", "s", demand: .observation)
    backlog.place(
      Self.name("1"), session: "s", stamp: FileStamp(size: 99, nanoseconds: 7), demand: .summary, due: 0,
      alone: true)
    let session = try Self.start(&backlog, now: 0)
    let head = try #require(backlog.head(of: session, now: 0))
    #expect(head.stamp == FileStamp(size: 99, nanoseconds: 7) && head.demand == .summary && head.alone)
  }

  @Test func theHeadIsOnlyToBeHadWhenDue() throws {
    var backlog = Backlog()
    Self.place(&backlog, "1", "s")
    Self.place(&backlog, "2", "s", due: 500)
    let session = try Self.start(&backlog, now: 100)
    backlog.removeHead(of: session)
    #expect(backlog.head(of: session, now: 499) == nil)
    #expect(backlog.head(of: session, now: 500)?.due == 500)
  }

  @Test func aFileThatWentAwayHoldsNobodyUp() {
    var backlog = Backlog()
    Self.place(&backlog, "1", "s", due: 500)
    Self.place(&backlog, "2", "s")
    backlog.hear(gone: Self.name("unknown"))
    backlog.hear(gone: Self.name("2"))
    #expect(Self.takeAll(&backlog) == [])
    backlog.hear(gone: Self.name("1"))
    // The claim finds out that it has gone.
    #expect(Self.takeAll(&backlog) == ["1", "2"])
  }

  // MARK: A provider that takes no calls

  @Test func withoutCallsOnlyWhatNeedsNoneIsTaken() {
    var backlog = Backlog()
    Self.place(&backlog, "a1", "a")
    Self.place(&backlog, "b1", "b", demand: .nothing)
    Self.place(&backlog, "b2", "b", demand: .prompt)
    Self.place(&backlog, "b3", "b", demand: .summary)
    #expect(Self.takeAll(&backlog, admitsCalls: false) == ["b1", "b2"])
    #expect(backlog.hasHeld && !backlog.hasReady)
    #expect(Self.takeAll(&backlog, admitsCalls: true) == [])
    backlog.releaseHeld()
    #expect(!backlog.hasHeld && backlog.hasReady)
    #expect(Self.takeAll(&backlog, admitsCalls: true) == ["a1", "b3"])
  }

  @Test func anInputBeforeAHeldOneThatNeedsNoCallIsTaken() {
    var backlog = Backlog()
    Self.place(&backlog, "2", "s")
    #expect(Self.takeAll(&backlog, admitsCalls: false) == [])
    Self.place(&backlog, "1", "s", demand: .prompt)
    #expect(Self.takeAll(&backlog, admitsCalls: false) == ["1"])
    backlog.releaseHeld()
    #expect(Self.takeAll(&backlog) == ["2"])
  }

  // MARK: Everything at once

  /// Whatever comes in whatever order: each input is taken once, none before its time, none before one of its
  /// session that stood before it, no session twice at a time.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func keepsItsPromisesInAnyOrderOfEvents(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var backlog = Backlog()
    var now: Int64 = 1
    var waiting: [String: [String: Int64]] = [:]
    var running: [Backlog.Session] = []
    var admitsCalls = true
    var coming = (0..<400).map { String(10_000 + $0) }.shuffled(using: &generator)
    var taken = Set<String>()

    func step() throws {
      switch Int.random(in: 0..<10, using: &generator) {
      case 0..<4:
        guard let text = coming.popLast() else { break }
        let session = "s\(Int.random(in: 0..<5, using: &generator))"
        let due = Bool.random(using: &generator) ? 0 : now + Int64.random(in: 0..<50, using: &generator)
        let demand: Backlog.Demand = Bool.random(using: &generator) ? .observation : .nothing
        waiting[session, default: [:]][text] = due
        Self.place(&backlog, text, session, due: due, demand: demand)
      case 4..<7:
        guard let session = backlog.takeReady(now: now, admitsCalls: admitsCalls) else { break }
        #expect(!running.contains(session))
        running.append(session)
      case 7, 8:
        guard let position = running.indices.randomElement(using: &generator) else { break }
        let session = running.remove(at: position)
        while let head = backlog.head(of: session, now: now), Bool.random(using: &generator) {
          let text = backlog.name(of: head).text
          let id = backlog.id(of: session)
          let due = waiting[id]?.removeValue(forKey: text)
          #expect(try #require(due) <= now)
          #expect(waiting[id]?.keys.contains { $0 < text } == false)
          #expect(taken.insert(text).inserted)
          backlog.removeHead(of: session)
        }
        backlog.finish(session, shelving: false)
      default:
        now += Int64.random(in: 0..<20, using: &generator)
        admitsCalls = Int.random(in: 0..<4, using: &generator) > 0
        if admitsCalls { backlog.releaseHeld() }
      }
      #expect(backlog.placed == waiting.values.reduce(0) { $0 + $1.count })
    }
    for _ in 0..<20_000 { try step() }
    #expect(coming.isEmpty)
    admitsCalls = true
    backlog.releaseHeld()
    now += 1000
    for session in running { backlog.finish(session, shelving: false) }
    taken.formUnion(Self.takeAll(&backlog, now: now))
    #expect(taken.count == 400 && backlog.placed == 0)
  }

  @Test func anInputTakesLittleMemory() {
    #expect(MemoryLayout<Backlog.Entry>.stride <= 32)
  }
}

@Suite struct QueueTests {
  @Test func theHeapGivesTheEarliestFirst() {
    var generator = SeededGenerator(seed: 9)
    var heap = DueHeap()
    var model: [Int64] = []
    for number in 0..<3000 {
      if Int.random(in: 0..<3, using: &generator) > 0 || model.isEmpty {
        let moment = Int64.random(in: 0..<1000, using: &generator)
        heap.insert(.init(moment: moment, session: 0, number: number))
        model.append(moment)
      } else {
        model.sort()
        #expect(heap.first?.moment == model.removeFirst())
        heap.removeFirst()
      }
    }
    model.sort()
    for moment in model {
      #expect(heap.first?.moment == moment)
      heap.removeFirst()
    }
    #expect(heap.first == nil)
  }

  @Test func theRingIsAQueueWithAFront() {
    var generator = SeededGenerator(seed: 10)
    var ring = Ring<Int>()
    var model: [Int] = []
    for number in 0..<3000 {
      switch Int.random(in: 0..<5, using: &generator) {
      case 0, 1:
        ring.pushLast(number)
        model.append(number)
      case 2:
        ring.pushFirst(number)
        model.insert(number, at: 0)
      default: #expect(ring.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
      }
      #expect(ring.isEmpty == model.isEmpty)
    }
  }
}
