// Replies: whatever a server sends is a reply or an error, in words that are harmless and without the key.

import FoundationEssentials
import JSONText

@testable import Provider

private let key = "sk-fuzz-0123456789abcdef"

private let noon = Date(timeIntervalSince1970: 1_795_521_600)

private func configuration(_ name: String, key: String?) -> ProviderConfiguration {
  ProviderConfiguration(name: name, model: "m", key: key, baseURL: "https://example.invalid/v1")
}

/// Never used: what they would send is what a target makes up.
private let http = HTTPClient()

private func provider<Made>(_ make: () throws -> Made) -> Made {
  do { return try make() } catch { fatalError("\(error)") }
}

private let openRouter = provider {
  try OpenRouter(configuration("openrouter", key: key), http: http, now: { noon })
}
private let gemini = provider { try Gemini(configuration("gemini", key: key), http: http, now: { noon }) }
private let claude = provider { try Claude(configuration("claude", key: key), http: http, now: { noon }) }
private let command = ClaudeCommand(configuration("claude", key: nil), command: "/bin/false", now: { noon })

private let statuses = [
  200, 200, 200, 200, 204, 301, 400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 503, 529, 999, 0,
]

func fuzzReply(_ bytes: [UInt8]) {
  var bytes = bytes
  let dialect = bytes.takeFirst()
  let status = statuses[bytes.takeFirst() % statuses.count]
  // The key may come back anywhere: where a byte of 0xFF stood.
  let filled = bytes.split(separator: 0xFF, omittingEmptySubsequences: false).joined(
    separator: Array(key.utf8))
  let parts = Array(filled).split(separator: 0x00, maxSplits: 1, omittingEmptySubsequences: false)
  let body = Array(parts.last ?? [])
  let headers = HeaderFields(bytes: parts.count > 1 ? Array(parts[0]) : [])
  let answer = HTTPClient.Answer(status: status, headers: headers, body: body)
  let isCommand = dialect % 4 == 3
  do throws(ProviderError) {
    let reply =
      switch dialect % 4 {
      case 0: try openRouter.reply(from: answer)
      case 1: try gemini.reply(from: answer)
      case 2: try claude.reply(from: answer)
      default:
        try command.reply(
          from: Subprocess.Outcome(
            ending: .exited(status: Int32(status / 256)), output: body, errors: headers.bytes))
      }
    // The command is given no key that it could tell.
    if !isCommand { requireNoKey(in: reply.text) }
    for text in [reply.servedModel, reply.requestID] { requireLine(text, isCommand) }
    switch reply.finish {
    case .refused(let reason), .other(let reason): requireLine(reason, isCommand)
    case .stop, .length: break
    }
  } catch {
    requireLine(error.message, isCommand)
    requireLine(error.requestID, isCommand)
    require(!error.message.isEmpty, "an error without words")
    require(
      error.retryAfter.map { (1...86_400).contains($0) } ?? true, "wait \(error.retryAfter ?? 0) seconds")
  }
}

private func requireNoKey(in text: String) {
  require(text.replacing(bytesOf: key, with: "") == text, "the key in '\(text)'")
}

private func requireLine(_ text: String?, _ isCommand: Bool) {
  guard let text else { return }
  if !isCommand { requireNoKey(in: text) }
  require(text.unicodeScalars.count <= 600, "a line of \(text.unicodeScalars.count) characters")
  require(
    text.unicodeScalars.allSatisfy {
      $0.properties.generalCategory != .control && $0.properties.generalCategory != .format
    },
    "a line that does something to a terminal")
}
