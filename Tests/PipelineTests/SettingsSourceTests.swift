import Foundation
import TestSupport
import Testing

@testable import Pipeline

/// Where the settings are looked for, and when.
@Suite struct SettingsSourceTests {
  let directory: TemporaryDirectory
  let path: String

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.appending("settings.json")
  }

  func source(_ environment: [String: String] = [:]) -> SettingsSource {
    SettingsSource(option: path, environment: environment)
  }

  /// Writes the file as an editor does: another file in its place.
  func write(_ text: String, mode: mode_t = 0o600) throws {
    try Data(text.utf8).write(to: URL(filePath: path + ".new"))
    #expect(chmod(path + ".new", mode) == 0)
    #expect(rename(path + ".new", path) == 0)
  }

  func credential(_ name: String, _ text: String) throws -> [String: String] {
    let credentials = directory.appending("credentials")
    mkdir(credentials, 0o700)
    try Data(text.utf8).write(to: URL(filePath: "\(credentials)/\(name)"))
    return ["CREDENTIALS_DIRECTORY": credentials]
  }

  // MARK: Which file

  @Test func theFileIsTheOneNamedElseTheEnvironmentsElseTheSeeds() {
    let environment = ["OBSPOOL_SETTINGS": "/etc/obspool/settings.json", "HOME": "/home/me"]
    #expect(SettingsSource(option: "mine.json", environment: environment).path == "mine.json")
    #expect(SettingsSource(option: nil, environment: environment).path == "/etc/obspool/settings.json")
    for empty in [["HOME": "/home/me"], ["HOME": "/home/me", "OBSPOOL_SETTINGS": ""]] {
      #expect(SettingsSource(option: nil, environment: empty).path == "/home/me/.claude-mem/settings.json")
    }
  }

  @Test func withoutAFileTheEnvironmentAndTheDefaultsHold() {
    let settings = source(["CLAUDE_MEM_OPENROUTER_MODEL": "m", "OPENROUTER_API_KEY": "k"]).current()
    #expect(settings.openrouter.model == "m" && settings.openrouter.modelOrigin == .environment)
    #expect(settings.openrouter.key == "k" && settings.openrouter.keyOrigin == .environment)
    #expect(settings.provider == "openrouter" && settings.concurrency == 8)
    // A file that was named ought to be there; the one that is looked for by default need not.
    #expect(settings.complaints.count == 1 && settings.complaints[0].contains(path))
    let unnamed = SettingsSource(option: nil, environment: ["HOME": directory.path]).current()
    #expect(unnamed.complaints.isEmpty)
  }

  // MARK: Precedence

  @Test func theFileWinsThenTheCredentialThenTheEnvironment() throws {
    var environment = try credential("openrouter-api-key", "from-credential\n")
    environment["CLAUDE_MEM_OPENROUTER_API_KEY"] = "from-environment"
    environment["OPENROUTER_API_KEY"] = "from-short-environment"
    try write(#"{"CLAUDE_MEM_OPENROUTER_API_KEY": "from-file"}"#)
    #expect(source(environment).current().openrouter.key == "from-file")
    #expect(source(environment).current().openrouter.keyOrigin == .file)
    try write("{}")
    #expect(source(environment).current().openrouter.key == "from-credential")
    #expect(source(environment).current().openrouter.keyOrigin == .credential)
    environment["CREDENTIALS_DIRECTORY"] = nil
    #expect(source(environment).current().openrouter.key == "from-environment")
    environment["CLAUDE_MEM_OPENROUTER_API_KEY"] = nil
    #expect(source(environment).current().openrouter.key == "from-short-environment")
    environment["OPENROUTER_API_KEY"] = nil
    #expect(source(environment).current().openrouter.key == nil)
  }

  @Test func theFileWinsOverTheEnvironmentForEverySetting() throws {
    try write(#"{"OBSPOOL_BATCH": 2}"#)
    let settings = source(["OBSPOOL_BATCH": "3", "OBSPOOL_CONCURRENCY": "4"]).current()
    #expect(settings.batch == 2 && settings.concurrency == 4)
  }

  @Test func eachProvidersKeyIsACredential() throws {
    _ = try credential("openrouter-api-key", "a")
    _ = try credential("gemini-api-key", "b")
    let settings = source(try credential("claude-api-key", " c \n")).current()
    #expect([settings.openrouter.key, settings.gemini.key, settings.claude.key] == ["a", "b", "c"])
  }

  @Test func credentialsAreForKeysAlone() throws {
    let settings = source(try credential("CLAUDE_MEM_OPENROUTER_MODEL", "m")).current()
    #expect(settings.openrouter.modelOrigin == .standard)
  }

  // MARK: Values in the file

  @Test func numbersAndSwitchesMayBeStringsOrNot() throws {
    for text in [
      #"{"OBSPOOL_BATCH": 3, "OBSPOOL_ALLOW_HTTP": true, "CLAUDE_MEM_OPENROUTER_MAX_TOKENS": 5000}"#,
      #"{"OBSPOOL_BATCH": "3", "OBSPOOL_ALLOW_HTTP": "true", "CLAUDE_MEM_OPENROUTER_MAX_TOKENS": " 5000 "}"#,
    ] {
      try write(text)
      let settings = source().current()
      #expect(settings.batch == 3 && settings.allowHTTP && settings.openrouter.maxTokens == 5000)
      #expect(settings.complaints.isEmpty)
    }
  }

  /// claude-mem writes every setting it knows, those that are not set as empty strings.
  @Test func anEmptyStringIsNotSet() throws {
    try write(
      """
      {"CLAUDE_MEM_PROVIDER": "", "CLAUDE_MEM_OPENROUTER_API_KEY": "", "CLAUDE_MEM_OPENROUTER_MODEL": "  ",
       "CLAUDE_MEM_OPENROUTER_SITE_URL": "", "OBSPOOL_BATCH": "", "CLAUDE_MEM_GEMINI_API_KEY": null}
      """, mode: 0o644)
    let settings = source(["OPENROUTER_API_KEY": "k", "GEMINI_API_KEY": "", "CLAUDE_MEM_PROVIDER": ""])
      .current()
    #expect(settings.provider == "openrouter" && settings.openrouter.key == "k" && settings.gemini.key == nil)
    #expect(settings.openrouter.model == "xiaomi/mimo-v2-flash:free")
    #expect(settings.siteURL == nil && settings.batch == 6)
    // No key stands in it, so everybody may read it.
    #expect(settings.complaints == [])
  }

  @Test func aByteOrderMarkAndUnknownNamesAreForgivenAndTheLastOfEqualNamesCounts() throws {
    try write("\u{FEFF}{\"OBSPOOL_BATCH\": 1, \"x\": {\"y\": []}, \"OBSPOOL_BATCH\": 2}")
    #expect(source().current().batch == 2)
    #expect(source().current().complaints == [])
  }

  // MARK: Changes

  @Test func aChangeIsSeenAtTheNextCall() throws {
    let source = source()
    for batch in 1...20 {
      try write("{\"OBSPOOL_BATCH\": \(batch)}")
      #expect(source.current().batch == batch)
      #expect(source.current().batch == batch)
    }
    unlink(path)
    #expect(source.current().batch == 6)
    try write(#"{"OBSPOOL_BATCH": 4}"#)
    #expect(source.current().batch == 4)
  }

  @Test func aChangeOfTheSameLengthInTheSamePlaceIsSeenByItsTime() throws {
    try write(#"{"OBSPOOL_BATCH": 1}"#)
    let source = source()
    #expect(source.current().batch == 1)
    let file = open(path, O_WRONLY)
    defer { close(file) }
    let text = Array(#"{"OBSPOOL_BATCH": 2}"#.utf8)
    #expect(pwrite(file, text, text.count, 0) == text.count)
    var times = [timespec(tv_sec: 1_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000, tv_nsec: 0)]
    #expect(futimens(file, &times) == 0)
    #expect(source.current().batch == 2)
  }

  // MARK: What is wrong with the file

  @Test(arguments: [
    #"{"OBSPOOL_BATCH": 9"#, "", "   ", "{]", "[]", "\"text\"", "null", "OBSPOOL_BATCH=9", "{\"a\": 1,}",
    "{\"a\":\"\u{1}\"}",
  ])
  func aBrokenFileLeavesTheLastGoodValuesAndOneComplaint(text: String) throws {
    let source = source()
    try write(#"{"OBSPOOL_BATCH": 4, "CLAUDE_MEM_OPENROUTER_API_KEY": "secret-key"}"#)
    #expect(source.current().batch == 4)
    try write(text)
    for _ in 0..<3 {
      let settings = source.current()
      #expect(
        settings.batch == 4 && settings.openrouter.key == "secret-key" && settings.complaints.count == 1)
      let complaint = try #require(settings.complaints.first)
      #expect(complaint.hasPrefix(path) && complaint.hasSuffix("its last good values stay"))
      // Whoever says each complaint once says it once.
      #expect(settings.complaints == source.current().complaints)
    }
    try write(#"{"OBSPOOL_BATCH": 5}"#)
    #expect(source.current().batch == 5 && source.current().complaints.isEmpty)
  }

  @Test func aComplaintSaysWhereInWholeWords() throws {
    try write("{\"a\": 1")
    #expect(
      source().current().complaints == [
        "\(path): the JSON text ends at byte 7, inside a value; nothing is asked until it can be read"
      ])
    try write("{\"a\": x}")
    #expect(
      source().current().complaints == [
        "\(path): not valid JSON at byte 6; nothing is asked until it can be read"
      ])
  }

  @Test func whatCannotBeReadIsComplainedAbout() throws {
    mkdir(path, 0o700)
    let settings = source(["OBSPOOL_BATCH": "3"]).current()
    #expect(settings.batch == 3 && settings.complaints.count == 1)
    #expect(settings.complaints.first?.contains(path) == true)
    #expect(settings.complaints.first?.contains("Is a directory") == true)
  }

  @Test(.timeLimit(.minutes(5))) func aFileWithoutAnEndIsComplainedAbout() {
    let settings = SettingsSource(option: "/dev/zero", environment: [:]).current()
    #expect(settings.complaints.first?.contains("/dev/zero cannot be read: File too large") == true)
    #expect(settings.unusable != nil)
  }

  @Test(arguments: [(0o644, true), (0o604, true), (0o640, false), (0o600, false)] as [(mode_t, Bool)])
  func aKeyThatEveryUserCanReadIsComplainedAbout(mode: mode_t, complains: Bool) throws {
    try write(#"{"CLAUDE_MEM_OPENROUTER_API_KEY": "secret-key"}"#, mode: mode)
    let complaints = source().current().complaints
    #expect(complaints.count == (complains ? 1 : 0))
    #expect(complaints.allSatisfy { $0.contains("chmod 600 \(path)") && !$0.contains("secret-key") })
  }

  @Test func theWarningGoesOnceTheRightsAreMended() throws {
    try write(#"{"CLAUDE_MEM_OPENROUTER_API_KEY": "secret-key"}"#, mode: 0o644)
    let source = source()
    #expect(source.current().complaints.count == 1)
    #expect(chmod(path, 0o600) == 0)
    #expect(source.current().complaints.isEmpty && source.current().openrouter.key == "secret-key")
  }

  @Test func aFileWithoutAKeyMayBeReadByAll() throws {
    try write(#"{"OBSPOOL_BATCH": 4}"#, mode: 0o644)
    #expect(source().current().complaints.isEmpty)
  }
}
