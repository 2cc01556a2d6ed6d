// What must hold of a spool: at any moment, and when it has come to rest. Written without the program's own reading of
// the directories, which is what is proved.

import Foundation
import JSONText
import Observation
import Spool
import Threads

/// Everything in a spool.
struct Contents {
  /// The visible files of the state directories, by state and then name without `.json`.
  var states: [State: [String: [UInt8]]] = [:]
  /// The records by name, of all sessions.
  var records: [String: [Record]] = [:]
  var complaints: [String] = []
  /// Files that must not stay.
  var leftovers: [String] = []

  init(_ spool: String) {
    for state in State.allCases {
      for file in names("\(spool)/\(state.rawValue)") {
        let path = "\(state.rawValue)/\(file)"
        if file.hasPrefix(".") || !file.hasSuffix(".json") {
          leftovers.append(path)
        } else {
          states[state, default: [:]][String(file.dropLast(5))] = bytes("\(spool)/\(path)") ?? []
        }
      }
    }
    for directory in ["tmp", "errors", "paused"] {
      leftovers += names("\(spool)/\(directory)").map { "\(directory)/\($0)" }
    }
    for session in names("\(spool)/observations") {
      if session.hasPrefix(".") {
        leftovers.append("observations/\(session)")
        continue
      }
      readRecords("\(spool)/observations/\(session)")
    }
  }

  private mutating func readRecords(_ path: String) {
    let files = names(path)
    for file in files {
      let stem = String(file.prefix { $0 != "." })
      if file == stem + ".json" {
        guard let record = try? Record(json: bytes("\(path)/\(file)") ?? []) else {
          complaints.append("\(file) is no record, but \(text("\(path)/\(file)").count) characters")
          continue
        }
        records[record.name, default: []].append(record)
        if files.contains(stem + ".xml") {
          if bytes("\(path)/\(stem).xml") != record.xml.bytes {
            complaints.append("\(stem).xml is not what \(file) says")
          }
        } else {
          leftovers.append("\(file) without its XML")
        }
      } else if file == stem + ".xml" {
        if !files.contains(stem + ".json") { leftovers.append("\(file) without its JSON") }
      } else {
        leftovers.append("observations/…/\(file)")
      }
    }
  }

  /// Where the bytes of an input are, and under which name: its own, or one that was free.
  func places(of input: Bench.Dropped) -> [(state: State, name: String)] {
    State.allCases.flatMap { state in
      [input.name, "\(input.name)~2", "\(input.name)~3"].filter { states[state]?[$0] == input.bytes }
        .map { (state, $0) }
    }
  }
}

extension Bench {
  /// What does not hold now, whatever has just happened to the processor.
  func complaints() -> [String] {
    let contents = Contents(spool)
    let inputs = inputs.withLock { $0 }
    var complaints = contents.complaints
    var known: Set<String> = []
    for input in inputs {
      let places = contents.places(of: input)
      let isTwice = input.isAgain && places.count == 2 && places.contains { $0.state == .done }
      if places.count != 1, !isTwice {
        complaints.append("\(input.name) is in \(places.map { "\($0.state)/\($0.name)" }), as it was dropped")
      }
      for place in places {
        known.insert("\(place.state)/\(place.name)")
        let records = contents.records[place.name] ?? []
        // Where a name is taken, the record of that name is another's.
        let own = records.filter { $0.inputSHA256 == SHA256.hex(input.bytes) }
        if own.count > 1 { complaints.append("\(place.name) has \(own.count) records") }
        switch place.state {
        case .done where own.isEmpty: complaints.append("\(place.name) is done without a record of its own")
        case .pending where !own.isEmpty && !isTwice, .failed where !own.isEmpty:
          complaints.append("\(place.name) has a record and is in \(place.state)")
        default: break
        }
        for record in own {
          if let mark = input.mark, record.findings.first?.title != mark {
            complaints.append("the record of \(place.name) says \(record.findings.first?.title ?? "nothing")")
          }
        }
      }
    }
    for (state, files) in contents.states {
      for name in files.keys where !known.contains("\(state)/\(name)") {
        complaints.append("\(state)/\(name) is nothing that was dropped")
      }
    }
    let hashes = Set(inputs.map { SHA256.hex($0.bytes) })
    for (name, records) in contents.records {
      for record in records where !hashes.contains(record.inputSHA256) {
        complaints.append("the record of \(name) is of nothing that was dropped")
      }
    }
    return complaints
  }

  /// What does not hold when everything has been done.
  ///
  /// - Parameter asks: How often the model may have been asked about one input.
  func complaintsAtRest(asks: Int = 2) -> [String] {
    var complaints = complaints()
    let contents = Contents(spool)
    let inputs = inputs.withLock { $0 }
    for input in inputs {
      if contents.places(of: input).map(\.state) != [input.end] {
        complaints.append("\(input.name) has not come to \(input.end)")
      }
      guard let mark = input.mark, asks < .max else { continue }
      let allowed = asks + (mark.hasSuffix("-flaky") ? 1 : 0)
      if model.asked(mark) > allowed {
        complaints.append("the model was asked \(model.asked(mark)) times about \(input.name)")
      }
    }
    let failed = inputs.filter { $0.end == .failed }.map { "errors/\($0.name).json" }
    complaints += contents.leftovers.filter { !failed.contains($0) }.map { "\($0) is left" }
    complaints += conversationComplaints(contents.records.values.flatMap { $0 })
    return complaints
  }

  /// The history: turns without gaps, one exchange for each, and in it exactly the inputs whose records have its turn.
  private func conversationComplaints(_ records: [Record]) -> [String] {
    var complaints: [String] = []
    for (session, records) in Dictionary(grouping: records, by: \.session) {
      let asked = records.filter { $0.outcome != .noted && $0.exchange != nil }
      let turns = Dictionary(grouping: asked, by: \.turn)
      if turns.keys.sorted() != Array(1..<(turns.count + 1)) {
        complaints.append("session \(session) has the turns \(turns.keys.sorted())")
      }
      for (turn, records) in turns {
        var said: [(name: String, user: String)] = []
        for record in records {
          if case .said(let user, _) = record.exchange { said.append((record.name, user.text)) }
        }
        guard let exchange = said.first, said.count == 1 else {
          complaints.append("turn \(turn) of \(session) has \(said.count) exchanges")
          continue
        }
        for record in records {
          if case .within(let name) = record.exchange, name != exchange.name {
            complaints.append("\(record.name) points to \(name), not to \(exchange.name)")
          }
          let batch = record.batch ?? [record.name]
          if Set(batch) != Set(records.map(\.name)) {
            complaints.append("\(record.name) names the batch \(batch)")
          }
        }
        let marks = Model.marks(in: exchange.user)
        let titles = records.compactMap { $0.findings.first?.title }
        if !Set(titles).isSubset(of: marks) {
          complaints.append("turn \(turn) of \(session) speaks of \(marks), not \(titles)")
        }
      }
    }
    return complaints
  }

  /// Starts the program cleanly until nothing waits. What does not hold then, or what kept it from ending.
  func settle(tries: Int = 3, asks: Int = 2) -> [String] {
    var last = ""
    for _ in 0..<tries {
      do {
        try touch()
        let outcome = try drain()
        if outcome.code == 0 { return complaintsAtRest(asks: asks) }
        last = "drain ends with \(outcome.code): \(outcome.output)"
      } catch {
        last = "\(error)"
      }
    }
    return ["a clean start does not come to its end: \(last)"] + complaints()
  }
}
