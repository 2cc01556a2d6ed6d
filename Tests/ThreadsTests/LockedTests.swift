import Glibc
import Testing
import Threads

@Suite(.timeLimit(.minutes(5))) struct LockedTests {
  @Test func oneThreadAtATimeHasTheValue() {
    let count = Locked(0)
    let threads = (0..<4).map { _ in
      Thread(name: "counter") {
        for _ in 0..<20_000 {
          count.withLock { value in
            let before = value
            value = before + 1
          }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(count.withLock { $0 } == 80_000)
  }

  @Test func anErrorLeavesItUnlockedAndTyped() {
    struct Refused: Error {}
    let value = Locked(1)
    do throws(Refused) {
      try value.withLock { (_) throws(Refused) in throw Refused() }
    } catch {
      #expect(value.withLock { $0 } == 1)
    }
  }

  @Test func whoWaitsIsWokenBySignalAndGetsItsValue() {
    let box = Locked([Int]())
    let results = Locked([Int]())
    let waiting = (0..<3).map { _ in
      Thread(name: "waiter") {
        let taken = box.wait { $0.popLast() }
        results.withLock { $0.append(taken) }
      }
    }
    for number in 1...3 {
      box.withLock { $0.append(number) }
      box.signal()
    }
    for thread in waiting { thread.join() }
    #expect(results.withLock { $0.sorted() } == [1, 2, 3])
  }

  @Test func oneSignalWakesAllWhoWait() {
    let gate = Locked((waiting: 0, isOpen: false))
    let ready = Locked(false)
    let waiting = (0..<3).map { _ in
      Thread(name: "waiter") {
        var isCounted = false
        gate.wait { state in
          // The last one to wait says so while it still holds the lock, so all three wait when it is let go.
          if !isCounted { state.waiting += 1 }
          isCounted = true
          if state.waiting == 3 {
            ready.withLock { $0 = true }
            ready.signal()
          }
          return state.isOpen ? () : nil
        }
      }
    }
    ready.wait { $0 ? () : nil }
    gate.withLock { $0.isOpen = true }
    gate.signal()
    for thread in waiting { thread.join() }
    #expect(gate.withLock { $0.waiting } == 3)
  }

  @Test func whoNeedNotWaitDoesNot() {
    #expect(Locked(7).wait { $0 == 7 ? "there" : nil } == "there")
  }

  @Test func waitingUsesNoProcessorTime() {
    let gate = Locked((isOpen: false, isWaiting: false))
    let used = Locked(timespec())
    let waiter = Thread(name: "waiter") {
      gate.wait { state in
        state.isWaiting = true
        gate.signal()
        return state.isOpen ? () : nil
      }
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      used.withLock { $0 = time }
    }
    gate.wait { $0.isWaiting ? () : nil }
    // Meanwhile this thread is busy for longer than the other may be.
    var own = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own)
    let start = Int(own.tv_sec) * 1_000_000_000 + own.tv_nsec
    repeat {
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own)
    } while Int(own.tv_sec) * 1_000_000_000 + own.tv_nsec < start + 100_000_000
    gate.withLock { $0.isOpen = true }
    gate.signal()
    waiter.join()
    let time = used.withLock { $0 }
    #expect(time.tv_sec == 0 && time.tv_nsec < 50_000_000)
  }
}

@Suite(.timeLimit(.minutes(5))) struct ThreadTests {
  @Test func runsElsewhereUnderItsName() {
    let seen = Locked((name: "", thread: pthread_self()))
    Thread(name: "a name that is longer than fifteen bytes") {
      let name = nameOfThisThread()
      seen.withLock { $0 = (name, pthread_self()) }
    }.join()
    #expect(seen.withLock { $0.name } == "a name that is ")
    #expect(seen.withLock { $0.thread } != pthread_self())
  }

  @Test func letsGoOfWhatItHeld() {
    final class Held: Sendable {}
    weak var held: Held?
    do {
      let object = Held()
      held = object
      Thread(name: "holder") { _ = object }.join()
    }
    #expect(held == nil)
  }

  @Test func aNameOfOtherLettersIsCutBetweenThem() {
    let seen = Locked("")
    Thread(name: "übergrößenträger") {
      let name = nameOfThisThread()
      seen.withLock { $0 = name }
    }.join()
    #expect(seen.withLock { $0 } == "übergrößentr")
  }
}

/// As the kernel tells it.
private func nameOfThisThread() -> String {
  let file = open("/proc/thread-self/comm", O_RDONLY)
  defer { close(file) }
  var bytes = [UInt8](repeating: 0, count: 64)
  let count = read(file, &bytes, bytes.count)
  return String(decoding: bytes.prefix(max(count - 1, 0)), as: UTF8.self)
}
