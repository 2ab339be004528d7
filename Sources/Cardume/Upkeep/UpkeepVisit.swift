import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation
import Logging
import NIOPosix

/// A command's look into the stores, beside the processes of a cluster, or instead of the one that has the data folder.
struct UpkeepVisit {
    let site: UpkeepSite
    /// With what operators have set while processes run.
    let settings: UpkeepSettings
    /// Unique, for leases and the audit log.
    let name: String

    /// - Throws: a ``CommandFailure`` when the stores cannot be opened, or what `body` throws.
    static func run(_ options: ConfigurationOptions, _ body: (UpkeepVisit) async throws -> Void) async throws {
        let configuration = try options.load()
        let logger = Logger(label: "cardume") { LineLogHandler(label: $0, level: Live(.critical), format: .text) }
        guard let cluster = configuration.cluster else {
            let clock = SystemClock()
            let storage = try EmbeddedStorage(configuration, meters: nil, clock: { clock.wallTime })
            return try await storage.whileVisited { try await body(Self(storage, configuration, logger)) }
        }
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let result: Result<Void, any Error>
        do {
            let storage = try ClusterStorage(
                cluster, configuration, loops: Array(loops.makeIterator()), hasDoors: false, isLogOptional: true, meters: nil,
                logger: logger)
            try await storage.whileOpen { try await body(Self(storage, configuration, logger)) }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try? await loops.shutdownGracefully()
        try result.get()
    }

    private init(_ storage: any Storage, _ configuration: CardumeConfiguration, _ logger: Logger) async throws {
        let clock = SystemClock()
        let live = LiveConfiguration(
            configuration, store: storage.overrides, isShared: true, logger: logger, uptime: { clock.uptime })
        do throws(StoreError) {
            try await live.start { _ in }
        } catch {
            throw CommandFailure("cannot read the live settings: \(error.message)")
        }
        var site = storage.site
        // Of a data folder, nobody has looked yet what the process before has left.
        site.ownsEverything = false
        self.site = site
        self.settings = live.current.upkeep
        let environment = ProcessInfo.processInfo.environment
        self.name = "\(environment["CARDUME_OPERATOR"] ?? environment["USER"] ?? "cli")-\(UUID().uuidString.prefix(8))"
    }
}
