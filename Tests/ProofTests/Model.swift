// The model that the proofs ask: it says of each input which one it is, and counts how often it was asked.

import Foundation
import JSONText
import TestSupport
import Threads

/// A provider on loopback. Each input carries a mark of its own, `mark-RUN-NAME.`; the answer to an input is an
/// observation with the mark as its title. The first call about an input whose mark ends in `-flaky` fails.
final class Model: Sendable {
  static let shared = try? Model()

  let server: LoopbackServer
  private let counts: Locked<[String: Int]>

  init() throws {
    let counts = Locked<[String: Int]>([:])
    self.counts = counts
    server = try LoopbackServer { request in Self.answer(request, counts) }
  }

  /// How often the model was asked about a mark.
  func asked(_ mark: String) -> Int { counts.withLock { $0[mark] ?? 0 } }

  static func marks(in text: some StringProtocol) -> [String] {
    text.split(separator: "mark-", omittingEmptySubsequences: false).dropFirst().compactMap { rest in
      rest.firstIndex(of: ".").map { "mark-" + rest[..<$0] }
    }
  }

  private static func answer(_ request: HTTPRequest, _ counts: Locked<[String: Int]>) -> HTTPResponse {
    guard let last = request.json["messages"]?.array?.last?["content"] else { return .error(400) }
    let turn = last.string ?? (last.array ?? []).compactMap { $0["text"]?.string }.joined()
    let frames = turn.components(separatedBy: "<observed n=\"").dropFirst().map {
      marks(in: $0).first ?? "none"
    }
    let isFlaky = counts.withLock { counts -> Bool in
      var isFlaky = false
      for mark in frames {
        counts[mark, default: 0] += 1
        if mark.hasSuffix("-flaky"), counts[mark] == 1 { isFlaky = true }
      }
      return isFlaky
    }
    if isFlaky { return .error(503, "not now") }
    let answers = frames.enumerated().map { index, mark in
      let number = frames.count > 1 ? " input=\"\(index + 1)\"" : ""
      return "<observation\(number)><type>discovery</type><title>\(mark)</title></observation>"
    }
    return .chat(answers.joined(separator: "\n"))
  }
}
