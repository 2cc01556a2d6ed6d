// The command `claude`, played by a shell script.

import Foundation
import TestSupport
import Testing

@testable import Provider

@Suite(.timeLimit(.minutes(5)))
struct ClaudeCommandTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// The provider with a command that runs a script.
  private func command(_ script: String, timeout: Double = 300) async throws -> any Provider {
    let path = directory.appending("claude")
    // Written by another process: with a descriptor of ours that a child of another test has, it could not be run.
    let write = #"printf '#!/bin/sh\n%s\n' "$1" > "$2"; chmod 755 "$2""#
    _ = await run("sh", ["-c", write, "sh", script, path])
    return try make(path, timeout: timeout)
  }

  private func make(_ path: String, key: String? = nil, timeout: Double = 300) throws -> any Provider {
    let configuration = ProviderConfiguration(
      name: "claude", model: "claude-haiku-4-5", key: key, baseURL: "https://api.anthropic.com",
      timeout: timeout,
      command: path)
    return try Providers.make(configuration, http: HTTPClient(), now: { noon })
  }

  private func written(_ name: String) throws -> String {
    try String(contentsOfFile: directory.appending(name), encoding: .utf8)
  }

  @Test func `the conversation comes on standard input, and nothing of it in the arguments`() async throws {
    let provider = try await command(
      """
      cat > "\(directory.path)/input"
      for argument in "$@"; do echo "[$argument]"; done > "\(directory.path)/arguments"
      env > "\(directory.path)/environment"
      pwd > "\(directory.path)/directory"
      echo '{"type":"result","subtype":"success","is_error":false,"result":"<skip/>","session_id":"s-1",'
      echo '"total_cost_usd":0.01,"usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5},'
      echo '"modelUsage":{"claude-haiku-4-5-20251001":{}}}'
      """)
    let messages = [message(.user, "one === 1 x"), message(.assistant, "two"), message(.user, "three")]
    let reply = try await provider.ask(request(messages))
    let input = """
      === 2 What you are to do
      be brief
      === 2 What came in
      one === 1 x
      === 2 What you answered
      two
      === 2 What came in
      three
      === 2 Answer to what came in last, and write nothing else.

      """
    #expect(try written("input") == input)
    #expect(
      try written("arguments").split(separator: "\n") == [
        "[-p]", "[--output-format]", "[json]", "[--model]", "[claude-haiku-4-5]", "[--tools]", "[]",
        "[--strict-mcp-config]", "[--no-session-persistence]", "[--settings]", #"[{"disableAllHooks":true}]"#,
      ])
    #expect(try written("directory") == "/\n")
    let allowed: Set<Substring> = [
      "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PWD",
    ]
    let names = try written("environment").split(separator: "\n").compactMap {
      $0.split(separator: "=").first
    }
    #expect(names.filter { $0.uppercased().contains("KEY") }.isEmpty)
    #expect(names.contains("PATH") && !allowed.isDisjoint(with: names))
    #expect(
      reply
        == Reply(
          text: "<skip/>", servedModel: "claude-haiku-4-5-20251001", requestID: "s-1", finish: .stop,
          usage: Usage(inputTokens: 7, outputTokens: 5, cachedTokens: 4, costUSD: 0.01)))
  }

  @Test func `a large conversation goes through to a command that answers before it has read it`()
    async throws
  {
    let text = String(repeating: "x", count: 1_000_000)
    let echo = try await command(#"n=$(wc -c); echo "{\"type\":\"result\",\"result\":\"$n\"}""#)
    let reply = try await echo.ask(request([message(.user, text)]))
    #expect(try #require(Int(reply.text)) > text.utf8.count)
    let deaf = try await command(#"echo '{"type":"result","result":"yes"}'"#)
    #expect(try await deaf.ask(request([message(.user, text)])).text == "yes")
  }

  @Test(
    arguments: [
      ("Claude AI usage limit reached|1795525200", ProviderError.Class.quota, 3600.0),
      ("You've hit your limit · resets 3pm", .quota, nil),
      ("Invalid API key · Please run /login", .auth, nil),
      ("API Error: 529 Overloaded", .transient, nil),
      ("API Error: 429 slow down", .rateLimit, nil),
      ("Prompt is too long", .context, nil),
      ("error_max_turns", .transient, nil),
    ] as [(String, ProviderError.Class, Double?)])
  func `an error is judged by its words`(said: String, kind: ProviderError.Class, retryAfter: Double?)
    async throws
  {
    let provider = try await command(
      #"cat >/dev/null; echo '{"type":"result","is_error":true,"result":"\#(said)"}'"#.replacing(
        "You've", with: "You have"))
    let error = await failure(of: provider)
    #expect(error?.class == kind)
    #expect(error?.retryAfter == retryAfter)
  }

  @Test func `a command that is gone or fails`() async throws {
    let gone = await failure(of: try make(directory.appending("nothing")))
    #expect(gone?.class == .auth)
    let failing = await failure(of: try await command("echo 'unknown option' >&2; exit 3"))
    #expect(failing?.class == .transient)
    #expect(failing?.message == "the command claude ended with status 3: unknown option")
  }

  @Test func `a command that takes too long goes with all that it started`() async throws {
    let provider = try await command(
      #"echo $$ > "\#(directory.path)/pid"; sleep 1000 & sleep 1000"#, timeout: 0.5)
    let error = await failure(of: provider)
    #expect(error?.message == "the command claude did not answer in time")
    let group = try #require(pid_t(try written("pid").trimmingCharacters(in: .newlines)))
    #expect(await isGone(group))
  }

  @Test func `cancelling the task ends the command at once`() async throws {
    let path = directory.appending("fifo")
    mkfifo(path, 0o600)
    let provider = try await command(#"echo $$ > "\#(path)"; sleep 1000"#)
    let task = Task { await failure(of: provider) }
    let group = try #require(pid_t(await run("cat", [path]).trimmingCharacters(in: .newlines)))
    task.cancel()
    #expect(await task.value == .cancelled)
    #expect(await isGone(group))
  }

  @Test func `of many commands at once each ends by itself`() async throws {
    let path = directory.appending("fifo")
    mkfifo(path, 0o600)
    let provider = try await command(#"echo >"\#(path)"; exec sleep 1000"#)
    let tasks = (0..<48).map { _ in Task { await failure(of: provider) } }
    // Open for both, so that it has no end between one writer and the next.
    #expect(await run("sh", ["-c", #"head -c 48 <>"$0" | wc -c"#, path]) == "48\n")
    // The first to be started is held back by a descriptor of its own that any later one has got hold of.
    for task in tasks {
      task.cancel()
      #expect(await task.value == .cancelled)
    }
  }

  /// Whether no process of a group runs; those that were killed may have to be reaped yet.
  private func isGone(_ group: pid_t) async -> Bool {
    for _ in 0..<50 {
      let running = await run("ps", ["-eo", "pgid=,stat="]).split(separator: "\n").contains { line in
        let words = line.split(separator: " ")
        return words.first == "\(group)" && words.last?.hasPrefix("Z") == false
      }
      if !running { return true }
      await Task.yield()
    }
    return false
  }

  /// What another program writes. No thread of the concurrency pool waits for it, and it gets no descriptor of ours.
  private func run(_ program: String, _ arguments: [String]) async -> String {
    let command = Subprocess(
      path: program, arguments: arguments, environment: ["PATH=/usr/bin:/bin"], timeout: 300, limit: 1 << 20)
    return String(decoding: await command.run(input: []).output, as: UTF8.self)
  }

  @Test func `a key goes before the command`() throws {
    #expect(try make("/bin/true", key: testKey) is Claude)
    #expect(try make("/bin/true") is ClaudeCommand)
  }

  @Test func `check asks for the version`() async throws {
    let lines = try await command(#"[ "$1" = --version ] && echo 2.1.0"#).check()
    #expect(lines.map(\.verdict) == [.ok, .warning])
    #expect(try await make(directory.appending("nothing")).check().map(\.verdict) == [.failure])
  }
}
