// Removing what is old, for `obspool prune`.

import FoundationEssentials
import Spool

extension Spool {
  /// Removes what has stood still since a moment in the past, as the spool's own `prune` says. Works beside a running
  /// processor, with the settings that it has.
  public func prune(before moment: Date, settings: Settings, dryRun: Bool) throws(SpoolError) -> Pruned {
    try prune(
      before: Int64(moment.timeIntervalSince1970 * 1e9), today: UsageLine.day(of: moment),
      reading: Recovering(redact: Redaction(settings: settings)), dryRun: dryRun)
  }
}
