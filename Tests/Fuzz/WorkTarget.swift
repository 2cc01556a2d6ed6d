// Work: whatever is repeated for a quarter of a megabyte is read in linear time.

import Glibc
import JSONText
import Observation

func fuzzWork(_ bytes: [UInt8]) {
  guard bytes.count > 1 else { return }
  let (lead, piece) = bytes.halves
  guard !piece.isEmpty else { return }
  let begun = seconds()
  let raw = lead + String(repeating: piece, count: 262_144 / piece.utf8.count)
  // As all that is read comes: out of JSON.
  guard let text = (try? JSON(parsing: JSON.string(raw).text))?.string else { return }
  _ = Privacy.remove(from: text)
  _ = try? Event(decoding: Array(text.utf8))
  _ = Answer(parsing: text, inputs: 6)
  let fact = "<fact>\(text)</fact><fact>\(text)x</fact>"
  _ = Answer(parsing: "<observation>\(fact)</observation>", inputs: 1)
  let hostile = JSON.object(
    ["session_id", "tool_name", "cwd", "kind", text].map { JSON.Member($0, .string(text)) })
  if let event = try? Event(decoding: Array(hostile.text.utf8)) {
    // As the queues are kept, and the tools that are skipped.
    _ = Set([event.session, event.toolName ?? "", event.project])
  }
  if let event = try? Event(decoding: Array(JSON.object([JSON.Member("prompt", .string(text))]).text.utf8)) {
    _ = Prompt.turn([event], ledBy: [text])
  }
  _ = JSON.string(text).text
  // Some 0.2 s here; what is quadratic takes minutes.
  require(seconds() - begun < 5, "\(seconds() - begun) seconds for \(text.utf8.count) bytes of '\(piece)'")
}

/// Of the processor's time, so that others on the machine do not count.
private func seconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
