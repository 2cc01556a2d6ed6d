import FoundationEssentials
import Glibc
import Pipeline
import Provider
import Spool

extension Command {
  static let check = Command(
    name: "check",
    summary: "see whether settings, spool and provider work",
    details: """
      Looks at the settings (which file, which value from where), the spool (whether this user can own and write it, how \
      much room there is), the clock and the provider (whether it answers, takes the key and knows the model), and says \
      what it found. No model is asked, and no key is shown. Exits 0, or 78 when something will not work until a person \
      acts.
      """,
    examples: [
      Example("obspool check", "the settings and the spool that the other commands would use"),
      Example("obspool check --settings /etc/obspool/settings.json", "other settings"),
    ],
    run: check)

  private static func check(_ call: Call) throws(CommandError) -> ExitCode {
    try call.takesNoOperands()
    let source = call.settings
    let settings = source.current()
    var lines = look(at: settings, from: source)
    lines += look(atSpool: call)
    lines.append(look(at: call.clock.now()))
    lines += try ask(settings, call)

    var table = Table()
    for line in lines {
      table.add(line.verdict.rawValue, Printable.line(line.subject), Printable.line(line.text))
    }
    try call.output.write(table.lines())
    return lines.contains { $0.verdict == .failure } ? .configuration : .ok
  }

  private static func look(at settings: Settings, from source: SettingsSource) -> [CheckLine] {
    let isThere = FileManager.default.fileExists(atPath: source.path)
    var lines = [CheckLine(.ok, "settings", source.path + (isThere ? "" : ", which is not there"))]
    lines += settings.complaints.map { CheckLine(.warning, "settings", $0) }
    lines.append(CheckLine(.ok, "provider", "\(settings.provider) (\(settings.providerOrigin.rawValue))"))
    guard let values = settings.values(for: settings.provider) else { return lines }
    lines.append(
      CheckLine(.ok, "model", "\(values.model) (\(values.modelOrigin.rawValue)) at \(values.baseURL)"))
    if let key = values.key {
      lines.append(CheckLine(.ok, "key", "\(counted(key.count, "character")) (\(values.keyOrigin.rawValue))"))
    }
    return lines
  }

  private static func look(atSpool call: Call) -> [CheckLine] {
    let path = call.spoolPath
    guard call.hasSpool else {
      return [CheckLine(.warning, "spool", "\(path) is not there; `obspool add` or `obspool drain` makes it")]
    }
    do throws(SpoolError) {
      let spool = try Spool(path: path, clock: call.clock)
      try spool.own()
      spool.release()
      return [CheckLine(.ok, "spool", "\(path) can be owned and written"), room(at: path)]
    } catch {
      guard error.isOwnedByAnother else { return [CheckLine(.failure, "spool", error.description)] }
      return [CheckLine(.ok, "spool", "\(path): \(error.hint ?? "a processor owns it")"), room(at: path)]
    }
  }

  private static func room(at path: String) -> CheckLine {
    var system = statvfs()
    guard statvfs(path, &system) == 0 else {
      return CheckLine(.warning, "room", String(cString: strerror(errno)))
    }
    let megabytes = Int(system.f_bavail) * Int(system.f_frsize) / 1_000_000
    return CheckLine(megabytes < 100 ? .warning : .ok, "room", "\(grouped(megabytes)) MB on \(path)")
  }

  /// With a clock before this program was written no certificate is valid.
  private static func look(at now: Date) -> CheckLine {
    let isPlausible = now > Date(timeIntervalSince1970: 1_767_225_600)
    return CheckLine(
      isPlausible ? .ok : .failure, "clock", localTime(now) + (isPlausible ? "" : ", which is long ago"))
  }

  private static func ask(_ settings: Settings, _ call: Call) throws(CommandError) -> [CheckLine] {
    let configuration = ProviderConfiguration(settings: settings, command: call.claudeCommand)
    let clock = call.clock
    let provider: any Provider
    do throws(ProviderError) {
      provider = try Providers.make(configuration, http: HTTPClient(), now: { clock.now() })
    } catch {
      return [CheckLine(.failure, "provider", error.message)]
    }
    return try awaiting { () async throws(SpoolError) in await provider.check() }
  }
}
