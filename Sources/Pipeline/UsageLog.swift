// What calls have cost: a line a call in `usage/YYYY-MM-DD.jsonl`.

import FoundationEssentials
import JSONText

/// One call to a model, as a line of the usage files.
public struct UsageLine: Sendable, Equatable {
  public var at: Date
  public var provider: String
  public var model: String
  public var servedModel: String?
  public var session: String
  public var project: String
  /// How many inputs the call was for.
  public var inputs: Int
  public var inputTokens: Int
  public var outputTokens: Int
  public var cachedTokens: Int
  /// Nil where neither the reply nor the price table tells.
  public var costUSD: Double?
  /// Whether the cost is reckoned from the price table, or the tokens from the length.
  public var estimated: Bool
  public var durationMilliseconds: Int
  public var requestID: String?

  /// The day, in UTC, whose file the line belongs to.
  public var day: String { Self.day(of: at) }

  public static func day(of moment: Date) -> String {
    String(decoding: moment.rfc3339.utf8.prefix(10), as: UTF8.self)
  }

  /// The line, without its end.
  public var json: [UInt8] {
    var writer = JSONWriter(.compact, reserving: 320)
    writer.object {
      $0.member("at", at)
      $0.member("provider", provider)
      $0.member("model", model)
      $0.member("served_model", servedModel)
      $0.member("session_id", session)
      $0.member("project", project)
      $0.member("inputs", inputs)
      $0.member("input_tokens", inputTokens)
      $0.member("output_tokens", outputTokens)
      $0.member("cached_tokens", cachedTokens)
      $0.member("cost_usd", costUSD)
      $0.member("estimated", estimated)
      $0.member("duration_ms", durationMilliseconds)
      $0.member("request_id", requestID)
    }
    return writer.bytes
  }

  /// Reads a line; nil for one that is torn or not ours.
  public init?(json line: [UInt8]) {
    guard let value = try? JSON(parsing: line, repairing: true),
      let at = value["at"]?.string.flatMap(Date.init(rfc3339:)),
      let provider = value["provider"]?.string, let model = value["model"]?.string
    else { return nil }
    self.init(
      at: at, provider: provider, model: model, servedModel: value["served_model"]?.string,
      session: value["session_id"]?.string ?? "", project: value["project"]?.string ?? "",
      inputs: value["inputs"]?.int ?? 0, inputTokens: value["input_tokens"]?.int ?? 0,
      outputTokens: value["output_tokens"]?.int ?? 0, cachedTokens: value["cached_tokens"]?.int ?? 0,
      costUSD: value["cost_usd"]?.double, estimated: value["estimated"]?.bool ?? false,
      durationMilliseconds: value["duration_ms"]?.int ?? 0, requestID: value["request_id"]?.string)
  }

  public init(
    at: Date, provider: String, model: String, servedModel: String?, session: String, project: String,
    inputs: Int,
    inputTokens: Int, outputTokens: Int, cachedTokens: Int, costUSD: Double?, estimated: Bool,
    durationMilliseconds: Int, requestID: String?
  ) {
    self.at = at
    self.provider = provider
    self.model = model
    self.servedModel = servedModel
    self.session = session
    self.project = project
    self.inputs = inputs
    self.inputTokens = inputTokens
    self.outputTokens = outputTokens
    self.cachedTokens = cachedTokens
    self.costUSD = costUSD
    self.estimated = estimated
    self.durationMilliseconds = durationMilliseconds
    self.requestID = requestID
  }
}

extension Settings {
  /// What a call cost by the price table: nil where it knows nothing of the model.
  func price(model: String, servedModel: String?, input: Int, output: Int, cached: Int) -> Double? {
    guard let price = servedModel.flatMap({ prices[$0] }) ?? prices[model] else { return nil }
    let cached = min(cached, input)
    let millions =
      Double(input - cached) * price.input + Double(cached) * (price.cached ?? price.input)
      + Double(output) * price.output
    return millions / 1_000_000
  }
}
