// The address of a provider's API, and which addresses may be sent a key.

import JSONText

/// An address that requests may go to: `https://HOST[:PORT][/PATH]`, or `http://` where that is safe.
///
/// The grammar is narrower than RFC 3986's, so that no other reader of it, such as libcurl, can come to another
/// host: no user name, no query, no fragment, nothing but visible ASCII.
struct BaseURL: Sendable, Equatable {
  /// The address without a slash at its end.
  let text: String
  /// The host in lower case, an IPv6 address without its brackets.
  let host: String
  let isSecure: Bool
  /// Whether the host is this machine: `localhost`, `::1` or 127.0.0.0/8.
  let isLoopback: Bool

  /// Reads an address.
  ///
  /// - Parameter allowHTTP: Whether `http://` may lead to other hosts than this one.
  /// - Throws: An error of class `auth`, whose message says what is wrong with it.
  init(_ text: String, allowHTTP: Bool) throws(ProviderError) {
    func failure(_ reason: String) -> ProviderError { ProviderError(.auth, "the base URL \(reason)") }
    var text = Substring(text.trimmingWhitespace())
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"\\\"<>^`{|}".utf8.contains($0) }) else {
      throw failure("holds characters that no address has")
    }
    guard !text.utf8.contains(UInt8(ascii: "@")) else {
      throw failure("holds an '@'; a user name or key does not belong in it")
    }
    guard !text.utf8.contains(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) else {
      throw failure("holds a '?' or '#'; it should end with a path, as https://openrouter.ai/api/v1 does")
    }
    while text.hasSuffix("/") { text.removeLast() }
    let scheme = text.prefix { $0 != ":" }.lowercased()
    guard scheme == "https" || scheme == "http", text.dropFirst(scheme.count).hasPrefix("://") else {
      throw failure("'\(text)' should begin with https://")
    }
    let rest = text.dropFirst(scheme.count + 3)
    guard let host = Self.host(of: rest.prefix { $0 != "/" }) else {
      throw failure("'\(text)' should be https://HOST or https://HOST:PORT with or without a path")
    }
    isSecure = scheme == "https"
    isLoopback = Self.isLoopback(host)
    guard isSecure || allowHTTP || isLoopback else {
      throw failure("'\(text)' would send the key in the clear; use https:// or set OBSPOOL_ALLOW_HTTP")
    }
    self.text = "\(scheme)://\(rest)"
    self.host = host
  }

  private static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    // In its plain form only: `127.1` or octal numbers may mean something else to another reader.
    return parts.count == 4 && parts[0] == "127"
      && parts.allSatisfy { UInt8($0).map(String.init) == String($0) }
  }

  /// The host of `HOST[:PORT]` or `[IPv6][:PORT]`, nil where that is none.
  private static func host(of authority: Substring) -> String? {
    let host: Substring
    let port: Substring
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      host = authority[authority.index(after: authority.startIndex)..<end]
      port = authority[authority.index(after: end)...]
      guard host.contains(":"), host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else {
        return nil
      }
    } else {
      host = authority.prefix { $0 != ":" }
      port = authority[host.endIndex...]
      guard !host.isEmpty, host.allSatisfy({ $0.isLetter || $0.isNumber || "-._".contains($0) }) else {
        return nil
      }
    }
    guard port.isEmpty || port.first == ":" && (UInt16(port.dropFirst()) ?? 0) > 0 else { return nil }
    return host.lowercased()
  }
}
