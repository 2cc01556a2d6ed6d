// Names: no session and no name leads out of its directory.

import JSONText

@testable import Spool

func fuzzName(_ bytes: [UInt8]) {
  let (first, second) = bytes.halves
  let place = SessionPlace(session: first)
  requireComponent(place.directory)
  if let back = PathComponent.text(of: place.directory), !place.directory.utf8.contains(UInt8(ascii: "~")) {
    require(back.utf8.elementsEqual(first.utf8), "'\(place.directory)' is the place of another session")
  }
  if !first.utf8.elementsEqual(second.utf8) {
    require(SessionPlace(session: second).directory != place.directory, "two sessions in one directory")
  }
  guard var name = InputName(second) ?? InputName(fileName: second) else { return }
  for _ in 0..<3 {
    let record = RecordPlace(of: name, in: place)
    for path in [record.json, record.xml] {
      let parts = path.split(separator: "/", omittingEmptySubsequences: false)
      require(parts.count == 2 && parts[0] == place.directory, "the record leads elsewhere: \(path)")
      requireComponent(String(parts[1]))
    }
    require(InputName(fileName: name.fileName) == name, "a file's name is another input's")
    requireFileName(name.fileName)
    let next = name.next
    require(next != name, "no next name")
    name = next
  }
}

private func requireComponent(_ text: String) {
  requireFileName(text)
  require(text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a byte that a terminal may not show")
}

private func requireFileName(_ text: String) {
  require(!text.isEmpty && text.utf8.count <= 255, "a name of \(text.utf8.count) bytes")
  require(text.utf8.first != UInt8(ascii: "."), "a hidden name")
  require(!text.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }, "a name with a slash or NUL")
}
