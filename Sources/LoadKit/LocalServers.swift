import CardumeRuntime
package import CardumeTesting

/// The servers of one run, in temporary folders, as a deployment would run them: Redis with an append-only file synced
/// every second, PostgreSQL with `fsync`.
package struct LocalServers: Sendable {
    package let redis: RedisServer
    package let postgres: PostgresServer?

    /// - Parameter database: whether there is PostgreSQL, too, with the schema of this program.
    package static func start(database: Bool) async throws -> LocalServers {
        // Rewrites of the append-only file fork the server at moments that differ from run to run.
        let options = RedisServer.Options(persistence: .everySecond, extra: ["auto-aof-rewrite-percentage 0"])
        let redis = try await RedisServer.start(options)
        guard database else { return LocalServers(redis: redis, postgres: nil) }
        let postgres = try await PostgresServer.start(PostgresServer.Options(fsync: true))
        let pool = PostgresPool(try PostgresSettings(url: postgres.url))
        defer { pool.close() }
        _ = try await PostgresMigrator(pool).up()
        _ = try await PostgresMaintenance(pool).run()
        return LocalServers(redis: redis, postgres: postgres)
    }

    package var databaseURL: String {
        get throws { try self.database.url }
    }

    private var database: PostgresServer {
        get throws {
            guard let postgres = self.postgres else { throw LoadFailure("this run has no database") }
            return postgres
        }
    }

    package func query(_ sql: String) async throws -> String { try await self.database.psql(sql) }

    /// Empties both, so that every measurement finds the same.
    package func reset() async throws {
        try await self.redis.cli("FLUSHALL")
        // The append-only file, too: else it fills the disk.
        try await self.redis.cli("BGREWRITEAOF")
        while try await self.redis.cli("INFO", "persistence").contains("aof_rewrite_in_progress:1") {
            try await ContinuousClock().sleep(for: .milliseconds(50))
        }
        guard let postgres = self.postgres else { return }
        try await postgres.psql(
            """
            DO $$ BEGIN
                EXECUTE (
                    SELECT 'TRUNCATE ' || string_agg('cardume.' || tablename, ', ') FROM pg_tables
                    WHERE schemaname = 'cardume' AND tablename <> 'migrations');
            END $$;
            CHECKPOINT
            """)
    }
}
