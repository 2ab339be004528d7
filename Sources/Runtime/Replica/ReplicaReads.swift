package import CardumeCore
import Synchronization

/// What reports read: from the replica where it is of use, else from the primary. What changes something goes to the primary.
///
/// The answer may be as old as the replica is behind: nothing that decides anything reads here.
package final class ReplicaReads: AdminDatabase, UsageReader {
    /// For a look at the replica: whoever asks for a report, or for metrics, waits no longer for it.
    private static let lookTimeout = Duration.milliseconds(500)

    private let primary: any AdminDatabase
    private let primaryUsage: any UsageReader
    private let pool: PostgresPool
    private let replica: PostgresAdministration
    private let usageReader: PostgresJournal
    private let gate = Mutex(ReplicaGate())
    private let bound: Live<Duration>
    private let uptime: @Sendable () -> Duration
    private let onChange: @Sendable (ReplicaGate.Standing) -> Void
    private let onRead: @Sendable (_ isReplica: Bool) -> Void

    /// - Parameters:
    ///   - pool: of the replica; see ``settings(_:)``.
    ///   - bound: how far it may be behind.
    ///   - uptime: monotonic.
    ///   - onChange: told when it begins or ceases to be of use.
    ///   - onRead: told of each read.
    package init(
        primary: any AdminDatabase, usage: any UsageReader, pool: PostgresPool, bound: Duration,
        uptime: @escaping @Sendable () -> Duration,
        onChange: @escaping @Sendable (ReplicaGate.Standing) -> Void, onRead: @escaping @Sendable (Bool) -> Void
    ) {
        self.primary = primary
        self.primaryUsage = usage
        self.pool = pool
        self.replica = PostgresAdministration(pool)
        self.usageReader = PostgresJournal(pool)
        self.bound = Live(bound)
        self.uptime = uptime
        self.onChange = onChange
        self.onRead = onRead
    }

    /// Those of the replica's pool: few connections, and nobody waits for one for long.
    package static func settings(_ settings: PostgresSettings) -> PostgresSettings {
        var settings = settings
        (settings.minimumConnections, settings.maximumConnections) = (0, 2)
        settings.waitTimeout = .milliseconds(700)
        return settings
    }

    package var dialect: AdminDialect { .postgres }

    package func update(bound: Duration, _ settings: PostgresSettings) {
        self.bound.set(bound)
        self.pool.update(settings)
    }

    package func close() { self.pool.close() }

    /// As it is known; asks nobody.
    package var standing: ReplicaGate.Standing { self.gate.withLock { $0.standing } }

    // MARK: Reading

    package func query<Value: Sendable>(
        _ body: @escaping @Sendable (AdminQuery) throws -> Value
    ) async throws(StoreError) -> Value {
        try await self.read({ try await self.replica.query(body) }, else: { try await self.primary.query(body) })
    }

    package func usage(since day: CivilDay) async throws(StoreError) -> [DailyUsage] {
        try await self.read(
            { try await self.usageReader.usage(since: day) }, else: { try await self.primaryUsage.usage(since: day) })
    }

    package func transaction<Value: Sendable>(
        _ body: @escaping @Sendable (AdminQuery) throws -> Value
    ) async throws(StoreError) -> Value {
        try await self.primary.transaction(body)
    }

    private func read<Value: Sendable>(
        _ fromReplica: () async throws -> Value, else fromPrimary: () async throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            if await self.isUsable() {
                do {
                    let value = try await fromReplica()
                    self.onRead(true)
                    return value
                } catch {
                    // One that is wrong is wrong on the primary, too, which then says so.
                    self.failed("\(error)")
                }
            }
            self.onRead(false)
            return try await fromPrimary()
        } catch {
            throw StoreError(postgres: error)
        }
    }

    // MARK: Looking

    /// Looks at it first, if the latest look is old.
    package func isUsable() async -> Bool {
        switch self.gate.withLock({ $0.step(at: self.uptime()) }) {
        case .replica: return true
        case .primary: return false
        case .look: break
        }
        do {
            let lag = try await self.lag()
            let bound = self.bound.value
            self.change { $0.looked(lag: lag, bound: bound, at: $1) }
        } catch {
            self.failed(error.message)
        }
        return self.standing == .usable
    }

    private func failed(_ problem: String) {
        self.change { $0.failed(problem, at: $1) }
    }

    private func change(_ event: (inout ReplicaGate, Duration) -> Bool) {
        let standing = self.gate.withLock { gate in event(&gate, self.uptime()) ? gate.standing : nil }
        if let standing { self.onChange(standing) }
    }

    /// By what has come over: members of the deployment renew themselves twice a second, so that a live deployment's replica is
    /// never behind only because there was nothing to copy.
    private func lag() async throws(PostgresError) -> Duration? {
        let rows = try await self.pool.query(
            PostgresStatement(
                """
                SELECT CASE WHEN pg_is_in_recovery()
                    THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
                    ELSE extract(epoch FROM clock_timestamp() - (SELECT max(expires_at) FROM cardume.members))::float8 END
                """), within: Self.lookTimeout)
        return rows[0].double(0).map { .milliseconds(Int64(max(0, $0) * 1_000)) }
    }
}

extension ReplicaReads: MetricSource {
    package func samples() async -> [MetricSample] {
        let isUsable = await self.isUsable()
        var samples = [MetricSample("cardume_postgres_replica_usable", isUsable ? 1 : 0)]
        if let lag = self.gate.withLock({ $0.lag }) {
            samples.append(MetricSample("cardume_postgres_replica_lag_seconds", lag.seconds))
        }
        return samples
    }
}
