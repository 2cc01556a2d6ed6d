// One input's whole story, for `obspool show`.

import FoundationEssentials
import JSONText
import Observation
import Spool

/// Where an input is and why, what it was, what was asked and what was learned.
public struct Story: Sendable {
  public let name: InputName
  /// Nil where only its record is left.
  public let state: State?
  /// The path of the input; nil where only its record is left.
  public let path: String?
  /// The size and time of the input's file.
  public let stamp: FileStamp?
  /// What the input says, without its private parts and the user's keys.
  public let event: Event?
  /// Why the input is no event or cannot be read.
  public let problem: String?
  public let note: ErrorNote?
  public let record: Record?
  /// The path of the directory that holds the record.
  public let recordDirectory: String?
  /// What was said to the model and what it answered, also where that stands in the record of another input of
  /// the same call.
  public let exchange: Exchange?

  public struct Exchange: Sendable, Equatable {
    public let user: String
    public let assistant: String
  }
}

extension Story {
  /// Gathers what the spool holds about one input; nil if it holds nothing. The spool may be at work meanwhile.
  ///
  /// - Parameter settings: Those whose keys are not to be shown.
  public init?(of name: InputName, in spool: Spool, settings: Settings) throws(SpoolError) {
    let state = try spool.place(of: name)
    var event: Event?
    var problem: String?
    var stamp: FileStamp?
    if let state {
      stamp = try spool.stamp(of: name, in: state)
      if let bytes = try spool.read(name, in: state) {
        do throws(EventError) {
          event = try Event(decoding: Redaction(settings: settings)(bytes))
        } catch {
          problem = error.message
        }
      } else {
        problem = "it cannot be taken: no regular file, or larger than \(Event.maximumBytes >> 20) MiB"
      }
    }
    let records = Records(spool: spool)
    let record = try records.record(of: name, session: event?.session)
    guard state != nil || record != nil else { return nil }

    self.name = name
    self.state = state
    self.stamp = stamp
    self.event = event
    self.problem = problem
    self.record = record
    note = try spool.note(for: name)
    path = state.map { "\(spool.path)/\($0.rawValue)/\(name.fileName)" }
    recordDirectory = record.map {
      "\(spool.path)/observations/\(SessionPlace(session: $0.session).directory)"
    }
    exchange = try record.flatMap { record throws(SpoolError) in try records.exchange(of: record) }
  }

  /// Finds records.
  private struct Records {
    let spool: Spool

    /// The record of an input. Where its session is not known, all are searched.
    func record(of name: InputName, session: String?) throws(SpoolError) -> Record? {
      let places = if let session { [SessionPlace(session: session)] } else { try spool.sessions() }
      for place in places {
        if let json = try spool.record(of: name, in: place) { return try? Record(json: json) }
      }
      return nil
    }

    /// What was said for a record's input, in its own record or in the one that it points to.
    func exchange(of record: Record) throws(SpoolError) -> Exchange? {
      switch record.exchange {
      case .said(let user, let assistant): return Exchange(user: user.text, assistant: assistant.text)
      case .within(let name):
        guard let name = InputName(name), let other = try self.record(of: name, session: record.session),
          case .said(let user, let assistant) = other.exchange
        else { return nil }
        return Exchange(user: user.text, assistant: assistant.text)
      case nil: return nil
      }
    }
  }
}
