import FoundationEssentials
import Glibc
import JSONText
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
    var findings = Findings()
    let settings = look(at: call.settings, call, &findings)
    for line in look(atSpool: call) { findings.add(line) }
    findings.add(look(at: call.clock.now()))
    for line in try ask(settings, call) { findings.add(line) }
    try call.output.write(findings.text)
    return findings.hasFailure ? .configuration : .ok
  }

  private static func look(
    at source: SettingsSource, _ call: Call, _ findings: inout Findings
  ) -> Settings {
    let settings = source.current()
    let isThere = FileManager.default.fileExists(atPath: source.path)
    let isNamed = call.arguments.has(.settings) || call.environment["OBSPOOL_SETTINGS"] ?? "" != ""
    let verdict: CheckLine.Verdict = isNamed && !isThere ? .failure : .ok
    findings.add(CheckLine(verdict, "settings", source.path + (isThere ? "" : ", which is not there")))
    if let fault = settings.unusable { findings.add(CheckLine(.failure, "settings", fault)) }
    for complaint in settings.complaints { findings.add(CheckLine(.warning, "settings", complaint)) }

    let provider = origin(settings.providerOrigin, ["CLAUDE_MEM_PROVIDER"], call)
    findings.add(CheckLine(.ok, "provider", "\(settings.provider) (\(provider))"))
    guard let kind = Providers.kind(named: settings.provider), let values = settings.values(for: kind.name)
    else { return settings }
    let base = origin(values.baseURLOrigin, [kind.setting("BASE_URL")], call)
    findings.add(CheckLine(.ok, "base URL", "\(values.baseURL) (\(base))"))
    let model = origin(values.modelOrigin, [kind.modelSetting], call)
    findings.add(CheckLine(.ok, "model", "\(values.model) (\(model))"))
    if let key = values.key {
      let origin = origin(values.keyOrigin, [kind.setting("API_KEY"), kind.keyVariable], call)
      findings.add(CheckLine(.ok, "key", "\(counted(key.count, "character")) (\(origin))"))
    }
    // OpenRouter and the command tell what each call costs.
    let isTold =
      kind.name == ProviderKind.openrouter.name
      || kind.name == ProviderKind.claude.name && values.key == nil && call.claudeCommand != nil
    if let budget = settings.dailyBudgetUSD, !isTold, settings.prices[values.model] == nil {
      findings.add(
        CheckLine(
          .warning, "budget",
          "OBSPOOL_DAILY_BUDGET_USD is \(dollars(budget)), but OBSPOOL_PRICES has no price of \(values.model): what "
            + "is spent cannot be told"))
    }
    return settings
  }

  /// Where a value was found; for the environment, in which variable.
  ///
  /// - Parameter variables: Those that are looked at, in this order.
  private static func origin(_ origin: SettingOrigin, _ variables: [String], _ call: Call) -> String {
    let variable = variables.first { call.environment[$0]?.trimmingWhitespace() ?? "" != "" }
    guard origin == .environment, let variable else { return origin.rawValue }
    return "$\(variable)"
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

/// What was found, a row a subject, in the order in which they came up.
struct Findings {
  private var subjects: [String] = []
  private var lines: [String: [CheckLine]] = [:]

  var hasFailure: Bool { lines.values.joined().contains { $0.verdict == .failure } }

  mutating func add(_ line: CheckLine) {
    if lines[line.subject] == nil { subjects.append(line.subject) }
    lines[line.subject, default: []].append(line)
  }

  /// The table. A row has the worst verdict of what was found about its subject.
  var text: String {
    var table = Table()
    for subject in subjects {
      let lines = lines[subject] ?? []
      let verdicts: [CheckLine.Verdict] = [.failure, .warning, .ok]
      let worst = verdicts.first { verdict in lines.contains { $0.verdict == verdict } } ?? .ok
      for (position, line) in lines.enumerated() {
        table.add(
          position == 0 ? worst.rawValue : "", position == 0 ? Printable.line(subject) : "",
          Printable.line(line.text))
      }
    }
    return table.lines()
  }
}
