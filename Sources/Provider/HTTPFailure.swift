// libcurl's results in words that a person understands.

import CLibcurl

extension HTTPFailure {
  /// Puts a result of libcurl into words.
  ///
  /// - Parameters:
  ///   - host: The server that was asked.
  ///   - timeout: How many seconds the call had.
  ///   - detail: What libcurl says about it.
  init(_ result: CURLcode, at host: String, timeout: Double, detail: String) {
    let words =
      switch result {
      case CURLE_COULDNT_RESOLVE_HOST: "the name \(host) does not resolve; is there a network?"
      case CURLE_COULDNT_RESOLVE_PROXY: "the proxy's name does not resolve; look at the proxy variables"
      case CURLE_COULDNT_CONNECT: "no connection to \(host)"
      case CURLE_OPERATION_TIMEDOUT where detail.lowercased().contains("connection time"):
        "no connection to \(host) in time"
      case CURLE_OPERATION_TIMEDOUT: "\(host) did not answer within \(Self.seconds(timeout))"
      case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR:
        "the certificate of \(host) is not to be trusted"
      case CURLE_SSL_CONNECT_ERROR: "no TLS connection to \(host)"
      case CURLE_GOT_NOTHING: "\(host) closed the connection without an answer"
      case CURLE_PARTIAL_FILE: "\(host) closed the connection in the middle of its answer"
      case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_HTTP2, CURLE_HTTP2_STREAM:
        "the connection to \(host) broke"
      case CURLE_BAD_CONTENT_ENCODING, CURLE_WRITE_ERROR: "\(host) sent an answer that does not unpack"
      case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL: "\(host) does not speak HTTP"
      default: "the call to \(host) failed"
      }
    self.init(cause: .connection, message: "\(words) (\(detail))")
  }

  private static func seconds(_ seconds: Double) -> String {
    let text = Int(exactly: seconds).map(String.init) ?? String(seconds)
    return text == "1" ? "a second" : "\(text) seconds"
  }
}
