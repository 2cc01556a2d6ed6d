// The provider without a model: it answers with what the tool uses themselves say.

/// Answers without asking anybody, and says so in its name, so that no record of it is taken for a model's.
struct Offline: Provider {
  static let name = "offline"

  var name: String { Self.name }
  let model = "none"

  func ask(_ request: Request) async throws(ProviderError) -> Reply {
    if Task.isCancelled { throw .cancelled }
    return Reply(text: request.withoutModel())
  }

  func check() async -> [CheckLine] {
    [CheckLine(.ok, "provider", "offline: no model is asked; records say what the tool uses themselves say")]
  }
}
