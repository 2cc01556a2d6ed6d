// JSON: what is read and written again is the same.

import FoundationEssentials
import JSONText

func fuzzJSON(_ bytes: [UInt8]) {
  let text = String(decoding: bytes, as: UTF8.self).streamSafe
  require(JSONString(text).text == text, "a string literal reads as another text")
  if let date = Date(rfc3339: text) {
    let written = date.rfc3339
    require(Date(rfc3339: written)?.rfc3339 == written, "\(written) reads as another time")
  }
  guard let json = try? JSON(parsing: bytes) else {
    // What is repaired has the same grammar; only its strings may differ.
    if let repaired = try? JSON(parsing: bytes, repairing: true) { requireSame(repaired) }
    return
  }
  requireSame(json)
  require((try? JSON(parsing: bytes, repairing: true)) == json, "repairing changes what is whole")
  for cut in [bytes.count / 2, bytes.count - 1] {
    do throws(JSONError) {
      _ = try JSON(parsing: Array(bytes[..<cut]))
    } catch {
      require(error.offset <= cut, "an error behind the end")
    }
  }
}

private func requireSame(_ json: JSON) {
  for layout in [JSONWriter.Layout.compact, .indented] {
    var writer = JSONWriter(layout)
    writer.value(json)
    require((try? JSON(parsing: writer.bytes)) == json, "reads as another value when written \(layout)")
  }
  visit(json, depth: 0)
}

private func visit(_ json: JSON, depth: Int) {
  require(depth <= JSON.maximumDepth, "deeper than may be")
  require(json.double?.isFinite != false, "a number that is not finite")
  _ = json.int
  for element in json.array ?? [] { visit(element, depth: depth + 1) }
  for member in json.object ?? [] {
    visit(member.value, depth: depth + 1)
    require(json[member.key] != nil, "a member that is not found")
  }
}
