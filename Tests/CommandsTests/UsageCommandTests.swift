import Foundation
import JSONText
import Testing

@testable import Commands

/// `obspool usage`.
@Suite struct UsageCommandTests {
  private static func line(
    _ at: Date, model: String, project: String = "p", tokens: Int = 1000, cost: String = "0.5"
  ) -> String {
    "{\"at\":\"\(at.rfc3339)\",\"provider\":\"openrouter\",\"model\":\"\(model)\",\"session_id\":\"s\","
      + "\"project\":\"\(project)\",\"inputs\":2,\"input_tokens\":\(tokens),\"output_tokens\":50,"
      + "\"cached_tokens\":\(tokens / 2),\"cost_usd\":\(cost),\"estimated\":\(cost == "0.25")}\n"
  }

  private static func filled() throws -> Obspool {
    let obspool = try Obspool(spool: true)
    for (age, text) in [
      (0.0, { line($0, model: "m/a") + line($0, model: "m/a", project: "q") + "{\"torn" }),
      (2.0, { line($0, model: "m/b", cost: "2.25") }),
      (10.0, { line($0, model: "m/c", cost: "null") + line($0, model: "m/c", cost: "0.25") }),
      (40.0, { line($0, model: "m/old") }),
    ] as [(Double, (Date) -> String)] {
      let date = Date().addingTimeInterval(-age * 86400)
      try obspool.write(text(date), to: "spool/usage/\(date.rfc3339.prefix(10)).jsonl")
    }
    return obspool
  }

  @Test func `The last 30 days by model, the most expensive first`() throws {
    #expect(
      try Self.filled()("usage")
        == .init(
          code: 0,
          output: """
            model           calls  inputs     in  cached  out    cost
            openrouter m/b      1       2  1,000    50 %   50   $2.25
            openrouter m/a      2       4  2,000    50 %  100   $1.00
            openrouter m/c      2       4  2,000    50 %  100  ~$0.25
            total               5      10  5,000    50 %  250  ~$3.50
            The cost of 1 call is not known.

            """, errors: ""))
  }

  @Test func `Since a point in time, by project, as JSON`() throws {
    let outcome = try Self.filled()("usage", "--since", "5d", "--by", "project", "--json")
    let json = try JSON(parsing: outcome.output)
    #expect(json["projects"]?.array?.map { $0["project"]?.string } == ["p", "q"])
    #expect(json["projects"]?.array?.map { $0["cost_usd"]?.double } == [2.75, 0.5])
    #expect(json["total"]?["calls"]?.int == 3)
  }

  @Test func `By day, in order`() throws {
    let lines = try Self.filled()("usage", "--by=day").output.split(separator: "\n")
    #expect(lines.count == 6)
    #expect(lines[1...3].map { $0.prefix(10) } == lines[1...3].map { $0.prefix(10) }.sorted())
  }

  @Test func `Nothing yet, and a grouping that is none`() throws {
    let obspool = try Obspool(spool: true)
    #expect(try obspool("usage") == .init(code: 0, output: "no calls\n", errors: ""))
    #expect(
      try obspool("usage", "--by", "hour")
        == .init(
          code: 64, output: "",
          errors: "error: --by does not take hour\nhint: give model, project, session or day\n"))
  }
}
