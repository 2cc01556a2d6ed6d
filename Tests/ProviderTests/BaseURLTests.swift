// Which addresses are taken, and that nothing is sent in the clear.

import Testing

@testable import Provider

struct BaseURLTests {
  @Test(arguments: [
    ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1", "openrouter.ai"),
    (" HTTPS://OpenRouter.AI/api/v1// ", "https://OpenRouter.AI/api/v1", "openrouter.ai"),
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1"),
    ("http://127.8.9.10/v1", "http://127.8.9.10/v1", "127.8.9.10"),
    ("http://localhost:1/v1", "http://localhost:1/v1", "localhost"),
    ("http://[::1]:8080/v1", "http://[::1]:8080/v1", "::1"),
    ("https://10.0.0.1:65535", "https://10.0.0.1:65535", "10.0.0.1"),
  ])
  func `an address is taken`(text: String, normal: String, host: String) throws {
    let url = try BaseURL(text, allowHTTP: false)
    #expect(url.text == normal)
    #expect(url.host == host)
  }

  @Test(arguments: [
    "", "openrouter.ai", "ftp://openrouter.ai", "https:openrouter.ai", "https://", "https:///v1",
    "file:///etc/passwd",
    "https://user:secret@openrouter.ai", "http://127.0.0.1@evil.example",
    "https://openrouter.ai/v1?key=secret",
    "https://openrouter.ai#x", "https://open router.ai", "https://openrouter.ai\r\nX: y",
    "https://op\u{e9}n.ai",
    "https://openrouter.ai:0", "https://openrouter.ai:70000", "https://openrouter.ai:x", "https://[::1",
    "https://[x]",
    "http://127.0.0.1\\@evil.example", "http://openrouter.ai/api/v1", "http://127.1", "http://0x7f.0.0.1",
    "http://127.0.0.01", "http://127.0.0.1.evil.example", "http://localhost.evil.example", "http://10.0.0.1",
    "http://2130706433", "http://[::ffff:127.0.0.1]",
  ])
  func `an address is refused as a matter for a person, without naming a secret`(text: String) {
    let error = #expect(throws: ProviderError.self) { try BaseURL(text, allowHTTP: false) }
    #expect(error?.class == .auth)
    #expect(error?.message.contains("secret") == false)
  }

  @Test func `http is taken where the settings allow it`() throws {
    #expect(try BaseURL("http://10.0.0.1:8080", allowHTTP: true).isSecure == false)
  }
}
