// Looking whether a server works, without asking a model.

import JSONText

extension Endpoint {
  /// Looks at an API that describes one model at one address, to those with a key.
  func check(model: String, at path: String) async -> [CheckLine] {
    do throws(ProviderError) {
      _ = try await get(path)
    } catch {
      guard error.status == 404 else { return lines(about: error) }
      return [
        CheckLine(.ok, "provider", "\(base.host) answers"),
        CheckLine(
          .failure, "model", "\(model) is not known there, or the base URL is wrong: \(error.message)"),
      ]
    }
    return [
      CheckLine(.ok, "provider", "\(base.host) answers"), CheckLine(.ok, "key", "accepted"),
      CheckLine(.ok, "model", "\(model) is known"),
    ]
  }

  /// What an error says about the server, the key and the model.
  func lines(about error: ProviderError) -> [CheckLine] {
    let answers = CheckLine(.ok, "provider", "\(base.host) answers")
    switch (error.class, error.status) {
    case (.auth, 404), (.request, _):
      return [
        answers,
        CheckLine(.warning, "model", "the server does not list its models, so key and model cannot be told"),
      ]
    case (.auth, let status?) where status >= 400:
      return [answers, CheckLine(.failure, "key", error.message)]
    case (.quota, _), (.rateLimit, _): return [answers, CheckLine(.warning, "key", error.message)]
    default: return [CheckLine(.failure, "provider", error.message)]
    }
  }
}

extension Int {
  /// The sum with a count that a server may not have sent; a count that does not fit is left out.
  func adding(_ count: Int?) -> Int {
    let (sum, overflow) = addingReportingOverflow(count ?? 0)
    return overflow ? self : sum
  }
}

extension String {
  /// The text as one segment of a path: everything but RFC 3986's unreserved characters is percent-encoded.
  var pathSegment: String {
    var segment = ""
    for byte in utf8 {
      let scalar = Unicode.Scalar(byte)
      let isPlain =
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
        || "-._~".unicodeScalars.contains(scalar)
      if isPlain {
        segment.unicodeScalars.append(scalar)
      } else {
        segment += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
      }
    }
    return segment
  }
}
