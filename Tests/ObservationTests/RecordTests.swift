// Records as JSON and as XML, held against their schemas by programs of others.
import FoundationEssentials
import Glibc
import JSONText
import Observation
import Testing

@Suite struct RecordTests {
  static let sha256 = String(repeating: "0123456789abcdef", count: 4)
  static let time = Date(timeIntervalSince1970: 1_795_521_600.25)

  static let full = Record(
    name: "0001-edit", inputSHA256: sha256, session: "s1", project: "shop", turn: 3, kind: .toolUse,
    occurredAt: time,
    processedAt: time.addingTimeInterval(2), outcome: .observed,
    findings: [plainFinding, Finding(type: "made up", title: "t")],
    summary: Summary(request: "r", nextSteps: "n"), provider: "openrouter", model: "m", servedModel: "m-1",
    requestID: "gen-1",
    usage: Record.Usage(
      inputTokens: 10, outputTokens: 5, cachedTokens: 2, costUSD: 0.000125, estimated: true),
    batch: ["0001-edit", "0002-edit"],
    exchange: .said(user: JSONString("u\n\"1\""), assistant: JSONString("a")))

  static let least = Record(
    name: "n", inputSHA256: sha256, session: "default", project: "", turn: 0, kind: .note, occurredAt: time,
    processedAt: time,
    outcome: .noted)

  /// Every character that XML or JSON could stumble over.
  static let hostile: Record = {
    let text =
      "\u{0}\u{1}\u{B}\u{1B}\u{7F}\u{85}\u{FFFE}\u{FFFF}\u{10FFFF}\u{202E}]]>&amp;<![CDATA[</record>\r\n\t\"'\\😀"
    let finding = Finding(
      type: text, title: text, subtitle: text, facts: [text, text], narrative: text, concepts: [text],
      filesRead: [text],
      filesModified: [text])
    var record = full
    record.name = text
    record.session = text
    record.project = text
    record.findings = [finding]
    record.summary = Summary(
      request: text, investigated: text, learned: text, completed: text, nextSteps: text, notes: text)
    record.provider = text
    record.model = text
    record.servedModel = text
    record.requestID = text
    record.batch = [text, text]
    record.exchange = .within(text)
    return record
  }()

  static let all = [full, least, hostile]

  @Test(arguments: all) func isReadAsItWasWritten(_ record: Record) throws {
    #expect(try Record(json: record.json.bytes) == record)
  }

  @Test func membersStandInTheirOrder() throws {
    let json = try JSON(parsing: Self.full.json.bytes)
    #expect(
      json.object?.map(\.key) == [
        "version", "name", "input_sha256", "session_id", "project", "turn", "kind", "occurred_at",
        "processed_at", "outcome",
        "observations", "summary", "provider", "model", "served_model", "request_id", "usage", "batch",
        "exchange",
      ])
    #expect(
      json["observations"]?.array?.first?.object?.map(\.key) == [
        "type", "title", "subtitle", "facts", "narrative", "concepts", "files_read", "files_modified",
      ])
    #expect(json["occurred_at"]?.string == "2026-11-24T12:00:00.250Z")
    #expect(try JSON(parsing: Self.least.json.bytes)["exchange"] == .null)
    #expect(Self.full.json.bytes.last == 0x0A)
  }

  @Test func xmlCarriesTheSameWithoutTheExchange() {
    let xml = String(decoding: Self.least.xml.bytes, as: UTF8.self)
    #expect(
      xml == """
        <?xml version="1.0" encoding="UTF-8"?>
        <record version="1">
          <name>n</name>
          <input_sha256>\(Self.sha256)</input_sha256>
          <session_id>default</session_id>
          <project></project>
          <turn>0</turn>
          <kind>note</kind>
          <occurred_at>2026-11-24T12:00:00.250Z</occurred_at>
          <processed_at>2026-11-24T12:00:00.250Z</processed_at>
          <outcome>noted</outcome>
          <observations>
          </observations>
        </record>

        """)
    let full = String(decoding: Self.full.xml.bytes, as: UTF8.self)
    #expect(full.contains("<file>auth/lock.swift</file>"))
    #expect(full.contains("<cost_usd>0.000125</cost_usd>"))
    #expect(!full.contains("exchange"))
    let hostile = String(decoding: Self.hostile.xml.bytes, as: UTF8.self)
    #expect(
      hostile.contains(
        "<title>\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{7F}\u{85}\u{FFFD}\u{FFFD}\u{10FFFF}\u{202E}]]&gt;&amp;amp;&lt;![CDATA[&lt;/record&gt;&#13;\n"
      ))
  }

  /// Wherever a word of eight bytes ends, and whatever looks like U+FFFE and is none.
  @Test(arguments: [
    ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;"), ("\u{1}", "\u{FFFD}"), ("\t\n", "\t\n"),
    ("\u{FFFF}", "\u{FFFD}"), ("\u{FB00}", "\u{FB00}"), ("\u{FFEF}", "\u{FFEF}"), ("\u{EF}", "\u{EF}"),
  ])
  func xmlEscapesAtEachPlace(special: String, written: String) {
    for length in 0..<20 {
      for behind in 0..<10 {
        let before = String("abcdefghijklmnopqrst".prefix(length))
        let after = String("0123456789".prefix(behind))
        var record = Self.least
        record.findings = [Finding(type: "discovery", title: before + special + after + special)]
        let xml = String(decoding: record.xml.bytes, as: UTF8.self)
        #expect(xml.contains("<title>\(before)\(written)\(after)\(written)</title>"))
      }
    }
  }

  @Test(arguments: [
    "", "{}", "[]", #"{"version": 2}"#, #"{"version": 1}"#,
    #"{"version": 1, "name": "n", "input_sha256": "", "session_id": "s", "kind": "x"}"#,
  ])
  func saysWhatIsNoRecord(_ json: String) {
    #expect(throws: RecordError.self) { try Record(json: Array(json.utf8)) }
  }

  @Test(.enabled(if: Tool.exists("xmllint"), "xmllint is not installed")) func xmlIsValid() throws {
    for record in Self.all {
      #expect(
        try Tool.run("xmllint --noout --schema '\(Tool.schema("obspool.xsd"))' -", input: record.xml.bytes)
          == 0)
    }
    let wrong = Array(
      String(decoding: Self.full.xml.bytes, as: UTF8.self).replacing("<turn>3", with: "<turn>x").utf8)
    #expect(try Tool.run("xmllint --noout --schema '\(Tool.schema("obspool.xsd"))' -", input: wrong) != 0)
  }

  @Test(.enabled(if: Tool.runs("python3 -c 'import jsonschema'"), "Python's jsonschema is not installed"))
  func jsonIsValid() throws {
    let check = """
      python3 -c 'import json, sys, jsonschema; s = json.load(open(sys.argv[1])); \
      v = jsonschema.Draft202012Validator; v.check_schema(s); v(s).validate(json.load(sys.stdin))' '\(Tool.schema("record.schema.json"))'
      """
    for record in Self.all { #expect(try Tool.run(check, input: record.json.bytes) == 0) }
    let wrong = Array(
      String(decoding: Self.full.json.bytes, as: UTF8.self).replacing("\"turn\": 3", with: "\"turn\": -1")
        .utf8)
    #expect(try Tool.run(check, input: wrong) != 0)
  }
}

/// Programs of others, run by the shell.
private enum Tool {
  static func exists(_ name: String) -> Bool { runs("command -v \(name)") }

  static func runs(_ command: String) -> Bool { (try? run(command, input: [])) == 0 }

  static func schema(_ name: String) -> String {
    let tests = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return "/\(tests)/Sources/Observation/Schema/\(name)"
  }

  struct Failure: Error {}

  /// The exit status of a command that is given `input` on its standard input.
  static func run(_ command: String, input: [UInt8]) throws -> Int32 {
    guard let pipe = popen("(\(command)) >/dev/null 2>&1", "w") else { throw Failure() }
    let written = input.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, pipe) }
    let status = pclose(pipe)
    guard written == input.count else { throw Failure() }
    return status
  }
}
