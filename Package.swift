// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "cardume",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "cardume", targets: ["Cardume"]),
        .executable(name: "cardume-bench", targets: ["CardumeBench"]),
        .executable(name: "cardume-ceiling", targets: ["CardumeCeiling"]),
        .executable(name: "cardume-fuzz", targets: ["CardumeFuzz"]),
        .executable(name: "cardume-loadtest", targets: ["CardumeLoadtest"]),
        .library(name: "CardumeCore", targets: ["CardumeCore"]),
        .library(name: "CardumeActors", targets: ["CardumeActors"]),
        .library(name: "CardumeTesting", targets: ["CardumeTesting"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // Without its pkg-config file, whose -D_FILE_OFFSET_BITS=64 SwiftPM refuses with a warning.
        .systemLibrary(name: "CHiredis", path: "Sources/CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CJemalloc", path: "Sources/CJemalloc", providers: [.apt(["libjemalloc-dev"])]),
        .systemLibrary(name: "CPostgres", path: "Sources/CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CScheduler", path: "Sources/CScheduler"),
        .systemLibrary(name: "CZlib", path: "Sources/CZlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "CardumeCore",
            dependencies: [
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            path: "Sources/Core"
        ),
        .target(
            name: "CardumeActors",
            dependencies: [
                "CardumeCore",
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            path: "Sources/Actors"
        ),
        .target(
            name: "CardumeRuntime",
            dependencies: [
                "CHiredis", "CJemalloc", "CPostgres", "CScheduler", "CZlib", "CardumeCore",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "Yams", package: "Yams"),
            ],
            path: "Sources/Runtime",
            resources: [
                .embedInCode("RedisLog/Scripts/append.lua"), .embedInCode("RedisLog/Scripts/open.lua"),
                .embedInCode("RedisLog/Scripts/set-timers.lua"), .embedInCode("RedisLog/Scripts/fire-timers.lua"),
                .embedInCode("RedisLog/Scripts/end-sessions.lua"), .embedInCode("RedisLog/Scripts/transfer.lua"),
                .embedInCode("RedisLog/Scripts/move.lua"),
                .embedInCode("RedisLog/Scripts/settle.lua"), .embedInCode("FrontDoor/Scripts/take-place.lua"),
                .embedInCode("Budgets/Scripts/lease.lua"), .embedInCode("HTTP/Admin/openapi.json"),
                .embedInCode("HTTP/Panel/Assets"),
            ]
        ),
        .target(
            name: "CardumeTesting",
            dependencies: [
                "CardumeActors", "CardumeCore",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Testing"
        ),
        .target(
            name: "CardumeTrials",
            dependencies: [
                "CardumeCore", "CardumeRuntime", "CardumeTesting",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Trials"
        ),
        .executableTarget(
            name: "Cardume",
            dependencies: [
                "CardumeActors", "CardumeCore", "CardumeRuntime", "CardumeTesting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Cardume"
        ),
        // What benchmarks and load test share.
        .target(
            name: "CardumeLoad",
            dependencies: [
                "CardumeCore", "CardumeRuntime", "CardumeTesting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            path: "Sources/LoadKit"
        ),
        .executableTarget(
            name: "CardumeLoadtest",
            dependencies: [
                "CardumeCore", "CardumeLoad", "CardumeTesting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            path: "loadtest/Sources"
        ),
        .executableTarget(
            name: "CardumeBench",
            dependencies: [
                "CardumeActors", "CardumeCore", "CardumeLoad", "CardumeRuntime", "CardumeTesting", "CardumeTrials",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Bench"
        ),
        .executableTarget(
            name: "CardumeCeiling",
            dependencies: ["CHiredis", "CPostgres"],
            path: "Sources/Ceiling",
            cSettings: [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)],
            // C does not take this from the module map.
            linkerSettings: [.linkedLibrary("hiredis")]
        ),
        .executableTarget(
            name: "CardumeFuzz",
            dependencies: [
                "CPostgres", "CardumeCore", "CardumeRuntime", "CardumeTesting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Fuzz"
        ),
        .target(
            name: "TestSupport",
            path: "Tests/Support"
        ),
        .testTarget(
            name: "CoreTests", dependencies: ["CardumeCore", "CardumeTesting", "TestSupport"], path: "Tests/CoreTests"),
        .testTarget(
            name: "ActorsTests",
            dependencies: [
                "CardumeActors", "CardumeTesting", "TestSupport", .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
            ],
            path: "Tests/ActorsTests"
        ),
        .testTarget(
            name: "FuzzTests", dependencies: ["CardumeFuzz", "CardumeTesting", "TestSupport"], path: "Tests/FuzzTests"),
        .testTarget(name: "BenchTests", dependencies: ["CardumeBench", "CardumeCore"], path: "Tests/BenchTests"),
        .testTarget(
            name: "RuntimeTests",
            dependencies: [
                "CardumeRuntime", "CardumeTesting", "TestSupport",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            path: "Tests/RuntimeTests"
        ),
        .testTarget(
            name: "LoadtestTests",
            dependencies: [
                "Cardume", "CardumeLoad", "CardumeLoadtest", "CardumeRuntime", "CardumeTesting", "TestSupport",
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Yams", package: "Yams"),
            ],
            path: "Tests/LoadtestTests"
        ),
        .testTarget(
            name: "CardumeTests",
            dependencies: [
                "Cardume", "CardumeRuntime", "CardumeTesting", "CardumeTrials", "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Tests/CardumeTests"
        ),
    ],
    cLanguageStandard: .gnu11
)

// Strictness is set here, once, for every target.
for target in package.targets where target.type != .system {
    target.swiftSettings = [
        .swiftLanguageMode(.v6),
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}

// Coverage-guided fuzzing is a build of its own: scripts/fuzz.
if Context.environment["CARDUME_FUZZ"] != nil {
    for target in package.targets where ["CardumeCore", "CardumeRuntime", "CardumeFuzz"].contains(target.name) {
        target.swiftSettings?.append(.unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"]))
        target.swiftSettings?.append(.define("CARDUME_COVERAGE"))
        if target.name == "CardumeFuzz" { target.linkerSettings = [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])] }
    }
}
