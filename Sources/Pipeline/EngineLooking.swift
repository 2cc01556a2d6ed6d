// How the engine learns what waits: it lists, hears of changes, and looks at each name once.

import FoundationEssentials
import Observation
import Spool

extension Engine {
  func list() throws(SpoolError) {
    let names = try spool.names(in: .pending)
    for other in names.others {
      nameOnce(other, Self.noInput)
    }
    backlog.add(listing: names)
  }

  func recover() throws(SpoolError) {
    let recovery = try spool.recover(reading: Recovering(redact: Redaction(settings: source.current())))
    for name in recovery.movedOn { log.notice("\(name): its record was complete; moved on to done") }
    for back in recovery.givenBack {
      log.notice(
        "\(back.name): was in flight when the processor ended (\(back.crashes) times now); back in pending")
      if back.crashes >= 3 { suspects.insert(back.name) }
    }
    for name in recovery.notTaken {
      log.warning("\(spool.path)/inflight/\(name) is no input and stays where it is")
    }
    for name in recovery.failed {
      log.error("\(name): the processor ended five times while it was in flight; now in failed")
    }
  }

  /// Takes what inotify tells.
  func hear() {
    guard let watcher else { return }
    let changes: [Change]
    do throws(SpoolError) {
      changes = try watcher.changes()
    } catch {
      log.error(error.description)
      changes = [.overflow]
    }
    for change in changes {
      switch change {
      case .pending(let file):
        guard let name = InputName(fileName: file) else {
          nameOnce(file, Self.noInput)
          continue
        }
        unsettled[name] = nil
        backlog.add(arrival: name)
      case .unreadableName(let file): nameOnce(file, Self.noInput)
      case .pauses: loadPauses()
      case .settings: lookAtSettings()
      case .overflow:
        log.notice("more files came than inotify can tell of; reading the directory again")
        do throws(SpoolError) { try list() } catch { log.error(error.description) }
      }
    }
    pump()
  }

  /// Looks at the next names in order. Few at a time, and no more than a megabyte or the one file that is larger, so that
  /// the loop hears of other things between.
  func scan() {
    let (settings, choice) = lookAtSettings()
    var bytes = 0
    for _ in 0..<128 {
      guard bytes < 1 << 20, let unseen = backlog.takeUnseen() else { return }
      bytes += look(at: unseen.name, unseen.index, settings, choice.redact)
    }
  }

  /// The number of bytes that it has read.
  private func look(at name: InputName, _ index: UInt32, _ settings: Settings, _ redact: Redaction) -> Int {
    do throws(SpoolError) {
      switch try spool.look(at: name, keeping: backlog.keeps) {
      // While turns are taken, what has gone is mostly what they have claimed; a claim sees the rest.
      case .gone: backlog.hear(gone: name, searching: !hasTurns)
      case .notTaken(let reason): nameOnce(name.fileName, reason)
      case .tooLarge(let stamp): place(name, index, nil, stamp, settings)
      case .unreadable:
        place(
          name, index, nil, try spool.stamp(of: name, in: .pending) ?? FileStamp(size: 0, nanoseconds: 0),
          settings)
      case .file(let bytes, let stamp, let seen):
        do throws(EventError) {
          if let seen {
            let event = try Event(decoding: redact(bytes))
            let kept = Backlog.Kept(event, of: seen, redact: redact)
            place(name, index, event.outline, stamp, settings, kept)
          } else {
            place(name, index, try Event.Outline(decoding: redact(bytes)), stamp, settings)
          }
        } catch {
          if let moment = settles(stamp, error.code) {
            unsettled[name] = moment
          } else {
            place(name, index, nil, stamp, settings)
          }
        }
        return bytes.count
      }
    } catch {
      storageFailed(error)
      unsettled[name] = clock.now().addingTimeInterval(1)
    }
    return 0
  }

  /// When a file that cannot be read yet may be whole: its writer has two seconds, or thirty for what is the
  /// beginning of an object. Nil where that time is over.
  func settles(_ stamp: FileStamp, _ code: EventError.Code) -> Date? {
    let patience: Double = code == .truncatedObject ? 30 : 2
    let age = clock.now().timeIntervalSince(stamp.modified)
    return age >= 0 && age < patience ? stamp.modified.addingTimeInterval(patience) : nil
  }

  /// - Parameter event: Nil for what is no event, which becomes a queue of its own.
  private func place(
    _ name: InputName, _ index: UInt32, _ event: Event.Outline?, _ stamp: FileStamp, _ settings: Settings,
    _ kept: Backlog.Kept? = nil
  ) {
    let session = event?.session ?? "\(Self.noSession)\(name)"
    backlog.place(
      name, index: index, session: session, stamp: stamp,
      demand: event.map { demand($0, settings) } ?? .nothing,
      due: due(stamp, settings), alone: suspects.contains(name), kept: kept)
  }

  static let noInput =
    "it is no input; only regular files called NAME.json are, and a processor with --idle-exit stays while it is there"

  /// How the names of queues begin that are no session's: what is no event goes to failed by itself.
  static let noSession = "\u{0}"

  func demand(_ event: Event.Outline, _ settings: Settings) -> Backlog.Demand {
    switch event.kind {
    case .stop: .summary
    case .toolUse: settings.skipTools.contains(event.toolName ?? "") ? .nothing : .observation
    case .prompt: .prompt
    case .note: .nothing
    }
  }

  /// 0 for now, else the file's time. A time further ahead than the longest backoff is nobody's schedule.
  func due(_ stamp: FileStamp, _ settings: Settings) -> Int64 {
    let now = clock.now()
    let ahead = stamp.modified.timeIntervalSince(now)
    return ahead > 0 && ahead <= settings.retryMax ? stamp.nanoseconds : 0
  }

  private func nameOnce(_ file: String, _ reason: String) {
    if named.insert(file).inserted {
      log.warning("\(spool.path)/pending/\(file) stays where it is: \(reason)")
    }
  }
}
