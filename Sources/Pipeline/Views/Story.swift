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
  /// When it is due; nil for now, or where it does not wait.
  public let due: Date?
  /// What the input says, without its private parts and the user's keys.
  public let event: Event?
  /// Why the input is no event or cannot be read.
  public let problem: String?
  public let note: ErrorNote?
  public let record: Record?
  /// The paths of the record's files.
  public let recordFiles: (xml: String, json: String)?
  /// Why nothing is sent to the provider that the settings name, where the input waits.
  public let pause: Pause?
  /// Its call, also where that stands in the record of another input of the same call.
  public let call: Call?

  /// What was said to the model and what it answered.
  public struct Call: Sendable, Equatable {
    /// The name of the input in whose record it stands.
    public let name: String
    public let user: String
    public let assistant: String
    public let usage: Record.Usage?
    /// The number of this input in it; nil where it is the only one, or where some got no answer and so cannot be told.
    public let number: Int?
    /// How many inputs it has shown to the model.
    public let count: Int
  }
}

extension Story {
  /// Gathers what the spool holds about one input; nil if it holds nothing. The spool may be at work meanwhile.
  ///
  /// - Parameter settings: They name the provider whose pause counts, and hold the keys that are not to be shown.
  public init?(of name: InputName, in spool: Spool, settings: Settings, now: Date) throws(SpoolError) {
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
    self.event = event
    self.problem = problem
    self.record = record
    note = try spool.note(for: name)
    path = state.map { "\(spool.path)/\($0.rawValue)/\(name.fileName)" }
    recordFiles = record.map {
      let files = SessionPlace(session: $0.session).files(of: name)
      return ("\(spool.path)/observations/\(files.xml)", "\(spool.path)/observations/\(files.json)")
    }
    call = try record.flatMap { record throws(SpoolError) in try records.call(of: record) }
    let ahead = stamp.map { $0.modified.timeIntervalSince(now) } ?? 0
    due = state == .pending && ahead > 0 && ahead <= settings.retryMax ? stamp?.modified : nil
    guard state == .pending else {
      pause = nil
      return
    }
    pause = try spool.pauses().lazy.compactMap { Pause(json: $0.json) }.first {
      $0.provider == settings.provider
    }
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

    /// The call of a record's input, in its own record or in the one that it points to.
    func call(of record: Record) throws(SpoolError) -> Call? {
      switch record.exchange {
      case .said: return call(in: record, of: record)
      case .within(let name):
        guard let name = InputName(name), let other = try self.record(of: name, session: record.session)
        else { return nil }
        return call(in: other, of: record)
      case nil: return nil
      }
    }

    private func call(in other: Record, of record: Record) -> Call? {
      guard case .said(let user, let assistant) = other.exchange else { return nil }
      let text = user.text
      let count = text.split(separator: "\n").count { $0.hasPrefix("<observed n=\"") }
      let names = record.batch ?? []
      let position = names.firstIndex(of: record.name)
      return Call(
        name: other.name, user: text, assistant: assistant.text, usage: other.usage,
        number: count > 1 && names.count == count ? position.map { $0 + 1 } : nil, count: count)
    }
  }
}
