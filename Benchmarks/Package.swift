// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that those who build Cardume do not fetch what only its benchmarks need.
let package = Package(
    name: "cardume-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "cardume", path: ".."),
        // Without its traits, which count allocations and reference counts by taking malloc's place.
        .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
    ],
    targets: [
        .target(name: "HotPaths", dependencies: [.product(name: "CardumeCore", package: "cardume")]),
        .executableTarget(
            name: "Machines",
            dependencies: ["HotPaths", .product(name: "Benchmark", package: "benchmark")],
            path: "Benchmarks/Machines",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        ),
        .executableTarget(name: "InstructionCount", dependencies: ["HotPaths"]),
    ]
)

for target in package.targets {
    target.swiftSettings = [
        .swiftLanguageMode(.v6),
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
