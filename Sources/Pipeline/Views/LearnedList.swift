// What was learned, read from the records, for `obspool list`.

import FoundationEssentials
import JSONText
import Observation
import Spool

/// The findings and summaries of the records that match, oldest first.
public struct LearnedList: Sendable {
  /// What is to be listed; nil matches everything.
  public struct Filter: Sendable {
    public var project: String?
    public var session: String?
    /// A finding's type, or ``summaryType``.
    public var type: String?
    /// What occurred at this time or later.
    public var since: Date?

    public init(project: String? = nil, session: String? = nil, type: String? = nil, since: Date? = nil) {
      self.project = project
      self.session = session
      self.type = type
      self.since = since
    }
  }

  /// What was learned from one input: one finding, or a summary.
  public struct Item: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
      case finding(Finding)
      case summary(Summary)
    }

    /// The name of the input.
    public var name: String
    public var session: String
    public var project: String
    public var occurredAt: Date
    public var content: Content

    /// The finding's type, or ``LearnedList/summaryType``.
    public var type: String {
      switch content {
      case .finding(let finding): finding.type
      case .summary: LearnedList.summaryType
      }
    }

    /// The one line that says most; empty where there is none.
    public var title: String {
      switch content {
      case .finding(let finding):
        finding.title ?? finding.subtitle ?? finding.narrative ?? finding.facts.first ?? ""
      case .summary(let summary):
        summary.completed ?? summary.learned ?? summary.request ?? summary.investigated ?? summary.notes
          ?? summary.nextSteps ?? ""
      }
    }
  }

  /// What a summary is called where findings have their type.
  public static let summaryType = "summary"

  public let items: [Item]
  /// Files in `observations` that are no record, and why.
  public let unreadable: [String]

  /// Reads the records of a spool, which may be at work meanwhile.
  public init(spool: Spool, matching filter: Filter) throws(SpoolError) {
    var items: [Item] = []
    var unreadable: [String] = []
    let places =
      if let session = filter.session { [SessionPlace(session: session)] } else { try spool.sessions() }
    for place in places {
      try spool.records(of: place) { json in
        do throws(RecordError) {
          items += Self.items(of: try Record(json: json)).filter { Self.matches($0, filter) }
        } catch {
          unreadable.append(
            "\(spool.path)/observations/\(place.directory) holds a file that is no record: \(error)")
        }
      }
    }
    self.items = items.sorted {
      ($0.occurredAt, $0.name) < ($1.occurredAt, $1.name)
    }
    self.unreadable = unreadable
  }

  private static func items(of record: Record) -> [Item] {
    let contents = record.findings.map(Item.Content.finding) + (record.summary.map { [.summary($0)] } ?? [])
    return contents.map {
      Item(
        name: record.name, session: record.session, project: record.project, occurredAt: record.occurredAt,
        content: $0)
    }
  }

  private static func matches(_ item: Item, _ filter: Filter) -> Bool {
    (filter.project.map { $0 == item.project } ?? true)
      && (filter.session.map { $0 == item.session } ?? true)
      && (filter.type.map { $0.lowercased() == item.type.lowercased() } ?? true)
      && (filter.since.map { $0 <= item.occurredAt } ?? true)
  }
}

extension LearnedList.Item {
  /// One line of JSON: name, session_id, project, occurred_at, type, and the members of the finding or the summary
  /// as in a record.
  public var json: [UInt8] {
    var writer = JSONWriter(.compact)
    writer.object {
      $0.member("name", name)
      $0.member("session_id", session)
      $0.member("project", project)
      $0.member("occurred_at", occurredAt)
      $0.member("type", type)
      switch content {
      case .finding(let finding):
        $0.member("title", finding.title)
        $0.member("subtitle", finding.subtitle)
        $0.member("facts", finding.facts)
        $0.member("narrative", finding.narrative)
        $0.member("concepts", finding.concepts)
        $0.member("files_read", finding.filesRead)
        $0.member("files_modified", finding.filesModified)
      case .summary(let summary):
        $0.member("request", summary.request)
        $0.member("investigated", summary.investigated)
        $0.member("learned", summary.learned)
        $0.member("completed", summary.completed)
        $0.member("next_steps", summary.nextSteps)
        $0.member("notes", summary.notes)
      }
    }
    return writer.bytes
  }
}
