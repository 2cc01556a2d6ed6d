// Which files a tool use names, and how they meet those that the model names.
import Observation
import Testing

@Suite struct EventFilesTests {
  @Test(
    arguments: [
      ("Read", #"{"file_path": "/w/a.swift"}"#, ["/w/a.swift"], []),
      ("Edit", #"{"file_path": "/w/a.swift", "old_string": "x"}"#, [], ["/w/a.swift"]),
      ("Write", #"{"file_path": "/w/a.swift", "content": "x"}"#, [], ["/w/a.swift"]),
      (
        "MultiEdit", #"{"file_path": "/w/a", "edits": [{"file_path": "/w/b"}, {"old_string": "x"}]}"#, [],
        ["/w/a", "/w/b"]
      ),
      ("NotebookEdit", #"{"notebook_path": "/w/n.ipynb"}"#, [], ["/w/n.ipynb"]),
      ("NotebookRead", #"{"notebook_path": "/w/n.ipynb"}"#, ["/w/n.ipynb"], []),
      ("Grep", #"{"pattern": "x", "path": "/w"}"#, [], []),
      ("Bash", #"{"command": "cat a.txt"}"#, [], []),
      ("mcp__files__read_multiple_files", #"{"paths": ["/w/a", "/w/b"]}"#, ["/w/a", "/w/b"], []),
      ("str_replace_based_edit_tool", #"{"command": "view", "path": "/w/a"}"#, ["/w/a"], []),
      ("str_replace_based_edit_tool", #"{"command": "create", "path": "/w/a"}"#, [], ["/w/a"]),
      (
        "apply_patch",
        #"{"input": "*** Begin Patch\n*** Update File: a.py\n+x\n*** Add File: b.py\n*** Delete File: c.py\n*** End Patch"}"#,
        [], ["a.py", "b.py", "c.py"]
      ),
      (
        "apply_patch", #""--- a/x.c\t2026\n+++ b/x.c\t2026\n@@\n--- /dev/null\n+++ b/y.c""#, [],
        ["x.c", "y.c"]
      ),
      ("note", #"{"input": "--- a heading\n+ a point\n+++ another"}"#, [], []),
      ("Edit", #"{"file_path": 7}"#, [], []),
      ("Edit", "[]", [], []),
    ] as [(String, String, [String], [String])])
  func takesFilesFromTheInput(_ tool: String, _ input: String, _ read: [String], _ modified: [String]) throws
  {
    let event = try event("{\"tool_name\": \"\(tool)\", \"tool_input\": \(input)}")
    #expect(event.files.read == read)
    #expect(event.files.modified == modified)
  }

  @Test func putsThemFirstAndOnce() throws {
    let event = try event(#"{"tool_name": "Read", "cwd": "/w", "tool_input": {"file_path": "/w/a.swift"}}"#)
    let part = Answer.Part(findings: [
      Finding(type: "discovery", filesRead: ["b.swift", "a.swift", "/w/a.swift"], filesModified: ["a.swift"])
    ])
    let merged = part.withFiles(of: event).findings[0]
    #expect(merged.filesRead == ["/w/a.swift", "b.swift"])
    #expect(merged.filesModified == ["a.swift"])
  }
}
