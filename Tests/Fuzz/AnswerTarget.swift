// Answers: all that a model may say is read in linear work, and becomes records that every reader takes.

import FoundationEssentials
import JSONText

@testable import Observation

func fuzzAnswer(_ bytes: [UInt8]) {
  var bytes = bytes
  let choice = bytes.takeFirst()
  let inputs = choice % 6 + 1
  let text = String(decoding: bytes, as: UTF8.self)
  var work = 0
  let answer = Answer(parsing: text, inputs: inputs, work: &work)
  require(work <= 12 * text.utf8.count + 2_000, "\(work) looks at \(text.utf8.count) bytes")
  require(answer.parts.count == inputs, "\(answer.parts.count) parts for \(inputs) inputs")
  require(
    (answer.fault == nil) == answer.parts.allSatisfy { $0 != nil },
    "a fault that is none, or none that is one")
  guard
    let event = try? Event(decoding: Array(#"{"tool_name": "Edit", "tool_input": {"file_path": "/a"}}"#.utf8))
  else { return }
  for (position, part) in answer.parts.enumerated() {
    guard let part else { continue }
    for finding in part.findings { require(!finding.type.isEmpty, "a finding without a type") }
    var record = record(of: part, event)
    // What is not the model's comes from elsewhere and may be anything, too.
    record.name = text
    record.session = text
    record.project = text
    record.provider = choice & 64 == 0 ? nil : text
    record.requestID = text
    record.usage = Record.Usage(
      inputTokens: choice, outputTokens: .max, cachedTokens: 0,
      costUSD: Double(bitPattern: UInt64(choice) << 56 | UInt64(bytes.count)), estimated: choice & 1 == 0)
    record.batch = choice & 32 == 0 ? nil : ["a", text]
    record.exchange =
      position == 0 ? .said(user: JSONString(text), assistant: JSONString(text)) : .within(text)
    requireWhole(record)
  }
}

func record(of part: Answer.Part, _ event: Event) -> Record {
  Record(
    name: "n", inputSHA256: String(repeating: "0", count: 64), session: event.session, project: event.project,
    turn: 1,
    kind: event.kind, occurredAt: Date(timeIntervalSince1970: 0),
    processedAt: Date(timeIntervalSince1970: 1.5),
    outcome: .observed, findings: part.findings, summary: part.summary)
}

/// The JSON reads as the same record, and the XML is well-formed and says the same.
func requireWhole(_ record: Record) {
  var expected = record
  // JSON has no numbers that are not finite; they are written as null.
  if record.usage?.costUSD?.isFinite == false { expected.usage?.costUSD = nil }
  do {
    let read = try Record(json: record.json.bytes)
    require(read == expected, "the record reads as another one")
  } catch {
    fatalError("the record cannot be read: \(error)")
  }
  do {
    let root = try WellFormed.read(record.xml.bytes)
    require(root.name == "record", "the root is \(root.name)")
    requireText(record.session, root, "session_id")
    requireText(record.requestID, root, "request_id")
    let observations = root.children.first { $0.name == "observations" }?.children ?? []
    require(observations.count == record.findings.count, "findings are lost")
    for (finding, element) in zip(record.findings, observations) {
      requireText(finding.type, element, "type")
      requireText(finding.title, element, "title")
      requireText(finding.narrative, element, "narrative")
      let facts = element.children.first { $0.name == "facts" }?.children ?? []
      require(facts.map(\.text) == finding.facts.map(xmlCharacters), "other facts")
    }
  } catch {
    fatalError("the XML is not well-formed: \(error): \(String(decoding: record.xml.bytes, as: UTF8.self))")
  }
}

private func requireText(_ text: String?, _ parent: WellFormed.Element, _ name: String) {
  let element = parent.children.first { $0.name == name }
  require(element?.text == text.map(xmlCharacters), "\(name) says something else")
}

/// The text with what is no `Char` of XML 1.0 replaced.
private func xmlCharacters(_ text: String) -> String {
  String(String.UnicodeScalarView(text.unicodeScalars.map { WellFormed.isCharacter($0) ? $0 : "\u{FFFD}" }))
}
