// Which files a tool use touched, as its own input tells.
import JSONText

extension Event {
  /// The files that the tool read, in the order in which its input names them.
  public var filesRead: [String] { [] }

  /// The files that the tool wrote.
  public var filesModified: [String] { [] }
}

extension Answer.Part {
  /// The same part with the files that the event's own input names, which come first.
  public func withFiles(of event: Event) -> Answer.Part { self }
}
