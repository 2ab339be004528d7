import CardumeLoad
import CardumeTesting
import Foundation

/// The real program on this machine: a gateway and workers with a Redis and a PostgreSQL of their own, all in processes of their
/// own, between this process' fake senders, fake gateway and fake model.
final class LocalDeployment: Sendable {
    struct Options: Sendable {
        var workers = 3
        /// Of each assistant, in each worker.
        var slots = 200
        /// Of all assistants together, in each worker; 0 for no bound but their own.
        var processSlots = 0
        /// Lines of the configuration about load and rates. Defaults to the program's defaults.
        var door: [String] = []
    }

    static let evolutionKey = "chave-de-carga"
    static let metaSecret = "segredo-de-carga"
    static let apiToken = "token-de-carga"
    private static let partitions = 64

    private let servers: LocalServers
    private let gateway: CardumeInstance
    private let workers: [CardumeInstance]

    /// Returns when the workers share all partitions.
    ///
    /// - Parameter sink: the port of fake model and gateway.
    init(_ options: Options, _ lines: ChannelLines, sink: Int) async throws {
        let servers = try await LocalServers.start(database: true)
        let folder = servers.redis.folder
        let configuration = "\(folder)/cardume.yaml"
        let url = "http://127.0.0.1:\(sink)"
        let text =
            [
                "redis: { url: \"\(servers.redis.url)\" }",
                "database: { url: \"\(try servers.databaseURL)\" }",
                "http: { port: 0 }",
                "log: { format: json, level: notice }",
                "api: { token: \(Self.apiToken) }",
                "evolution_webhook: { key: \(Self.evolutionKey) }",
                "meta_webhook: { app_secret: \(Self.metaSecret), verify_token: carga }",
                "model: { base_url: \"\(url)/v1\", keyless: true }",
                "slots: \(options.processSlots)",
                "assistants:",
            ] + lines.assistants.map { "  \($0): { slots: \(options.slots) }" } + lines.configuration(sink: url)
            // One caller has all of the API's requests.
            + ["rate_limits: { api_key: { per_minute: 0 }, ip: { per_minute: 0 } }"] + options.door
        try text.joined(separator: "\n").write(toFile: configuration, atomically: true, encoding: .utf8)
        @Sendable func start(_ role: String, _ name: String) async throws -> CardumeInstance {
            try await CardumeInstance(role, name: name, configuration: configuration, folder: folder)
        }
        async let gateway = start("gateway", "gateway")
        self.workers = try await withThrowingTaskGroup(of: CardumeInstance.self) { group in
            for number in 1...options.workers { group.addTask { try await start("worker", "worker-\(number)") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        self.gateway = try await gateway
        self.servers = servers
        let (queues, count) = (lines.assistants.count * Self.partitions, options.workers)
        try await Waiting.until("\(count) workers to share \(queues) partitions") {
            let rows = try await servers.query("SELECT count(*) FROM cardume.leases WHERE member IS NOT NULL GROUP BY member")
            let counts = rows.split(separator: "\n").compactMap { Int($0) }
            let fair = queues / count
            return counts.count == count && counts.reduce(0, +) == queues && counts.allSatisfy { $0 * 2 > fair }
        }
    }

    var port: Int { self.gateway.port }
    private var instances: [CardumeInstance] { [self.gateway] + self.workers }

    /// What is to be put under load.
    var target: Target {
        Target(
            url: "http://127.0.0.1:\(self.port)",
            secrets: SenderSecrets(
                evolutionKey: Self.evolutionKey, metaAppSecret: Self.metaSecret, apiToken: Self.apiToken),
            metrics: self.instances.map { "http://127.0.0.1:\($0.port)/metrics" }, consent: nil)
    }

    /// What everything has used so far.
    func footprint() async throws -> Footprint {
        var footprint = Footprint()
        footprint.gateway = self.gateway.usage
        footprint.workers = self.workers.map(\.usage)
        footprint.redis = ProcessUsage(ofTree: self.servers.redis.processID)
        footprint.postgres = ProcessUsage(ofTree: self.servers.postgres?.processID)
        let info = try await self.servers.redis.cli("INFO")
        func field(_ name: String) -> Double {
            let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix(name + ":") }
            return line.flatMap { Double($0.dropFirst(name.count + 1)) } ?? 0
        }
        footprint.redisCommands = field("total_commands_processed")
        footprint.redisBytesIn = field("total_net_input_bytes")
        footprint.redisBytesOut = field("total_net_output_bytes")
        footprint.redisMemory = field("used_memory")
        footprint.redisConnections = field("connected_clients")
        let row = try await self.servers.query(
            """
            SELECT xact_commit, pg_current_wal_lsn() - '0/0', pg_database_size(datname),
                (SELECT count(*) FROM pg_stat_activity WHERE datname = 'cardume') FROM pg_stat_database WHERE datname = 'cardume'
            """
        ).split(separator: "|").map { Double($0) ?? 0 }
        guard row.count == 4 else { throw LoadFailure("PostgreSQL does not say what it has done") }
        (footprint.commits, footprint.walBytes, footprint.databaseBytes) = (row[0], row[1], row[2])
        // Without the one that asks.
        footprint.postgresConnections = row[3] - 1
        return footprint
    }

    /// Ends all of it in good order: the conversations first.
    func end() async {
        await withDiscardingTaskGroup { group in
            for instance in self.instances { group.addTask { await instance.end() } }
        }
    }
}
