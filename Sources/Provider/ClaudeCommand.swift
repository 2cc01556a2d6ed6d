// The command `claude`, which answers for the provider `claude` where there is no key but somebody is signed in.

import FoundationEssentials
import Glibc
import JSONText

/// Asks Claude Code's command (https://code.claude.com/docs/en/cli-reference) without tools.
///
/// Nothing of the conversation stands in its arguments, which others can read; it comes on standard input. Its
/// hooks are off: they may well be what fills the spool. It does not get the keys in our environment.
struct ClaudeCommand: Provider {
  let name = "claude"
  let model: String
  private let path: String
  private let timeout: Double
  private let now: Now

  init(_ configuration: ProviderConfiguration, command: String, now: @escaping Now) {
    model = configuration.model
    path = command
    timeout = configuration.timeout
    self.now = now
  }

  func ask(_ request: Request) async throws(ProviderError) -> Reply {
    let input = Array(prompt(for: request).utf8)
    let arguments =
      ["-p", "--output-format", "json", "--model", model, "--tools", "", "--strict-mcp-config"]
      + ["--no-session-persistence", "--settings", #"{"disableAllHooks":true}"#]
    return try reply(from: await run(arguments, timeout: timeout, input: input))
  }

  /// Reads what the command said.
  func reply(from outcome: Subprocess.Outcome) throws(ProviderError) -> Reply {
    let result = try result(of: outcome)
    let cached = result["usage"]?["cache_read_input_tokens"]?.int ?? 0
    let usage = result["usage"].map { usage in
      Usage(
        inputTokens: (usage["input_tokens"]?.int ?? 0).adding(usage["cache_creation_input_tokens"]?.int)
          .adding(cached),
        outputTokens: usage["output_tokens"]?.int ?? 0, cachedTokens: cached,
        costUSD: result["total_cost_usd"]?.double)
    }
    let finish: Reply.Finish =
      switch result["stop_reason"]?.string {
      case "max_tokens": .length
      case "refusal": .refused("refusal")
      default: .stop
      }
    return Reply(
      text: result["result"]?.string ?? "",
      servedModel: result["modelUsage"]?.object?.first.map { $0.key.printableLine },
      requestID: result["session_id"]?.string?.printableLine, finish: finish, usage: usage)
  }

  func check() async -> [CheckLine] {
    let outcome = await run(["--version"], timeout: 10, input: [])
    guard outcome.ending == .exited(status: 0) else {
      return [CheckLine(.failure, "provider", words(for: outcome).message)]
    }
    let version = String(decoding: outcome.output, as: UTF8.self).printableLine
    return [
      CheckLine(.ok, "provider", "the command \(path) is there: \(version)"),
      CheckLine(.warning, "key", "none is set; whether the command is signed in shows when it is asked"),
    ]
  }

  private func run(_ arguments: [String], timeout: Double, input: [UInt8]) async -> Subprocess.Outcome {
    await Subprocess(
      path: path, arguments: arguments, environment: Self.environment, timeout: timeout, limit: 8 << 20
    ).run(input: input)
  }

  /// What the command needs to find itself, its sign-in and the network.
  private static var environment: [String] {
    let names = [
      "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
      "XDG_CACHE_HOME", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "HTTPS_PROXY", "https_proxy",
      "NO_PROXY",
      "no_proxy", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR",
    ]
    return names.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
  }

  /// The conversation as one text. Each part stands under a line that stands in none of them, so that no text can
  /// pass for the next part.
  func prompt(for request: Request) -> String {
    let turns = request.turns.map { turn in
      (role: turn.role, text: (try? JSON(parsing: turn.literal.bytes))?.string ?? "")
    }
    let system = request.system.text
    var number = 1
    let isTaken = { (number: Int) in
      system.contains("=== \(number) ") || turns.contains { $0.text.contains("=== \(number) ") }
    }
    while isTaken(number) { number += 1 }
    var text = "=== \(number) What you are to do\n\(system)\n"
    for turn in turns {
      text += "=== \(number) \(turn.role == .user ? "What came in" : "What you answered")\n\(turn.text)\n"
    }
    return text + "=== \(number) Answer to what came in last, and write nothing else.\n"
  }

  /// The object in which the command tells what it did.
  private func result(of outcome: Subprocess.Outcome) throws(ProviderError) -> JSON {
    guard case .exited = outcome.ending else { throw words(for: outcome) }
    let json = try? JSON(parsing: outcome.output, repairing: true)
    // With some settings it gives all its messages, of which the result is the last.
    guard let result = json?.array?.last ?? json, result["type"]?.string == "result" else {
      throw words(for: outcome)
    }
    let succeeded = result["is_error"]?.bool != true && result["subtype"]?.string ?? "success" == "success"
    guard succeeded else { throw failure(result) }
    return result
  }

  private func words(for outcome: Subprocess.Outcome) -> ProviderError {
    switch outcome.ending {
    case .cancelled: return .cancelled
    case .timedOut: return ProviderError(.transient, "the command claude did not answer in time")
    case .tooMuch: return ProviderError(.transient, "the command claude answered with more than 8 MiB")
    case .notStarted(let code):
      return ProviderError(.auth, "the command \(path) does not start: \(String(cString: strerror(code)))")
    case .exited(let status):
      let said = String(decoding: outcome.errors + outcome.output, as: UTF8.self).printableLine
      // 126 and 127: there is no such program, or it may not be run.
      let kind: ProviderError.Class = status == 126 || status == 127 ? .auth : .transient
      return ProviderError(kind, "the command claude ended with status \(status): \(said)")
    }
  }

  /// What the command reports as an error, judged like the API's own.
  private func failure(_ result: JSON) -> ProviderError {
    let said = result["result"]?.string ?? result["subtype"]?.string ?? "no reason given"
    let lowercased = String(said.prefix(2000)).lowercased()
    var status = result["api_error_status"]?.int
    if status == nil, let number = said.split(separator: "API Error: ").last?.prefix(3) {
      status = Int(number)
    }
    if lowercased.contains("limit reached") || lowercased.contains("hit your limit") { status = 402 }
    if lowercased.contains("/login") || lowercased.contains("oauth token") { status = 401 }
    let answer = HTTPClient.Answer(
      status: status.flatMap { (300..<600).contains($0) ? $0 : nil } ?? 500, headers: HeaderFields(), body: []
    )
    let error = JSON.object([JSON.Member("message", .string(said))])
    var failure = Failure(answer, json: error, from: "claude", cleaning: { $0 }).providerError(now: now())
    failure.message = failure.message.printableLine
    // `Claude AI usage limit reached|1735689600` names the time of the reset.
    if failure.class == .quota, let reset = said.split(separator: "|").last.flatMap({ Double($0) }),
      reset > 1e9
    {
      failure.retryAfter = min(max(reset - now().timeIntervalSince1970, 1), 86_400)
    }
    return failure
  }
}
