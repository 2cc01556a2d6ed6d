// swift-tools-version: 6.0
import PackageDescription

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  // What an actor waits for runs on the actor, rather than on an executor of its own and back.
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// What makes a program that has Swift's runtime linked in start sooner: the libraries of C++ and of the compiler are
/// linked in too.
let linking: [LinkerSetting] = [
  .unsafeFlags(
    ["-L", "\(Context.packageDirectory)/Sources/CSystem/link", "-Xclang-linker", "-static-libgcc"],
    .when(configuration: .release))
]

/// A part of the program: its sources in `Sources/NAME`.
func part(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

/// The tests of a part: `Tests/NAMETests`.
func tests(of name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.init(stringLiteral: name), "TestSupport"] + dependencies,
    exclude: exclude, swiftSettings: settings)
}

let package = Package(
  name: "obspool",
  products: [.executable(name: "obspool", targets: ["obspool"])],
  targets: [
    // Its headers alone: the library is loaded at the first request, so that no other command pays for it.
    .systemLibrary(name: "CLibcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .target(name: "CSystem", exclude: ["link"]),
    part("JSONText", ["CSystem"]),
    part("Threads", ["CSystem"]),
    part("Spool", ["CSystem", "JSONText", "Threads"]),
    part("Observation", ["JSONText"], exclude: ["Schema"]),
    part("Provider", ["CLibcurl", "CSystem", "JSONText", "Threads"]),
    part("Pipeline", ["Spool", "Observation", "Provider", "JSONText", "Threads"]),
    part("Commands", ["Pipeline", "Spool", "Observation", "Provider", "CSystem", "JSONText", "Threads"]),
    .executableTarget(
      name: "obspool", dependencies: ["Commands"], swiftSettings: settings, linkerSettings: linking),
    .executableTarget(
      name: "obspool-bench",
      dependencies: ["CLibcurl", "CSystem", "JSONText", "Observation", "Threads"], path: "Sources/Bench",
      exclude: ["NOTES.md"], swiftSettings: settings, linkerSettings: linking),
    .target(
      name: "TestSupport", dependencies: ["CSystem", "JSONText", "Threads"], path: "Tests/TestSupport",
      swiftSettings: settings),
    tests(of: "JSONText"),
    tests(of: "Threads"),
    tests(of: "Spool", ["CSystem", "JSONText", "Threads"]),
    tests(of: "Observation", ["JSONText"]),
    tests(of: "Provider", ["JSONText", "Threads"], exclude: ["http2.py"]),
    tests(of: "Pipeline", ["Spool", "Observation", "Provider", "JSONText", "Threads"]),
    tests(of: "Commands"),
    .testTarget(
      name: "ProofTests",
      dependencies: ["JSONText", "Observation", "Pipeline", "Spool", "TestSupport", "Threads"],
      exclude: ["Faults"], swiftSettings: settings),
    .testTarget(
      name: "SystemdTests", dependencies: ["TestSupport", "Threads"], exclude: ["Lab"],
      swiftSettings: settings),
  ]
)
