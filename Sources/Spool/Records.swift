// Reading what has been recorded. All of it works beside a running processor.

extension Spool {
  /// The sessions that have records, sorted by their directories' names.
  public func sessions() throws(SpoolError) -> [SessionPlace] {
    try observations.names().filter { !$0.hasPrefix(".") }.map(SessionPlace.init(directory:))
  }

  /// Hands over the JSON of each record of a session, in the order of their files' names. A session without a
  /// directory has none.
  public func records(of session: SessionPlace, _ body: ([UInt8]) -> Void) throws(SpoolError) {
    // A name from a listing may be no directory: somebody has put a file there.
    guard try observations.status(of: session.directory)?.kind == .directory,
      let directory = try observations.directory(session.directory)
    else { return }
    for name in try directory.names() where name.hasSuffix(".json") && !name.hasPrefix(".") {
      if let json = try directory.read(name) { body(json) }
    }
  }

  /// The JSON of one record; nil where there is none.
  public func record(of name: InputName, in session: SessionPlace) throws(SpoolError) -> [UInt8]? {
    try observations.read(RecordPlace(of: name, in: session).json)
  }
}
