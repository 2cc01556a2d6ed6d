import Foundation
import TestSupport
import Testing

/// Programs of others that hold records against their schemas.
enum Schemas {
  private static let directory =
    #filePath.components(separatedBy: "Tests/CommandsTests/")[0] + "Sources/Observation/Schema/"

  /// Whether a tool is there; where it is not, says so once.
  private static let hasXMLLint = has("xmllint", "xmllint --version")
  private static let hasJSONSchema = has("Python's jsonschema", "python3 -c 'import jsonschema'")

  private static func has(_ name: String, _ command: String) -> Bool {
    let isThere = (try? run("\(command) >/dev/null 2>&1", in: "/"))?.code == 0
    if !isThere { print("not validated: \(name) is not installed") }
    return isThere
  }

  /// What is wrong with the records below a directory; empty where all is well.
  static func faults(in directory: String) throws -> String {
    let names = try FileManager.default.subpathsOfDirectory(atPath: directory).sorted()
    let xml = names.filter { $0.hasSuffix(".xml") }
    let json = names.filter { $0.hasSuffix(".json") }
    guard xml.map({ $0.dropLast(4) }) == json.map({ $0.dropLast(5) }) else {
      return "not every record has both forms: \(names)"
    }
    var faults = ""
    if hasXMLLint, !xml.isEmpty {
      let schema = self.directory + "obspool.xsd"
      let outcome = try run(
        "find . -name '*.xml' -exec xmllint --noout --schema '\(schema)' {} +", in: directory)
      if outcome.code != 0 { faults += outcome.errors }
    }
    if hasJSONSchema, !json.isEmpty {
      let script = """
        import json, pathlib, sys, jsonschema
        check = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))
        for path in pathlib.Path(".").rglob("*.json"):
            check.validate(json.loads(path.read_text()))
        """
      let outcome = try run("python3 -c '\(script)' '\(self.directory)record.schema.json'", in: directory)
      if outcome.code != 0 { faults += outcome.errors }
    }
    return faults
  }

  private static func run(_ command: String, in directory: String) throws -> Obspool.Outcome {
    // The streams' files must not be among the records.
    let scratch = try TemporaryDirectory()
    return try Running(
      "/bin/sh", ["-c", "cd '\(directory)' && \(command)"], input: [], environment: ["PATH": "/usr/bin:/bin"],
      directory: scratch.path
    ).wait()
  }
}

extension Obspool {
  /// Fails the test where a record in a spool is not what the schemas say.
  func validateRecords(in spool: String = "spool", sourceLocation: SourceLocation = #_sourceLocation) throws {
    let faults = try Schemas.faults(in: "\(directory)/\(spool)/observations")
    #expect(faults == "", sourceLocation: sourceLocation)
  }
}

@Suite struct SchemasTests {
  /// Were wrong records let through, no other test would tell.
  @Test func `A record that is none is found`() throws {
    var obspool = try Obspool(spool: true)
    obspool.environment["CLAUDE_MEM_PROVIDER"] = "offline"
    try obspool.write(#"{"session_id": "s", "kind": "note"}"#, to: "spool/pending/a.json")
    #expect(try obspool("drain").code == 0)
    try obspool.validateRecords()
    let records = obspool.directory + "/spool/observations"
    for (file, word, instead) in [("a.xml", "<turn>", "<turn>x"), ("a.json", "\"turn\": ", "\"turn\": -1")] {
      let text = try obspool.read("spool/observations/s/\(file)")
      try obspool.write(
        text.replacingOccurrences(of: word, with: instead), to: "spool/observations/s/\(file)")
      #expect(try Schemas.faults(in: records) != "")
      try obspool.write(text, to: "spool/observations/s/\(file)")
    }
    #expect(try Schemas.faults(in: records) == "")
    try obspool.shell("rm spool/observations/s/a.xml")
    #expect(try Schemas.faults(in: records) != "")
  }
}
