// What the providers with a server have in common: where it is, the key, and how its answers are judged.

import FoundationEssentials
import JSONText

/// A provider's server as its settings describe it.
struct Endpoint: Sendable {
  let base: BaseURL
  private let key: String
  let http: HTTPClient
  /// Header lines, made once: a handle that has sent them before keeps them.
  private let getHeaders: [String]
  private let postHeaders: [String]
  private let timeout: Double
  private let now: Now

  /// Looks at the settings.
  ///
  /// - Parameter headers: The header lines that every request has, such as the one with the key.
  /// - Throws: An error of class `auth` where there is no key or the address is none.
  init(
    _ configuration: ProviderConfiguration, http: HTTPClient, now: @escaping Now,
    headers: (_ key: String) -> [String]
  ) throws(ProviderError) {
    base = try BaseURL(configuration.baseURL, allowHTTP: configuration.allowHTTP)
    let key = (configuration.key ?? "").trimmingWhitespace()
    guard !key.isEmpty else {
      throw ProviderError(.auth, Providers.missingKey(of: configuration.name))
    }
    guard key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw ProviderError(
        .auth, "the key for \(configuration.name) holds white space or characters that no key has")
    }
    self.key = key
    let common = headers(key)
    getHeaders = common + ["Accept: application/json"]
    postHeaders = common + ["Content-Type: application/json", "Accept: application/json"]
    self.http = http
    self.now = now
    timeout = configuration.timeout
  }

  /// Posts a request and gives the answer, whatever it is.
  func post(_ path: String, body: SplicedBytes) async throws(ProviderError) -> HTTPClient.Answer {
    try await send(path, headers: postHeaders, body: body)
  }

  /// Gets what a path of the API says, for `check`.
  func get(_ path: String) async throws(ProviderError) -> JSON {
    try json(of: try await send(path, headers: getHeaders, body: nil))
  }

  private func send(
    _ path: String, headers: [String], body: SplicedBytes?
  ) async throws(ProviderError) -> HTTPClient.Answer {
    do throws(HTTPFailure) {
      return try await http.send(
        HTTPClient.Call(base: base, path: path, headers: headers, body: body, timeout: timeout))
    } catch {
      switch error.cause {
      case .cancelled: throw .cancelled
      case .withdrawn: throw .withdrawn
      case .connection: throw clean(ProviderError(.transient, error.message))
      case .installation: throw clean(ProviderError(.auth, error.message))
      }
    }
  }

  /// The JSON object of an answer that is no error.
  func json(of answer: HTTPClient.Answer) throws(ProviderError) -> JSON {
    let json = try? JSON(parsing: answer.body, repairing: true)
    guard answer.isSuccess else { throw failure(answer, json: json) }
    guard let json, json.object != nil else {
      // An array may be Google's way to give an error.
      if let first = json?.array?.first, first["error"] != nil { throw failure(answer, json: first) }
      throw clean(ProviderError(.transient, status: answer.status, noAnswer(answer.body)))
    }
    // Null, false and an empty text are ways to say that there is no error.
    if let error = json["error"], ![.null, .bool(false), .string("")].contains(error) {
      throw failure(answer, json: json)
    }
    return json
  }

  private func noAnswer(_ body: [UInt8]) -> String {
    let start = line(String(decoding: body, as: UTF8.self))
    if start.isEmpty { return "\(base.host) sent an empty answer" }
    let isHTML = start.hasPrefix("<")
    return "\(base.host) sent \(isHTML ? "HTML" : "something that is no JSON object") in place of an answer"
      + (isHTML ? "; is the base URL that of an API?" : ": \(start)")
  }

  private func failure(_ answer: HTTPClient.Answer, json: JSON?) -> ProviderError {
    clean(Failure(answer, json: json, from: base.host, cleaning: withoutKey).providerError(now: now()))
  }

  /// The error that a part of an answer holds, such as `choices[0].error`.
  func failure(in part: JSON, headers: HeaderFields) -> ProviderError {
    failure(HTTPClient.Answer(status: 200, headers: headers, body: []), json: part)
  }

  /// An answer that holds nothing of what the API promises.
  func unreadable(_ what: String) -> ProviderError {
    ProviderError(.transient, status: 200, "\(base.host) sent an answer without \(what)")
  }

  private func clean(_ error: ProviderError) -> ProviderError {
    var error = error
    error.message = line(error.message)
    error.requestID = error.requestID.map { line($0) }
    return error
  }

  /// A server's text as one printable line, without the key.
  func line(_ text: String) -> String { withoutKey(text).printableLine }

  /// A text in which the key, should a server send it back, is replaced.
  func withoutKey(_ text: String) -> String {
    // A word that stands for a missing key, such as `x`, is no secret.
    key.utf8.count < 4 ? text : text.replacing(bytesOf: key, with: "[key]")
  }
}

extension String {
  /// The text as one line of at most 500 characters that a terminal only shows.
  var printableLine: String {
    if isPlainLine { return self }
    var line = ""
    var length = 0
    for word in prefix(2000).split(whereSeparator: { $0.isWhitespace || $0.isNewline }) {
      if length > 0 { line += " " }
      for scalar in word.unicodeScalars {
        guard length < 500 else { return line + "…" }
        line.unicodeScalars.append(scalar.isPrintable ? scalar : "\u{FFFD}")
        length += 1
      }
      length += 1
    }
    return line
  }

  /// Whether it is such a line already: at most 500 ASCII characters, and single spaces between words.
  private var isPlainLine: Bool {
    let space = UInt8(ascii: " ")
    var previous = space
    for byte in utf8 {
      guard (space...0x7E).contains(byte), byte != space || previous != space else { return false }
      previous = byte
    }
    return utf8.count <= 500 && (isEmpty || previous != space)
  }
}

extension Unicode.Scalar {
  /// Whether a terminal shows it and does nothing else with it: no control, no direction mark.
  fileprivate var isPrintable: Bool {
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
    default: true
    }
  }
}
