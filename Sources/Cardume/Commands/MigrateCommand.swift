import ArgumentParser
import CardumeRuntime

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Brings the cluster's database to this program's schema, or back.",
        discussion: """
            Uses database.url (DATABASE_URL) and redis.url (REDIS_URL) of the configuration; only the database is touched. \
            Several processes may call it at once: one migrates, the others wait. Workers and gateways refuse to start on a \
            schema that is not this program's.
            """,
        subcommands: [Up.self, Down.self, Status.self])

    struct Up: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Applies what is missing.")

        private struct Answer: Encodable {
            let applied: [Int]
        }

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var output: JSONOption
        @Option(help: "Stop at this version. Defaults to the latest.")
        var to: Int?

        func run() async throws {
            try await Migration.with(self.options) { migrator in
                let applied = try await migrator.up(to: self.to)
                try self.output.show(
                    Answer(applied: applied), else: applied.isEmpty ? "nothing to do" : "applied \(Migration.list(applied))")
            }
        }
    }

    struct Down: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes back versions, and the data that only they can hold. No worker may be running.")

        private struct Answer: Encodable {
            let removed: [Int]
        }

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var output: JSONOption
        @Option(help: "The version to go back to; 0 removes everything.")
        var to: Int

        func run() async throws {
            try await Migration.with(self.options) { migrator in
                let removed = try await migrator.down(to: self.to)
                try self.output.show(
                    Answer(removed: removed),
                    else: removed.isEmpty ? "nothing to do" : "took back \(Migration.list(removed))")
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists all versions. Exit status 1 when the schema is not this program's.")

        private struct Line: Encodable {
            let version: Int
            let name: String
            let state: String
        }

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var output: JSONOption

        func run() async throws {
            try await Migration.with(self.options) { migrator in
                let versions = try await migrator.status()
                try self.output.show(
                    versions.map { Line(version: $0.version, name: $0.name, state: "\($0.state)") },
                    else: versions.map { "\($0.version)  \($0.state)  \($0.name)" }.joined(separator: "\n"))
                try await migrator.requireCurrent()
            }
        }
    }
}

private enum Migration {
    static func with(
        _ options: ConfigurationOptions, _ body: (PostgresMigrator) async throws -> Void
    ) async throws {
        guard let settings = try options.load().cluster else {
            throw CommandFailure("there is no database: set database.url (DATABASE_URL) and redis.url (REDIS_URL)")
        }
        do {
            let pool = PostgresPool(try PostgresSettings(settings))
            defer { pool.close() }
            try await body(PostgresMigrator(pool))
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    static func list(_ versions: [Int]) -> String {
        "version\(versions.count == 1 ? "" : "s") \(versions.map(String.init).joined(separator: ", "))"
    }
}
