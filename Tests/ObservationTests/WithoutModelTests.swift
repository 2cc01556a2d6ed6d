// What is recorded without a model.
import Observation
import Testing

@Suite struct WithoutModelTests {
  private func finding(_ tool: String, _ input: String, _ output: String = "null") throws -> Finding {
    let event = try event(
      "{\"tool_name\": \"\(tool)\", \"cwd\": \"/w\", \"tool_input\": \(input), \"tool_response\": \(output)}")
    let answer = Answer(parsing: WithoutModel.answer(to: [event]), inputs: 1)
    #expect(answer.fault == nil)
    return try #require(answer.parts[0]?.findings.first)
  }

  @Test func bash() throws {
    let finding = try finding(
      "Bash", #"{"command": "swift test 2>&1 | tail", "description": "Run the tests"}"#,
      #"{"stdout": "12 tests <passed> & done", "stderr": "warning: x", "interrupted": false}"#)
    #expect(
      finding
        == Finding(
          type: "discovery", title: "Run the tests",
          facts: ["Command: swift test 2>&1 | tail", "Standard error: warning: x"],
          narrative: "12 tests <passed> & done"))
    #expect(try self.finding("Bash", #"{"command": "git commit -m x"}"#).type == "change")
  }

  @Test func edit() throws {
    let finding = try finding(
      "Edit", #"{"file_path": "/w/src/a.swift", "old_string": "let a = 1", "new_string": "let a = 2"}"#)
    #expect(
      finding
        == Finding(
          type: "change", title: "Edited src/a.swift", facts: ["Replaced 'let a = 1' with 'let a = 2'"],
          concepts: ["what-changed"], filesModified: ["/w/src/a.swift"]))
  }

  @Test func multiEdit() throws {
    let edits = (1...10).map { "{\"old_string\": \"a\($0)\", \"new_string\": \"\"}" }.joined(separator: ",")
    let finding = try finding("MultiEdit", "{\"file_path\": \"/w/a\", \"edits\": [\(edits)]}")
    #expect(finding.title == "Edited a in 10 places")
    #expect(finding.facts.first == "Replaced 'a1' with nothing")
    #expect(finding.facts.last == "2 more replacements")
  }

  @Test func writeAndRead() throws {
    let written = try finding(
      "Write", #"{"file_path": "/w/a.md", "content": "one\ntwo\n"}"#, #"{"type": "create"}"#)
    #expect(written.title == "Created a.md")
    #expect(written.facts == ["2 lines"])
    #expect(written.filesModified == ["/w/a.md"])
    let read = try finding(
      "Read", #"{"file_path": "/etc/hosts"}"#, #"{"type": "text", "file": {"content": "x\n", "numLines": 1}}"#
    )
    #expect(read.title == "Read /etc/hosts")
    #expect(read.facts == ["1 line"])
    #expect(read.filesRead == ["/etc/hosts"])
  }

  @Test func searches() throws {
    let grep = try finding(
      "Grep", #"{"pattern": "TODO|x", "path": "src"}"#,
      #"{"mode": "files_with_matches", "filenames": ["a", "b"], "numFiles": 2}"#)
    #expect(grep.title == "Searched for 'TODO|x'")
    #expect(grep.facts == ["Where: src", "Matches in files: 2", "Found: a, b"])
    let glob = try finding(
      "Glob", #"{"pattern": "**/*.swift"}"#, #"{"filenames": [], "numFiles": 0, "truncated": false}"#)
    #expect(glob.title == "Listed files like '**/*.swift'")
    #expect(glob.facts == ["Files found: 0"])
  }

  @Test func othersAndTheWeb() throws {
    let page = try finding(
      "WebFetch", #"{"url": "https://example.org/", "prompt": "What is it?"}"#,
      #"{"code": 200, "result": "An example"}"#)
    #expect(page.title == "Fetched https://example.org/")
    #expect(page.narrative == "An example")
    let task = try finding(
      "Task", #"{"description": "Find the bug", "prompt": "Look", "subagent_type": "explorer"}"#,
      #"{"content": [{"type": "text", "text": "It is in a.swift"}], "totalTokens": 12}"#)
    #expect(task.title == "A subagent: Find the bug")
    #expect(task.narrative == "It is in a.swift")
    let server = try finding(
      "mcp__github__create_issue", #"{"title": "Broken", "labels": ["bug"]}"#,
      #"[{"type": "text", "text": "Issue 7"}]"#)
    #expect(server.title == "Used github create issue")
    #expect(server.facts == ["title: Broken", #"labels: ["bug"]"#])
    #expect(server.narrative == "Issue 7")
    #expect(
      try finding("NotebookEdit", #"{"notebook_path": "/w/n.ipynb", "new_source": "x"}"#).title
        == "Edited a cell of n.ipynb")
    #expect(try finding("Unheard", "null").title == "Used Unheard")
  }

  @Test func aStopIsSummarizedFromItsOwnWords() throws {
    let stop = try event(#"{"kind": "stop", "last_assistant_message": "All 12 tests pass."}"#)
    let summary = Answer(parsing: WithoutModel.answer(to: [stop], ledBy: ["Fix the race"]), inputs: 1).parts[
      0]?.summary
    #expect(summary?.request == "Fix the race")
    #expect(summary?.completed == "All 12 tests pass.")
    #expect(
      Answer(parsing: WithoutModel.answer(to: [try event(#"{"kind": "stop"}"#)]), inputs: 1).parts[0]?.isSkip
        == true)
  }

  @Test func numbersSeveral() throws {
    let events = try [#"{"tool_name": "Read"}"#, #"{"kind": "stop"}"#, #"{"tool_name": "Glob"}"#].map {
      try event($0)
    }
    let answer = Answer(parsing: WithoutModel.answer(to: events), inputs: 3)
    #expect(answer.isNumbered)
    #expect(answer.fault == nil)
    #expect(answer.parts.map { $0?.isSkip } == [false, true, false])
  }

  @Test(arguments: [
    "null", "7", "[]", "{}", "\"text\"", "[[[]]]",
    #"{"command": 7, "file_path": [], "edits": "x", "pattern": {}, "content": null}"#,
    #"{"stdout": {"a": 1}, "filenames": [7], "file": "x", "content": [{"text": 7}, "y"]}"#,
    #""</title></observation>""#,
  ])
  func takesAnyInputAndOutput(_ value: String) throws {
    for tool in [
      "Bash", "Edit", "MultiEdit", "Write", "Read", "NotebookEdit", "Grep", "Glob", "WebFetch", "WebSearch",
      "Task", "mcp__a__b", "mcp__", "x",
    ] {
      #expect(try finding(tool, value, value).title?.isEmpty == false)
    }
  }
}
