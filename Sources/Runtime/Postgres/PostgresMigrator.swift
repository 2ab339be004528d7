package import CardumeCore

/// Brings the database's schema to a version and says where it stands. Several processes may migrate at once: one works,
/// the others wait and find it done.
package struct PostgresMigrator: Sendable {
    package struct Status: Hashable, Sendable {
        package enum State: Hashable, Sendable {
            case applied
            case pending
            /// Applied, with another text than this program's.
            case changed
            /// Applied by a newer program.
            case unknown
        }

        package var version: Int
        package var name: String
        package var state: State
        /// `nil` when pending.
        package var appliedAt: Timestamp?
    }

    private struct Applied {
        let name: String
        let checksum: String
        let at: Timestamp
    }

    /// Held while a migration runs; any number that others do not use.
    private static let lock: Int64 = 0x4341_5244_554D_4531
    /// For each migration, waiting for others included.
    private static let timeout = Duration.seconds(600)

    private let pool: PostgresPool
    private let migrations: [PostgresMigration]

    package init(_ pool: PostgresPool, migrations: [PostgresMigration] = PostgresSchema.migrations) {
        precondition(migrations.map(\.version) == Array(migrations.indices.map { $0 + 1 }), "versions have gaps")
        self.pool = pool
        self.migrations = migrations
    }

    /// The version this program knows.
    package var latest: Int { self.migrations.count }

    /// Known and applied migrations, oldest first. Changes nothing.
    package func status() async throws -> [Status] {
        let applied = try await self.pool.withConnection { try await Self.applied($0) }
        let known = self.migrations.map { migration in
            let found = applied[migration.version]
            let state: Status.State = found.map { $0.checksum == migration.checksum ? .applied : .changed } ?? .pending
            return Status(version: migration.version, name: migration.name, state: state, appliedAt: found?.at)
        }
        let unknown = applied.filter { $0.key > self.latest }.sorted { $0.key < $1.key }
        return known
            + unknown.map { Status(version: $0.key, name: $0.value.name, state: .unknown, appliedAt: $0.value.at) }
    }

    /// Lets a worker start only on the schema it was written for.
    ///
    /// - Throws: a ``StoreError`` whose one line says what to run.
    package func requireCurrent() async throws(StoreError) {
        let status: [Status]
        do { status = try await self.status() } catch { throw StoreError(postgres: error) }
        if let newest = status.last, newest.state == .unknown {
            throw StoreError(
                .newerSchema,
                "the database's schema is at version \(newest.version), this program knows only \(self.latest); "
                    + "install the Cardume that ran `cardume migrate up` or a later one")
        }
        if let changed = status.first(where: { $0.state == .changed }) {
            throw StoreError(
                .incompatible,
                "migration \(changed.version) (\(changed.name)) in the database is not this program's; "
                    + "see `cardume migrate status`")
        }
        if let pending = status.first(where: { $0.state == .pending }) {
            throw StoreError(
                .incompatible,
                "the database's schema is at version \(pending.version - 1), this program needs \(self.latest); "
                    + "run: cardume migrate up")
        }
    }

    /// Applies what is pending, each migration in a transaction of its own.
    ///
    /// - Parameter version: where to stop; defaults to ``latest``.
    /// - Returns: the versions applied by this call.
    package func up(to version: Int? = nil) async throws -> [Int] {
        var done: [Int] = []
        for migration in self.migrations.prefix(version ?? self.latest) {
            let isApplied = try await self.pool.withConnection { connection in
                try await connection.transaction(within: Self.timeout) { connection in
                    try self.begin(connection)
                    guard try self.verified(connection)[migration.version] == nil else { return false }
                    try connection.runScript(migration.up, within: Self.timeout)
                    try Self.run(
                        connection, "INSERT INTO cardume.migrations VALUES ($1, $2, $3)",
                        [
                            .int(Int64(migration.version)), .text(migration.name), .text(migration.checksum),
                        ])
                    return true
                }
            }
            if isApplied { done.append(migration.version) }
        }
        return done
    }

    /// Takes back everything after `version`, latest first; 0 takes back all. What the tables held is lost.
    ///
    /// - Returns: the versions taken back by this call.
    package func down(to version: Int) async throws -> [Int] {
        var done: [Int] = []
        for migration in self.migrations.dropFirst(version).reversed() {
            let isReverted = try await self.pool.withConnection { connection in
                try await connection.transaction(within: Self.timeout) { connection in
                    try self.begin(connection)
                    guard try self.verified(connection)[migration.version] != nil else { return false }
                    try connection.runScript(migration.down, within: Self.timeout)
                    try Self.run(
                        connection, "DELETE FROM cardume.migrations WHERE version = $1", [.int(Int64(migration.version))])
                    return true
                }
            }
            if isReverted { done.append(migration.version) }
        }
        return done
    }

    // MARK: Inside a transaction

    private func begin(_ connection: isolated PostgresConnection) throws {
        // Until the transaction's end. A migration may take longer than the connection's `statement_timeout`.
        try Self.run(connection, "SET LOCAL statement_timeout = 0")
        try Self.run(connection, "SELECT pg_advisory_xact_lock($1)", [.int(Self.lock)])
        if try !Self.isBegun(connection) { try connection.runScript(PostgresSchema.bookkeeping, within: Self.timeout) }
    }

    /// - Throws: when the database was migrated by a program that is not this one's ancestor.
    private func verified(_ connection: isolated PostgresConnection) throws -> [Int: Applied] {
        let applied = try Self.applied(connection)
        if let newest = applied.keys.max(), newest > self.latest {
            throw StoreError(
                .newerSchema,
                "the database's schema is at version \(newest), this program knows only \(self.latest); use a newer one")
        }
        for migration in self.migrations {
            guard let found = applied[migration.version], found.checksum != migration.checksum else { continue }
            throw StoreError(
                .incompatible, "migration \(migration.version) (\(found.name)) in the database is not this program's")
        }
        return applied
    }

    /// Reads the catalogue itself: after a wait for the lock, `to_regclass` may answer from a cache of the time before it.
    private static func isBegun(_ connection: isolated PostgresConnection) throws -> Bool {
        let sql: PostgresStatement.SQL =
            "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'cardume' AND tablename = 'migrations')"
        return try Self.run(connection, sql)[0].bool(0) == true
    }

    private static func applied(_ connection: isolated PostgresConnection) throws -> [Int: Applied] {
        guard try Self.isBegun(connection) else { return [:] }
        let rows = try Self.run(connection, "SELECT version, name, checksum, applied_at FROM cardume.migrations")
        return Dictionary(
            uniqueKeysWithValues: rows.map { row in
                let applied = Applied(
                    name: row.text(1) ?? "", checksum: row.text(2) ?? "",
                    at: row.time(3) ?? Timestamp(milliseconds: 0))
                return (Int(row.int(0) ?? 0), applied)
            })
    }

    @discardableResult
    private static func run(
        _ connection: isolated PostgresConnection, _ sql: PostgresStatement.SQL, _ parameters: [PostgresParameter] = []
    ) throws -> PostgresResult {
        try connection.run([PostgresStatement(sql, parameters)], prepared: false, within: Self.timeout)[0]
    }
}
