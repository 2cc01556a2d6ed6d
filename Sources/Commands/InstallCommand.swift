import Glibc

extension Command {
  static let install = Command(
    name: "install",
    summary: "put the binary and the systemd units in place",
    details: """
      Installs this very program and the units for systemd: for the machine, which needs root, or with --user for \
      this user. For the machine it also makes the user obspool, the group obspool-drop, the spool \
      /var/spool/obspool and the directories /etc/obspool and /etc/obspool/credentials, and says which systemctl \
      lines to run next.

      It can be repeated: what is in place stays, and a binary that is there is left alone. Changes to units belong \
      into `systemctl edit`, which it does not touch.
      """,
    options: [.user, .from, .prefix, .dryRun],
    examples: [
      Example("obspool install --dry-run", "what it would do"),
      Example("obspool install", "for the machine, as root"),
      Example("obspool install --user", "for this user"),
    ],
    run: install)

  private static func install(_ call: Call) throws(CommandError) -> ExitCode {
    try call.takesNoOperands()
    let installation = try Installation(call)
    let isDry = call.arguments.has(.dryRun)
    let items = try installation.items()
    try requireRoot(for: installation, isDry: isDry)
    if !installation.isUser, let library = Installation.hiddenLibrary() {
      throw CommandError(
        .unavailable, "the service could not load \(library): it cannot see home directories",
        hint: "build with `swift build -c release --static-swift-stdlib`, and install that")
    }

    try placeBinary(installation, call, isDry: isDry)
    for item in items {
      if let present = try? readFile(item.path), present == item.bytes {
        try call.output.write("unchanged  \(item.path)\n")
        continue
      }
      try call.output.write("\(isDry ? "would put" : "put")  \(item.path)\n")
      guard !isDry else { continue }
      _ = try makeDirectory(parent(of: item.path))
      try putFile(item.path, item.bytes, mode: 0o644)
    }
    for (path, mode) in installation.directories where access(path, F_OK) != 0 {
      try call.output.write("\(isDry ? "would make" : "made")  \(path)\n")
      if !isDry { _ = try makeDirectory(path, mode: mode) }
    }
    for words in installation.applying {
      try call.output.write("\(isDry ? "would run" : "run")  \(words.joined(separator: " "))\n")
      guard !isDry else { continue }
      try call.output.flush()
      // systemd-sysusers and systemd-tmpfiles say themselves what is wrong.
      guard runProgram(words) == 0 else {
        throw CommandError(
          .unavailable, "\(words[0]) failed", hint: "the files are in place; run it again when it is mended")
      }
    }
    try call.output.write(nextSteps(installation))
    return .ok
  }

  private static func placeBinary(_ installation: Installation, _ call: Call, isDry: Bool)
    throws(CommandError)
  {
    let own = try readFile("/proc/self/exe")
    if access(installation.binary, F_OK) == 0 {
      try call.output.write("unchanged  \(installation.binary)\n")
      if try readFile(installation.binary) != own {
        call.messages.warning("\(installation.binary) is another build than this one, and is left alone")
        call.messages.write("hint: to replace it, remove it and install again")
      }
      return
    }
    try call.output.write("\(isDry ? "would put" : "put")  \(installation.binary)\n")
    guard !isDry else { return }
    _ = try makeDirectory(parent(of: installation.binary))
    try putFile(installation.binary, own, mode: 0o755)
  }

  private static func nextSteps(_ installation: Installation) -> String {
    let systemctl = installation.systemctl.joined(separator: " ")
    var lines = [
      "", "next:", "  \(systemctl) daemon-reload", "  \(systemctl) enable --now obspool.path",
      "  \(systemctl) enable --now obspool-prune.timer   # if what is older than 30 days may go",
    ]
    if installation.isUser {
      lines.append("  loginctl enable-linger   # if it is to work while you are not logged in")
    } else {
      lines.append("  usermod -aG obspool-drop USER   # for each who may drop files")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func parent(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  /// Only root may install for the machine; anybody may ask what that would do.
  static func requireRoot(for installation: Installation, isDry: Bool) throws(CommandError) {
    guard installation.isUser || isDry || geteuid() == 0 else {
      throw CommandError(.notPermitted, "only root installs for the machine", hint: "use sudo, or --user")
    }
  }
}
