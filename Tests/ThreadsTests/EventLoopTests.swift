import Glibc
import Testing
import Threads

/// Everything an actor does on an event loop.
private actor Worker {
  let loop: EventLoop
  private(set) var threads: Set<pthread_t> = []
  private(set) var steps = 0

  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  init(loop: EventLoop) { self.loop = loop }

  func step() {
    threads.insert(pthread_self())
    steps += 1
  }

  /// Suspends in the middle, so that it has to come back to its thread.
  func stepTwice() async {
    step()
    await Task.yield()
    step()
  }

  func stepInTask() async {
    let here = pthread_self()
    let there = await Task(executorPreference: loop) { pthread_self() }.value
    #expect(here == there)
    step()
  }

  func used() -> rusage { usageOfThread() }
}

private func usageOfThread() -> rusage {
  var usage = rusage()
  // RUSAGE_THREAD, which Glibc's module hides.
  getrusage(1, &usage)
  return usage
}

extension rusage {
  fileprivate var processorMicroseconds: Int {
    (ru_utime.tv_sec + ru_stime.tv_sec) * 1_000_000 + Int(ru_utime.tv_usec + ru_stime.tv_usec)
  }
}

private func nanosecondsSince1970() -> Int64 {
  var now = timespec()
  clock_gettime(CLOCK_REALTIME, &now)
  return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}

/// Both ends of a pipe, closed with the last reference.
private final class Pipe: Sendable {
  let reading: Int32
  let writing: Int32

  init() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    (reading, writing) = (ends[0], ends[1])
  }

  deinit {
    close(reading)
    close(writing)
  }

  func send(_ byte: UInt8 = 1) {
    var byte = byte
    #expect(write(writing, &byte, 1) == 1)
  }

  func receive() -> UInt8 {
    var byte: UInt8 = 0
    #expect(read(reading, &byte, 1) == 1)
    return byte
  }
}

@Suite(.timeLimit(.minutes(5))) struct EventLoopTests {
  @Test func allThatAnActorDoesRunsOnOneThread() async {
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    let worker = Worker(loop: loop)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<200 {
        group.addTask { await worker.step() }
        group.addTask { await worker.stepTwice() }
        group.addTask { await worker.stepInTask() }
      }
    }
    #expect(await worker.steps == 800)
    #expect(await worker.threads.count == 1)
    #expect(await worker.threads.contains(pthread_self()) == false)
  }

  @Test func twoLoopsHaveTheirOwnThreads() async {
    let (one, other) = (EventLoop(name: "one"), EventLoop(name: "other"))
    defer {
      one.stop()
      other.stop()
    }
    let (left, right) = (Worker(loop: one), Worker(loop: other))
    await left.step()
    await right.step()
    #expect(await left.threads.isDisjoint(with: right.threads))
  }

  @Test func whatComesAfterwardsComesOnTheThreadOnceTheStepsBeforeItHaveRun() async {
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    let worker = Worker(loop: loop)
    await worker.step()
    let thread = await worker.threads
    let (told, continuation) = AsyncStream.makeStream(of: (steps: Int, thread: pthread_t).self)
    let steps = Locked(0)
    // From the loop's thread, so that it cannot begin with any of these before all are queued.
    await Task(executorPreference: loop) {
      for number in 0..<10 {
        Task(executorPreference: loop) {
          if number == 0 { loop.afterwards { continuation.yield((steps.withLock { $0 }, pthread_self())) } }
          steps.withLock { $0 += 1 }
        }
      }
    }.value
    var iterator = told.makeAsyncIterator()
    let first = await iterator.next()
    #expect(first?.steps == 10 && first.map { [$0.thread] } == thread)
    // A loop that sleeps is woken.
    loop.afterwards { continuation.yield((0, pthread_self())) }
    #expect(await iterator.next().map { [$0.thread] } == thread)
  }

  @Test func aReadableDescriptorWakesIt() async throws {
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    let worker = Worker(loop: loop)
    await worker.step()
    let thread = await worker.threads
    let pipe = try Pipe()
    let (received, continuation) = AsyncStream.makeStream(of: (UInt8, pthread_t).self)
    loop.watch(pipe.reading) { continuation.yield((pipe.receive(), pthread_self())) }
    var iterator = received.makeAsyncIterator()
    for byte in UInt8(1)...3 {
      pipe.send(byte)
      let next = try #require(await iterator.next())
      #expect(next.0 == byte)
      #expect(thread == [next.1])
    }
    loop.unwatch(pipe.reading)
  }

  @Test func looksAtDescriptorsAlsoWhileThereIsAlwaysWork() async throws {
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    let pipe = try Pipe()
    let isOver = Locked(false)
    loop.watch(pipe.reading) {
      _ = pipe.receive()
      isOver.withLock { $0 = true }
    }
    pipe.send()
    await Task(executorPreference: loop) {
      for _ in 0..<100_000 where !isOver.withLock({ $0 }) { await Task.yield() }
    }.value
    #expect(isOver.withLock { $0 })
    loop.unwatch(pipe.reading)
  }

  @Test func aDescriptorIsNoLongerLookedAtOnceUnwatched() async throws {
    let loop = EventLoop(name: "test-loop")
    defer { loop.stop() }
    let (first, second) = (try Pipe(), try Pipe())
    // Both are readable in the same round; whichever comes first ends the watching of both.
    let calls = Locked(0)
    let (called, continuation) = AsyncStream.makeStream(of: Void.self)
    await Task(executorPreference: loop) {
      for pipe in [first, second] {
        pipe.send()
        loop.watch(pipe.reading) {
          calls.withLock { $0 += 1 }
          loop.unwatch(first.reading)
          loop.unwatch(second.reading)
          continuation.yield()
        }
      }
    }.value
    var iterator = called.makeAsyncIterator()
    await iterator.next()
    // Two more rounds of the loop.
    for _ in 0..<2 { await Task(executorPreference: loop) {}.value }
    #expect(calls.withLock { $0 } == 1)
  }

  @Test func theAlarmGoesOffAtItsMomentAndOnce() async {
    let (alarms, continuation) = AsyncStream.makeStream(of: Int64.self)
    let loop = EventLoop(name: "test-loop") { continuation.yield(nanosecondsSince1970()) }
    defer { loop.stop() }
    let moment = nanosecondsSince1970() + 50_000_000
    loop.setAlarm(moment)
    var iterator = alarms.makeAsyncIterator()
    let rang = await iterator.next()
    #expect(rang.map { $0 >= moment } == true)
    // One whose moment has passed goes off at once; were the first to ring again, it would be in between.
    let past = nanosecondsSince1970() - 1
    loop.setAlarm(past)
    _ = await iterator.next()
    loop.setAlarm(0)
    _ = await iterator.next()
    continuation.finish()
    #expect(await iterator.next() == nil)
  }

  @Test func anAlarmThatWasTakenBackStaysSilent() async {
    let alarms = Locked(0)
    let (rang, continuation) = AsyncStream.makeStream(of: Void.self)
    let loop = EventLoop(name: "test-loop") {
      alarms.withLock { $0 += 1 }
      continuation.yield()
    }
    defer { loop.stop() }
    let now = nanosecondsSince1970()
    loop.setAlarm(now + 20_000_000)
    loop.setAlarm(nil)
    loop.setAlarm(now + 3_600_000_000_000)
    loop.setAlarm(now + 60_000_000)
    var iterator = rang.makeAsyncIterator()
    await iterator.next()
    #expect(alarms.withLock { $0 } == 1)
  }

  @Test func usesNoProcessorTimeWhileThereIsNothingToDo() async throws {
    let (alarms, continuation) = AsyncStream.makeStream(of: rusage.self)
    let loop = EventLoop(name: "test-loop") { continuation.yield(usageOfThread()) }
    defer { loop.stop() }
    let worker = Worker(loop: loop)
    let pipe = try Pipe()
    loop.watch(pipe.reading) { _ = pipe.receive() }
    let before = await worker.used()
    loop.setAlarm(nanosecondsSince1970() + 300_000_000)
    var iterator = alarms.makeAsyncIterator()
    let after = try #require(await iterator.next())
    #expect(after.processorMicroseconds - before.processorMicroseconds < 20_000)
    // It went to sleep a few times at most, so it did not look around either.
    #expect(after.ru_nvcsw - before.ru_nvcsw < 10)
    loop.unwatch(pipe.reading)
  }

  @Test func stopRunsWhatIsQueuedAndEndsTheThread() async {
    let loop = EventLoop(name: "obs-stop-test")
    let (entered, entering) = AsyncStream.makeStream(of: Void.self)
    let gate = Locked(false)
    let done = Locked(0)
    // Something holds the thread up while more is queued and the loop is told to stop.
    let first = Task(executorPreference: loop) {
      entering.yield()
      gate.wait { $0 ? () : nil }
    }
    var iterator = entered.makeAsyncIterator()
    await iterator.next()
    let rest = (0..<20).map { _ in
      Task(executorPreference: loop) { done.withLock { $0 += 1 } }
    }
    loop.stop()
    gate.withLock { $0 = true }
    gate.signal()
    await first.value
    for task in rest { await task.value }
    #expect(done.withLock { $0 } == 20)
  }

  @Test func aLoopThatWasStoppedGoes() async {
    let (gone, going) = AsyncStream.makeStream(of: Void.self)
    do {
      let token = Token { going.finish() }
      let loop = EventLoop(name: "test-loop") { token.touch() }
      await Task(executorPreference: loop) {}.value
      loop.stop()
    }
    // Ends when the thread has let go of the loop and the loop of its closures.
    for await _ in gone {}
  }
}

/// Tells when nobody holds it any more.
private final class Token: Sendable {
  private let onDeinit: @Sendable () -> Void

  init(onDeinit: @escaping @Sendable () -> Void) { self.onDeinit = onDeinit }

  func touch() {}

  deinit { onDeinit() }
}
