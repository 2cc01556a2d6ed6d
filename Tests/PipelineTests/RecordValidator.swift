// Every record that a drain in these tests leaves is read by the strict readers of others.

import Foundation
import Glibc
import TestSupport
import Testing
import Threads

/// Python's JSON Schema validator, started once for all tests, since starting it takes longer than a drain does, and
/// xmllint, which starts at once. Both by popen(3): Foundation's `Process` reads behind the end of an entry while it
/// lists the open descriptors, of which other tests have a thousand.
final class RecordValidator: Sendable {
  /// Nil where the tools are not installed; the tests of records themselves say so with a word.
  static let shared: RecordValidator? = try? RecordValidator()

  private struct Python {
    var input: UnsafeMutablePointer<FILE>
    var output: UnsafeMutablePointer<FILE>
  }

  private let python: Locked<Python>
  private static let schemas = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Sources/Observation/Schema").standardizedFileURL.path

  private static let script = """
    import json, sys, jsonschema
    validator = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))
    print("ready", flush=True)
    for line in sys.stdin:
        faults = []
        for path in json.loads(line):
            try:
                faults += [path + ": " + fault.message for fault in validator.iter_errors(json.load(open(path)))]
            except Exception as error:
                faults.append(path + ": " + str(error))
        print(json.dumps(" ".join(faults)), flush=True)
    """

  private init() throws {
    let directory = try TemporaryDirectory()
    let (script, answers) = (directory.appending("validate.py"), directory.appending("answers"))
    try Data(Self.script.utf8).write(to: URL(filePath: script))
    // The one of Debian has the package of Debian; another in the path may have its own.
    let command = """
      for p in /usr/bin/python3 python3; do
        $p -c 'import jsonschema' && exec $p '\(script)' '\(Self.schemas)/record.schema.json'
      done >'\(answers)' 2>/dev/null
      """
    guard mkfifo(answers, 0o600) == 0, let input = popen(command, "we"), let output = fopen(answers, "re"),
      Self.line(of: output) == "ready", Self.run("xmllint --version") == ""
    else { throw Problem("no validators") }
    python = Locked(Python(input: input, output: output))
  }

  /// What is wrong with the records below a directory; empty where all are valid.
  func faults(below observations: String) -> String {
    let files = (FileManager.default.enumerator(atPath: observations)?.compactMap { $0 as? String } ?? [])
      .filter { $0.hasSuffix(".json") }.map { "\(observations)/\($0)" }
    guard !files.isEmpty, let question = try? JSONSerialization.data(withJSONObject: files) else { return "" }
    let answer = python.withLock { python in
      fputs(String(decoding: question, as: UTF8.self) + "\n", python.input)
      fflush(python.input)
      return Self.line(of: python.output)
    }
    let schema = Self.schemas + "/obspool.xsd"
    let faults = Self.run(
      "find '\(observations)' -name '*.xml' -exec xmllint --noout --nonet --schema '\(schema)' {} +")
    return (answer == "\"\"" ? "" : answer) + faults
  }

  /// What a command says that fails; empty for one that does not.
  private static func run(_ command: String) -> String {
    guard let output = popen("(\(command)) 2>&1", "re") else { return "\(command) does not start" }
    var said = ""
    while case let line = line(of: output), !line.isEmpty { said += line + "\n" }
    return pclose(output) == 0 ? "" : "\(command): \(said)"
  }

  /// The next line; empty at the end.
  private static func line(of file: UnsafeMutablePointer<FILE>) -> String {
    var bytes: [UInt8] = []
    while case let byte = getc(file), byte != EOF, byte != 10 {
      bytes.append(UInt8(truncatingIfNeeded: byte))
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
