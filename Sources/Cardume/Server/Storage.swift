import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// Where a deployment keeps its log, its journal and its leases.
protocol Storage: Sendable {
    var log: any PartitionLog { get }
    var journal: any Journal { get }
    var leases: any LeaseStore { get }
    var overrides: any OverrideStore { get }
    /// Counts requests for all doors of the deployment.
    var limiter: any RateLimiter { get }
    /// What all processes have used.
    var usage: any UsageReader { get }
    /// What all processes may use.
    var budgets: any BudgetCounter { get }
    /// What operators look into and change.
    var administration: any AdminDatabase { get }
    /// The same, for statistics and reports: may be as old as a replica is behind.
    var analytics: any AdminDatabase { get }
    var analyticsUsage: any UsageReader { get }
    /// What upkeep looks after.
    var site: UpkeepSite { get }
    /// How parts are that the process can do without.
    var watch: [WatchStatus] { get }
    var backlog: any BacklogReader { get }
    /// Looked at by `/health`: name and check.
    var components: [(name: String, check: @Sendable () async throws -> Void)] { get }
    /// For the first line of the log.
    var description: String { get }
    /// Asked at each scrape: name and source.
    var sources: [(name: String, source: any MetricSource)] { get }

    /// Connects and looks whether all is as it should be, then runs `body`, then disconnects.
    ///
    /// - Throws: a ``CommandFailure`` when nothing can be done here, or what `body` throws.
    func whileOpen(_ body: () async throws -> Void) async throws

    /// Looks whether the log is as it should be. Called by who appends after ``whileOpen(_:)`` began without it.
    func prepareLog() async throws(StoreError)

    /// From now on new connections use the users and passwords of these settings; those that are open stay.
    func update(_ configuration: CardumeConfiguration)

    /// Does now and then what must not wait for upkeep. Called every ten minutes, and once at start.
    func clean() async throws
}

/// One SQLite file.
struct EmbeddedStorage: Storage {
    let limiter: any RateLimiter = LocalRateLimiter()
    private let store: SQLiteStore
    private let folder: String
    private let session: Duration
    private let queues: [QueueID]
    private let clock: @Sendable () -> Timestamp

    /// - Parameter meters: what commits are counted in; `nil` for nothing.
    /// - Throws: a ``CommandFailure`` when the folder or the file cannot be used.
    init(
        _ configuration: CardumeConfiguration, meters: StoreMeters?, clock: @escaping @Sendable () -> Timestamp
    ) throws {
        do throws(StoreError) {
            self.store = try SQLiteStore(
                settings: SQLiteStore.Settings(
                    folder: configuration.dataFolder, partitionCount: configuration.partitionCount,
                    dedupeWindow: configuration.dedupeWindow, session: configuration.session,
                    queues: Set(configuration.assistants.flatMap(\.assistant.queues)))
            ) { meters?.committed($0, in: $1) }
        } catch {
            throw CommandFailure(error.message)
        }
        self.folder = configuration.dataFolder
        self.session = configuration.session
        self.queues = configuration.assistants.flatMap(\.assistant.queues)
        self.clock = clock
        let origin = ContinuousClock.now
        self.budgets = LocalBudgetCounter { .now - origin }
    }

    var log: any PartitionLog { self.store }
    var journal: any Journal { self.store }
    var leases: any LeaseStore { self.store }
    var overrides: any OverrideStore { self.store }
    var usage: any UsageReader { self.store }
    var administration: any AdminDatabase { self.store }
    var analytics: any AdminDatabase { self.store }
    var analyticsUsage: any UsageReader { self.store }
    var site: UpkeepSite {
        UpkeepSite(
            database: self.store, partitions: nil, log: self.store, queues: self.queues, session: self.session,
            ownsEverything: true)
    }
    var watch: [WatchStatus] { [] }
    var backlog: any BacklogReader { self.store }
    let budgets: any BudgetCounter
    var components: [(name: String, check: @Sendable () async throws -> Void)] {
        [("store", { _ = try await self.store.check() })]
    }
    var description: String { self.folder }
    var sources: [(name: String, source: any MetricSource)] { [("data_file", DataFileSource(folder: self.folder))] }

    func whileOpen(_ body: () async throws -> Void) async throws {
        defer { self.store.close() }
        try await body()
    }

    /// Runs `body` beside nobody's conversations, then leaves the file as it was found: closed in good order, or not.
    func whileVisited(_ body: () async throws -> Void) async throws {
        defer { self.store.close() }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        if !self.store.ownership.followsCrash { try await self.store.leave("visitor") }
        try result.get()
    }

    func prepareLog() async throws(StoreError) {}

    func update(_ configuration: CardumeConfiguration) {}

    func clean() async throws {
        try await self.store.purgeSeen(at: self.clock())
    }
}

/// Redis and PostgreSQL.
final class ClusterStorage: Storage {
    private let redis: RedisLog
    private let pool: PostgresPool
    /// Renewals of leases must not queue behind commits.
    private let leasePool: PostgresPool
    private let maintenance: PostgresMaintenance
    /// `nil` without a replica.
    private let replica: ReplicaReads?
    private let session: Duration
    private let queues: [QueueID]
    private let redisLimiter: RedisRateLimiter?
    private let connector: RedisConnector
    /// Whether it opens without Redis.
    private let isLogOptional: Bool
    private let isLogPrepared = Mutex(false)
    private let logger: Logger
    private let counter: RedisBudgetCounter
    let usage: any UsageReader
    let journal: any Journal
    let leases: any LeaseStore
    let overrides: any OverrideStore
    let description: String

    /// - Parameters:
    ///   - loops: those of the shards, in their order.
    ///   - hasDoors: whether requests are to be counted.
    ///   - isLogOptional: whether it opens while Redis is away, for doors with a spool.
    ///   - meters: what is counted in; `nil` for nothing.
    /// - Throws: a ``CommandFailure`` when an address is wrong.
    init(
        _ settings: ClusterSettings, _ configuration: CardumeConfiguration, loops: [any EventLoop], hasDoors: Bool,
        isLogOptional: Bool, meters: StoreMeters?, logger: Logger
    ) throws {
        let node: String
        do throws(RedisError) {
            let redis = try RedisSettings(settings)
            var log = RedisLog.Settings(queues: configuration.assistants.flatMap(\.assistant.queues))
            log.prefix = settings.redisPrefix
            log.partitionCount = configuration.partitionCount
            log.dedupeWindow = configuration.dedupeWindow
            log.session = configuration.session
            // Each event loop has connections of its own, and all of them fail together.
            let limit = LineLimit()
            let report: @Sendable (RedisLink.Event) -> Void = { event in
                meters?.redis.record(event)
                Self.report(event, to: logger, limit)
            }
            let connector = try RedisConnector(redis, meter: meters?.redis)
            self.connector = connector
            self.redis = RedisLog(settings: log, connector: connector, eventLoops: loops, report: report)
            self.counter = RedisBudgetCounter(
                connector: connector, prefix: settings.redisPrefix, on: loops[0], report: report)
            self.redisLimiter =
                hasDoors
                ? try RedisRateLimiter(
                    redis, prefix: settings.redisPrefix, on: loops[0], meter: meters?.redis, report: report)
                : nil
            node = "\(redis.node)"
        } catch {
            throw CommandFailure("redis.url: \(error.message)")
        }
        do throws(PostgresError) {
            let postgres = try PostgresSettings(settings)
            self.pool = PostgresPool(postgres)
            var few = postgres
            (few.minimumConnections, few.maximumConnections) = (1, 2)
            self.leasePool = PostgresPool(few)
            self.description = "redis \(node), database \(postgres)"
        } catch {
            throw CommandFailure("database.url: \(error.message)")
        }
        self.maintenance = PostgresMaintenance(self.pool)
        self.session = configuration.session
        self.queues = configuration.assistants.flatMap(\.assistant.queues)
        let journal = PostgresJournal(self.pool) { meters?.committed($0, in: $1) }
        self.journal = journal
        self.usage = journal
        do throws(PostgresError) {
            self.replica = try Self.replica(settings, PostgresAdministration(self.pool), journal, meters, logger)
        } catch {
            throw CommandFailure("database.replica_url: \(error.message)")
        }
        self.leases = PostgresLeaseStore(self.leasePool, timeToLive: settings.timeToLive)
        self.overrides = PostgresOverrideStore(self.pool, polling: self.leasePool)
        self.isLogOptional = isLogOptional
        self.logger = logger
    }

    var log: any PartitionLog { self.redis }
    var limiter: any RateLimiter { self.redisLimiter ?? LocalRateLimiter() }
    var budgets: any BudgetCounter { self.counter }
    var administration: any AdminDatabase { PostgresAdministration(self.pool) }
    var analytics: any AdminDatabase { self.replica ?? self.administration }
    var analyticsUsage: any UsageReader { self.replica ?? self.usage }
    var site: UpkeepSite {
        UpkeepSite(
            database: self.administration, partitions: self.maintenance, log: self.redis, queues: self.queues,
            session: self.session, ownsEverything: false)
    }
    var watch: [WatchStatus] { self.replica.map { [WatchStatus(replica: $0.standing)] } ?? [] }
    var backlog: any BacklogReader { self.redis }
    var components: [(name: String, check: @Sendable () async throws -> Void)] {
        let pool = self.pool
        return [
            ("redis", { _ = try await self.redis.check() }),
            ("database", { _ = try await pool.query(PostgresStatement("SELECT 1")) }),
        ]
    }

    var sources: [(name: String, source: any MetricSource)] {
        [
            ("postgres", PostgresPoolSource([("main", self.pool), ("leases", self.leasePool)])),
            ("redis", RedisMemorySource(self.redis)),
        ] + (self.replica.map { [("replica", $0)] } ?? [])
    }

    func whileOpen(_ body: () async throws -> Void) async throws {
        defer {
            self.pool.close()
            self.leasePool.close()
            self.replica?.close()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await self.redis.run() }
            if let limiter = self.redisLimiter {
                group.addTask { await limiter.run() }
                await limiter.settled()
            }
            group.addTask { await self.counter.run() }
            do throws(StoreError) {
                try await self.prepareLogIfThere()
                try await PostgresMigrator(self.pool).requireCurrent()
            } catch {
                throw CommandFailure(error.message)
            }
            try await body()
        }
    }

    private func prepareLogIfThere() async throws(StoreError) {
        do {
            try await self.prepareLog()
        } catch {
            guard self.isLogOptional, error.code == .unavailable else { throw error }
            self.logger.warning("starting without the log; messages go to the spool", metadata: ["error": "\(error)"])
        }
    }

    func prepareLog() async throws(StoreError) {
        guard !self.isLogPrepared.withLock({ $0 }) else { return }
        for warning in try await self.redis.start() { self.logger.warning("\(warning)") }
        self.isLogPrepared.withLock { $0 = true }
    }

    func update(_ configuration: CardumeConfiguration) {
        guard let settings = configuration.cluster else { return }
        do throws(RedisError) {
            let redis = try RedisSettings(settings)
            self.connector.update(redis)
            self.redisLimiter?.update(redis)
        } catch {
            self.logger.error("redis.url makes no sense; the one before stays", metadata: ["problem": "\(error.message)"])
        }
        do throws(PostgresError) {
            let postgres = try PostgresSettings(settings)
            self.pool.update(postgres)
            self.leasePool.update(postgres)
        } catch {
            self.logger.error("database.url makes no sense; the one before stays", metadata: ["problem": "\(error.message)"])
        }
        do throws(PostgresError) {
            guard let replica = self.replica, let replicaSettings = try PostgresSettings(replicaOf: settings) else { return }
            replica.update(bound: settings.replicaLag, replicaSettings)
        } catch {
            self.logger.error(
                "database.replica_url makes no sense; the one before stays", metadata: ["problem": "\(error.message)"])
        }
    }

    func clean() async throws {
        let created = try await self.maintenance.createWeeks()
        guard !created.isEmpty else { return }
        self.logger.notice("partitions made", metadata: ["partitions": "\(created.joined(separator: ", "))"])
    }

    private static func replica(
        _ settings: ClusterSettings, _ primary: PostgresAdministration, _ usage: any UsageReader, _ meters: StoreMeters?,
        _ logger: Logger
    ) throws(PostgresError) -> ReplicaReads? {
        guard let replica = try PostgresSettings(replicaOf: settings) else { return nil }
        let clock = SystemClock()
        return ReplicaReads(
            primary: primary, usage: usage, pool: PostgresPool(replica), bound: settings.replicaLag, uptime: { clock.uptime },
            onChange: { standing in
                guard case .unusable(let problem) = standing else {
                    return logger.notice("reports ask the replica", metadata: ["replica": "\(replica)"])
                }
                logger.warning(
                    "reports ask the primary", metadata: ["replica": "\(replica)", "problem": "\(problem)"])
            }, onRead: { meters?.reported(fromReplica: $0) })
    }

    private static func report(_ event: RedisLink.Event, to logger: Logger, _ limit: LineLimit) {
        if case .connected(let node) = event {
            return logger.debug("connected to Redis", metadata: ["node": "\(node)"])
        }
        guard let suppressed = limit.admit() else { return }
        var logger = logger
        logger[metadataKey: "lines_suppressed"] = "\(suppressed)"
        switch event {
        case .connected: break
        case .lost(let node, let error):
            logger.warning("connection to Redis lost", metadata: ["node": "\(node)", "error": "\(error)"])
        case .failed(let node, let error, let delay):
            logger.warning(
                "cannot connect to Redis",
                metadata: ["node": "\(node)", "error": "\(error)", "retry_in_ms": "\(delay.milliseconds)"])
        }
    }
}

extension RedisSettings {
    fileprivate init(_ settings: ClusterSettings) throws(RedisError) {
        try self.init(url: settings.redisURL, isCluster: settings.redisIsCluster)
        self.authorityFile = settings.redisAuthorityFile
        self.serverName = settings.redisServerName
        self.connectTimeout = settings.redisConnectTimeout
        self.replyDeadline = settings.redisReplyDeadline
    }
}

extension WatchStatus {
    /// Reports go to the primary meanwhile: nothing is missing.
    fileprivate init(replica standing: ReplicaGate.Standing) {
        guard case .unusable(let problem) = standing else {
            self.init(name: "replica")
            return
        }
        self.init(name: "replica", grade: .degraded, problem: problem)
    }
}

extension PostgresSettings {
    /// - Returns: `nil` without a replica.
    fileprivate init?(replicaOf settings: ClusterSettings) throws(PostgresError) {
        guard let url = settings.replicaURL else { return nil }
        var settings = settings
        settings.databaseURL = url
        self = ReplicaReads.settings(try PostgresSettings(settings))
    }

    init(_ settings: ClusterSettings) throws(PostgresError) {
        try self.init(url: settings.databaseURL)
        self.maximumConnections = settings.databaseConnections
        self.minimumConnections = settings.databaseIdleConnections
        self.waiterLimit = settings.databaseWaiters
        self.waitTimeout = settings.databaseWaitTimeout
        self.connectTimeout = settings.databaseConnectTimeout
        self.statementTimeout = settings.databaseStatementTimeout
    }
}
