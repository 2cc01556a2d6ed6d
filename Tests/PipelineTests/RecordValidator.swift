// Every record that a drain in these tests leaves is read by the strict readers of others.

import Foundation
import Testing
import Threads

/// Python's JSON Schema validator, started once for all tests, since starting it takes longer than a drain does, and
/// xmllint, which starts at once.
final class RecordValidator: Sendable {
  /// Nil where the tools are not installed; the tests of records themselves say so with a word.
  static let shared: RecordValidator? = try? RecordValidator()

  private struct Python {
    var input: FileHandle
    var output: FileHandle
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
    let (input, output, process) = (Pipe(), Pipe(), Process())
    process.executableURL = URL(filePath: "/bin/sh")
    // The one of Debian has the package of Debian; another in the path may have its own.
    process.arguments = [
      "-c",
      "for p in /usr/bin/python3 python3; do $p -c 'import jsonschema' 2>&- && exec $p -c \"$0\" \"$1\"; done",
      Self.script, Self.schemas + "/record.schema.json",
    ]
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    guard Self.line(of: output.fileHandleForReading) == "ready", Self.xmllint(["--version"]) == "" else {
      throw Problem("no validators")
    }
    python = Locked(Python(input: input.fileHandleForWriting, output: output.fileHandleForReading))
  }

  /// What is wrong with the records below a directory; empty where all are valid.
  func faults(below observations: String) -> String {
    let files = (FileManager.default.enumerator(atPath: observations)?.compactMap { $0 as? String } ?? [])
      .map { "\(observations)/\($0)" }
    let (xml, json) = (files.filter { $0.hasSuffix(".xml") }, files.filter { $0.hasSuffix(".json") })
    guard !json.isEmpty, let question = try? JSONSerialization.data(withJSONObject: json) else { return "" }
    let answer = python.withLock { python in
      try? python.input.write(contentsOf: question + Data("\n".utf8))
      return Self.line(of: python.output)
    }
    let faults = Self.xmllint(["--noout", "--nonet", "--schema", Self.schemas + "/obspool.xsd"] + xml)
    return (answer == "\"\"" ? "" : answer) + faults
  }

  /// What xmllint complains of; empty for nothing.
  private static func xmllint(_ arguments: [String]) -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["xmllint"] + arguments
    let output = Pipe()
    process.standardOutput = FileHandle.nullDevice
    process.standardError = output
    guard (try? process.run()) != nil else { return "xmllint does not start" }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return process.terminationStatus == 0 ? "" : "xmllint: \(text)"
  }

  private static func line(of handle: FileHandle) -> String {
    var bytes = Data()
    while let byte = try? handle.read(upToCount: 1), !byte.isEmpty, byte.first != 10 { bytes += byte }
    return String(decoding: bytes, as: UTF8.self)
  }
}
