extension Command {
  /// All commands, in the order in which the help lists them.
  static let all: [Command] = [
    .add, .drain, .watch, .status, .show, .list, .retry, .usage, .check, .prune, .install, .uninstall, .demo,
  ]
}
