import Pipeline
import Spool

extension Command {
  static let retry = Command(
    name: "retry", operands: "[NAME…]",
    summary: "try inputs again, now",
    details: """
      Puts each NAME back in line, from failed or pending: due now, its attempts forgotten. Without NAME, all that waits \
      in pending. It ends every pause, so that the providers are asked again. It can be used beside a running processor.
      """,
    options: [everything],
    examples: [
      Example("obspool retry", "end the pauses, and try all that waits now"),
      Example("obspool retry 0007-bash", "one input that failed"),
      Example("obspool retry --all", "everything that waits and everything that failed"),
    ],
    run: retry)

  private static let everything = Option(name: "all", help: "everything in failed and in pending")

  private static func retry(_ call: Call) throws(CommandError) -> ExitCode {
    let operands = call.arguments.operands
    let all = call.arguments.has(everything)
    guard !all || operands.isEmpty else { throw CommandError(.usage, "--all goes without names") }
    let spool = try call.existingSpool()
    let named = try operands.map { operand throws(CommandError) in try inputName(operand) }
    let names = try named.isEmpty ? candidates(in: spool, alsoFailed: all) : named
    var code = ExitCode.ok
    for name in names {
      switch try fromSpool({ () throws(SpoolError) in try spool.retry(name) }) {
      case .retried(let name): try call.output.write(Printable.line(name.text) + "\n")
      case .inflight: call.messages.warning("\(name) is being processed at this moment")
      case .done where named.isEmpty, .unknown where named.isEmpty: break  // It has moved on meanwhile.
      case .done: call.messages.write("\(name) is done; there is nothing to try again")
      case .unknown:
        call.messages.error("no input is called \(name) in \(spool.path)")
        code = .noInput
      }
    }
    try endPauses(of: spool)
    return code
  }

  private static func candidates(in spool: Spool, alsoFailed: Bool) throws(CommandError) -> [InputName] {
    try fromSpool { () throws(SpoolError) in
      var names = Array(try spool.names(in: .pending))
      if alsoFailed { names += Array(try spool.names(in: .failed)) }
      return names.sorted()
    }
  }

  private static func endPauses(of spool: Spool) throws(CommandError) {
    let providers = try fromSpool { () throws(SpoolError) in try spool.pauses().map(\.provider) }
    guard !providers.isEmpty else { return }
    try awaiting { () async throws(SpoolError) in
      let committer = Committer(spool: spool)
      for provider in providers { try await committer.withdraw(.pause(provider: provider)) }
      await committer.close()
    }
  }
}
