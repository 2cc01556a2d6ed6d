import JSONText
import Observation
import Provider
import Testing
import Threads

@testable import Pipeline

/// What is sent for a question, and what is made of the answer.
@Suite struct AskingTests {
  let log = Log(journal: false) { _ in }

  static func event(_ command: String = "ls", response: String = "a b c") throws -> Event {
    var writer = JSONWriter()
    writer.object {
      $0.member("hook_event_name", "PostToolUse")
      $0.member("session_id", "s1")
      $0.member("cwd", "/home/me/project")
      $0.member("tool_name", "Bash")
      $0.key("tool_input")
      $0.object { $0.member("command", command) }
      $0.member("tool_response", response)
    }
    return try Event(decoding: writer.bytes)
  }

  static func asking(inputs: Int = 1, prompts: [String] = [], response: String = "a b c", keys: [String] = [])
    throws
    -> Asking
  {
    let events = try (0..<inputs).map { try event("command \($0)", response: response) }
    return Asking(Question(session: "s1", events: events, prompts: prompts), redact: Redaction(keys: keys))
  }

  static let window = ContextWindow(limits: .init(messages: 20, tokens: 100_000), systemLength: 0)

  static func observation(_ title: String, input: Int? = nil) -> String {
    let number = input.map { " input=\"\($0)\"" } ?? ""
    return "<observation\(number)><type>discovery</type><title>\(title)</title></observation>"
  }

  /// Reads a reply; the answer, or else the failure, or else neither: to be asked again.
  func read(_ asking: inout Asking, _ text: String, _ finish: Reply.Finish = .stop) -> (
    answer: Answer?, failure: Failure?
  ) {
    switch asking.read(Reply(text: text, finish: finish), log: log, name: "n") {
    case .understood(let answer): (answer, nil)
    case .failed(let failure): (nil, failure)
    case .askAgain: (nil, nil)
    }
  }

  // MARK: The request

  @Test func aRequestIsTheSystemPromptTheHistoryAndTheTurn() throws {
    var window = Self.window
    window.append(Exchange(user: JSONString("earlier"), assistant: JSONString("answered")))
    let asking = try Self.asking(prompts: ["please list"])
    let request = asking.request(window)
    #expect(request.system.text == Prompt.system && request.session == "s1")
    #expect(request.messages.map(\.role) == [.user, .assistant, .user])
    #expect(request.messages[0].text.text == "earlier" && request.messages[1].text.text == "answered")
    let turn = request.messages[2].text.text
    #expect(turn.contains("<observed n=\"1\">") && turn.contains("command 0") && turn.contains("please list"))
    #expect(request.maxOutputTokens == 4096 && !request.withoutReasoning)
    #expect(asking.question.project == "project")
  }

  @Test func theOfflineAnswerIsMadeOfTheSameInputs() throws {
    let request = try Self.asking(inputs: 2).request(Self.window)
    #expect(Answer(parsing: request.withoutModel(), inputs: 2).fault == nil)
  }

  @Test func noKeyIsSent() throws {
    var asking = try Self.asking(response: "export KEY=sk-or-v1-secret end", keys: ["sk-or-v1-secret"])
    #expect(!asking.turn.text.contains("sk-or-v1-secret") && asking.turn.text.contains("KEY=[key] end"))
    _ = asking.shorten(to: asking.turn.length - 1)
    #expect(!asking.turn.text.contains("sk-or-v1-secret"))
  }

  // MARK: Answers that will do

  @Test func anAnswerIsUnderstoodAtOnce() throws {
    var asking = try Self.asking()
    let answer = read(&asking, "Sure!\n```xml\n\(Self.observation("found"))\n```").answer
    #expect(answer?.parts.first??.findings.first?.title == "found")
    #expect(!asking.hasCorrected && !asking.hasMoreRoom)
  }

  @Test func aBatchThatLeavesSomeOutIsTakenForTheOthers() throws {
    var asking = try Self.asking(inputs: 2)
    let answer = read(&asking, Self.observation("two", input: 2)).answer
    #expect(answer?.parts.map { $0 == nil } == [true, false])
  }

  // MARK: Answers that will not

  @Test func proseIsAskedOnceMoreWithTheFaultNamedThenFails() throws {
    var asking = try Self.asking()
    let first = read(&asking, "I'm ready to continue observing.")
    #expect(first.answer == nil && first.failure == nil)
    let request = asking.request(Self.window)
    #expect(request.messages.map(\.role) == [.user, .assistant, .user])
    #expect(request.messages[1].text.text == "I'm ready to continue observing.")
    #expect(request.messages[2].text.text == Prompt.again(after: .nothingUnderstood, inputs: 1))
    #expect(request.maxOutputTokens == 4096)
    let failure = try #require(read(&asking, "Still here.").failure)
    #expect(failure.failureClass == .answer && failure.answer == "Still here.")
    #expect(failure.message.contains("no <observation>"))
  }

  @Test func theSecondAnswerCountsLikeAFirst() throws {
    var asking = try Self.asking()
    _ = read(&asking, "Hm.")
    #expect(read(&asking, Self.observation("found")).answer != nil)
    // What did not help stays out of what is remembered.
    #expect(!asking.turn.text.contains("Hm."))
  }

  @Test func blocksThatDoNotSayWhichInputTheyAnswerAreAskedForAgain() throws {
    var asking = try Self.asking(inputs: 3)
    let first = read(&asking, Self.observation("one") + Self.observation("two"))
    #expect(first.answer == nil && first.failure == nil)
    #expect(asking.correction.last?.text.text == Prompt.again(after: .unnumbered, inputs: 3))
    #expect(read(&asking, Self.observation("one")).failure?.failureClass == .answer)
  }

  @Test(arguments: [
    ("", Reply.Finish.length), ("<observation><title>a", .length), ("<observation><title>a", .stop),
  ])
  func anAnswerCutShortIsAskedForWithMoreRoomAndWithoutReasoning(text: String, finish: Reply.Finish) throws {
    var asking = try Self.asking(inputs: 2)
    let first = read(&asking, text, finish)
    #expect(first.answer == nil && first.failure == nil)
    let request = asking.request(Self.window)
    #expect(request.maxOutputTokens == 4 * 4096 && request.withoutReasoning)
    #expect(request.messages.count == 1)
    let failure = try #require(read(&asking, text, finish).failure)
    #expect(failure.failureClass == .answer && failure.answer == text && failure.message.contains("16384"))
  }

  /// The last block of an answer that ran out of room may lack its end, and others may lack altogether.
  @Test func anAnswerThatRanOutOfRoomIsNotTakenForWhole() throws {
    var asking = try Self.asking()
    let first = read(&asking, Self.observation("whole") + "<observation><title>half", .length)
    #expect(first.answer == nil && first.failure == nil)
  }

  @Test func nothingTwiceIsSkippedWithAWarning() throws {
    let lines = Locked<[String]>([])
    let log = Log(journal: false) { line in lines.withLock { $0.append(line) } }
    var asking = try Self.asking()
    let first = read(&asking, "")
    #expect(first.answer == nil && first.failure == nil)
    // Reasoning may have used up all the room. No message may be empty.
    let request = asking.request(Self.window)
    #expect(request.withoutReasoning && request.messages.allSatisfy { !$0.text.isEmpty })
    guard case .understood(let answer) = asking.read(Reply(text: " \n"), log: log, name: "n") else {
      Issue.record("it was not understood")
      return
    }
    #expect(answer.parts == [Answer.Part(isSkip: true)])
    #expect(lines.withLock { $0.count } == 1)
  }

  @Test func nothingTwiceForSeveralInputsIsAFailure() throws {
    var asking = try Self.asking(inputs: 2)
    _ = read(&asking, "")
    #expect(read(&asking, "").failure?.failureClass == .answer)
  }

  @Test func aRefusalIsNotAskedAgain() throws {
    var asking = try Self.asking()
    let failure = try #require(read(&asking, "No.", .refused("content_filter")).failure)
    #expect(
      failure.failureClass == .refused && failure.answer == "No."
        && failure.message.contains("content_filter"))
  }

  // MARK: A turn that is too long

  @Test func aTurnIsShortenedInTheMiddleOfItsPayloads() throws {
    var asking = try Self.asking(response: "START" + String(repeating: "x", count: 31_000) + "END")
    #expect(asking.turn.length > 31_000)
    #expect(asking.shorten(to: 100_000) == false)
    #expect(asking.shorten(to: 10_000) == true)
    let turn = asking.turn.text
    #expect(asking.turn.length <= 10_000)
    #expect(turn.contains("START") && turn.contains("END</tool_output>") && turn.contains("left out here"))
    #expect(turn.contains("</observed>") && turn.contains("<tool_name>Bash</tool_name>"))
    #expect(asking.shorten(to: 10_000) == false)
  }

  @Test(arguments: [20, 100, 1000, 5000])
  func howeverLittleRoomThereIsItIsKeptTo(characters: Int) throws {
    var asking = try Self.asking(inputs: 20, prompts: ["p"], response: String(repeating: "é😀", count: 3000))
    #expect(asking.shorten(to: characters) == true)
    #expect(asking.turn.length <= characters && !asking.turn.isEmpty)
  }
}
