// What the tests share: inputs from JSON text, and an answer's only finding.
import Observation
import Testing

/// Reads an input; what tells in which order it is taken, which is read by itself, is expected to say the same.
func event(_ json: String) throws -> Event {
  let bytes = Array(json.utf8)
  let event = try Event(decoding: bytes)
  #expect(try Event.Outline(decoding: bytes) == event.outline)
  return event
}

/// The findings of an answer to a single input.
func findings(_ answer: String) -> [Finding] {
  Answer(parsing: answer, inputs: 1).parts[0]?.findings ?? []
}

/// An answer as a model writes it that keeps to the form.
let plainAnswer = """
  <observation>
  <type>bugfix</type>
  <title>Token refresh no longer races</title>
  <subtitle>Two requests could refresh at once</subtitle>
  <facts>
  <fact>refresh() holds a lock</fact>
  <fact>The lock is per user</fact>
  </facts>
  <narrative>Two requests could refresh the same token.
  A lock now serialises them.</narrative>
  <concepts>
  <concept>problem-solution</concept>
  <concept>gotcha</concept>
  </concepts>
  <files_read>
  <file>auth/token.swift</file>
  </files_read>
  <files_modified>
  <file>auth/lock.swift</file>
  </files_modified>
  </observation>
  """

let plainFinding = Finding(
  type: "bugfix", title: "Token refresh no longer races", subtitle: "Two requests could refresh at once",
  facts: ["refresh() holds a lock", "The lock is per user"],
  narrative: "Two requests could refresh the same token.\nA lock now serialises them.",
  concepts: ["problem-solution", "gotcha"], filesRead: ["auth/token.swift"],
  filesModified: ["auth/lock.swift"])
