import Glibc

extension Command {
  static let uninstall = Command(
    name: "uninstall",
    summary: "remove what install has put in place, but never a spool",
    details: """
      Stops and disables the units, and removes them and this program. Spools, settings, credentials, the user and \
      the groups stay; it says how to remove them.
      """,
    options: [.user, .prefix, .dryRun],
    examples: [
      Example("obspool uninstall --dry-run", "what it would do"),
      Example("obspool uninstall", "for the machine, as root"),
      Example("obspool uninstall --user", "for this user"),
    ],
    run: uninstall)

  private static func uninstall(_ call: Call) throws(CommandError) -> ExitCode {
    try call.takesNoOperands()
    let installation = try Installation(call)
    let isDry = call.arguments.has(.dryRun)
    try requireRoot(for: installation, isDry: isDry)
    let paths = try installation.installed()
    if isManaged(installation, call) {
      // What starts the services goes before them, or would start them again.
      let enabled = installation.enabled()
      if !enabled.isEmpty { try manage(installation, ["disable", "--now"] + enabled, call, isDry: isDry) }
      let running = ["obspool.path", "obspool@*.path", "obspool-prune.timer", "obspool-prune@*.timer"]
      let services = [
        "obspool.service", "obspool@*.service", "obspool-prune.service", "obspool-prune@*.service",
      ]
      for units in [running, services] {
        let known = units.filter { unit in unit.contains("*") || paths.contains { $0.hasSuffix("/" + unit) } }
        try manage(installation, ["stop"] + known, call, isDry: isDry)
      }
    }
    for path in paths { try remove(path, call, isDry: isDry) }
    if access(installation.binary, F_OK) == 0 {
      if try readFile(installation.binary) == readFile("/proc/self/exe") {
        try remove(installation.binary, call, isDry: isDry)
      } else {
        call.messages.warning("\(installation.binary) is another build than this one, and is left alone")
      }
    }
    if isManaged(installation, call) { try manage(installation, ["daemon-reload"], call, isDry: isDry) }
    try call.output.write(
      installation.isUser
        ? "\nwhat stays: ~/.claude-mem and the spool ~/.local/share/obspool\n"
        : """

        what stays, and how to remove it:
          rm -r /var/spool/obspool    # all inputs and records
          rm -r /etc/obspool          # settings and keys
          userdel obspool; groupdel obspool-drop

        """)
    return .ok
  }

  /// Whether a manager of these units runs (sd_booted(3)).
  private static func isManaged(_ installation: Installation, _ call: Call) -> Bool {
    let place =
      installation.isUser ? "\(call.environment["XDG_RUNTIME_DIR"] ?? "")/systemd" : "/run/systemd/system"
    return access(place, F_OK) == 0
  }

  private static func manage(
    _ installation: Installation, _ words: [String], _ call: Call, isDry: Bool
  ) throws(CommandError) {
    let words = installation.systemctl + words
    try call.output.write("\(isDry ? "would run" : "run")  \(words.joined(separator: " "))\n")
    guard !isDry else { return }
    try call.output.flush()
    // systemctl says itself what is wrong; the files are removed all the same.
    if runProgram(words) != 0 { call.messages.warning("\(words.joined(separator: " ")) failed") }
  }

  private static func remove(_ path: String, _ call: Call, isDry: Bool) throws(CommandError) {
    try call.output.write("\(isDry ? "would remove" : "removed")  \(path)\n")
    guard !isDry, unlink(path) != 0, errno != ENOENT else { return }
    throw CommandError("remove", path, errno: errno)
  }
}
