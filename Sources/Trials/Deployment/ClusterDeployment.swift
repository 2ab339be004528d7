package import CardumeTesting
import Foundation
import Synchronization

/// A Redis, a PostgreSQL, a sandbox, and any number of the program's processes between them.
package final class ClusterDeployment: Doorway {
    package struct Options: Sendable {
        package var sandbox: SandboxSettings
        /// Names and settings, as in the configuration.
        package var assistants = ["suporte": ""]
        /// Added to the configuration of the channel `*`.
        package var channel = ""
        /// Whether processes reach the database through ``ClusterDeployment/proxy``.
        package var isDatabaseBehindProxy = false
        /// Whether Redis is a cluster of three masters with a replica each.
        package var isRedisCluster = false
        /// Lines of the configuration about load, rates and the spool.
        package var door = Load.openDoor
        package var postgres = PostgresServer.Options()
        /// Of leases; `lease.ttl`.
        package var timeToLive = ClusterDeployment.timeToLive

        package init(sandbox: SandboxSettings = SandboxSettings()) { self.sandbox = sandbox }
    }

    /// Shorter than the program's default: deaths are noticed sooner.
    package static let timeToLive: Duration = .seconds(2)

    /// Of a cluster, the first node.
    package let redis: RedisServer
    package let redisCluster: RedisCluster?
    package let postgres: PostgresServer
    package let proxy: FaultyProxy?
    package let configuration: String
    private let assistants: [String]
    private let folder = TemporaryFolder()
    private let servers: RunningSandbox
    private let door = Mutex<Int?>(nil)
    /// They live as long as this object.
    private let processes = Mutex<[CardumeProcess]>([])

    /// Returns once both servers run and the schema is there; none of the program's processes runs yet.
    package init(_ options: Options = Options()) async throws {
        async let postgres = PostgresServer.start(options.postgres)
        self.servers = try await RunningSandbox(options.sandbox)
        self.redisCluster = options.isRedisCluster ? try await RedisCluster.start(hasReplicas: true) : nil
        self.redis = if let first = self.redisCluster?.nodes.first { first } else { try await RedisServer.start() }
        self.postgres = try await postgres
        self.proxy = options.isDatabaseBehindProxy ? try await FaultyProxy.start(to: self.postgres.port) : nil
        let database = self.proxy.map { "postgres://postgres@127.0.0.1:\($0.port)/cardume" } ?? self.postgres.url
        self.assistants = options.assistants.keys.sorted()
        let assistants = options.assistants.sorted { $0.key < $1.key }.map { name, settings in
            "  \(name): { backoff: 20ms, slots: 200, \(settings) }"
        }
        self.configuration = """
            redis: { url: "\(self.redis.url)", cluster: \(options.isRedisCluster) }
            database: { url: "\(database)" }
            lease: { ttl: \(options.timeToLive.components.seconds)s, interval: 200ms }
            shutdown_deadline: 10s
            http: { port: 0 }
            \(options.door)
            api: { token: \(Load.token) }
            evolution_webhook: { key: \(Load.key) }
            model: { base_url: "http://127.0.0.1:\(self.servers.port)/v1", keyless: true }
            assistants:
            \(assistants.joined(separator: "\n"))
            channels:
              "*":
                kind: evolution
                base_url: http://127.0.0.1:\(self.servers.port)
                key: qualquer
                timeout: 2s
                record_delay: 100ms
                \(options.channel)
            """
        try Data(self.configuration.utf8).write(to: URL(filePath: self.folder.path + "/cardume.yaml"))
        let migration = try CardumeProcess(["migrate", "up"], folder: self.folder.path)
        guard await migration.end() == 0 else { throw TrialFailure("cardume migrate: \(migration.output)") }
    }

    package var sandbox: SandboxState { self.servers.state }
    package var port: Int {
        get throws {
            guard let port = self.door.withLock({ $0 }) else { throw TrialFailure("no gateway was started") }
            return port
        }
    }

    // MARK: Processes

    /// Returns once it listens.
    package func start(_ role: String, environment: [String: String] = [:]) async throws -> CardumeProcess {
        let process = try CardumeProcess([role], environment: environment, folder: self.folder.path)
        self.processes.withLock { $0.append(process) }
        _ = try await process.port()
        return process
    }

    package func startWorkers(_ count: Int, environment: [String: String] = [:]) async throws -> [CardumeProcess] {
        try await withThrowingTaskGroup(of: CardumeProcess.self) { group in
            for _ in 0..<count { group.addTask { try await self.start("worker", environment: environment) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Requests go to it from now on.
    @discardableResult
    package func startGateway(environment: [String: String] = [:]) async throws -> CardumeProcess {
        let process = try await self.start("gateway", environment: environment)
        let port = try await process.port()
        self.door.withLock { $0 = port }
        return process
    }

    /// Where the processes run.
    package var workingFolder: String { self.folder.path }

    /// A folder for a spool of this name.
    package func spoolFolder(_ name: String = "spool") -> String { "\(self.folder.path)/\(name)" }

    /// Starts `count` workers and a gateway, and waits until the workers share all partitions.
    package func startAll(workers count: Int, environment: [String: String] = [:]) async throws -> [CardumeProcess] {
        async let workers = self.startWorkers(count, environment: environment)
        try await self.startGateway()
        try await self.balance(over: count)
        return try await workers
    }

    /// Runs the program with the cluster's configuration until it ends by itself.
    package func call(_ arguments: [String], environment: [String: String] = [:]) async throws -> (
        status: Int32, output: String
    ) {
        let process = try CardumeProcess(arguments, environment: environment, folder: self.folder.path)
        let status = await process.end()
        return (status, process.output)
    }

    // MARK: What the servers know

    package struct Leases: Equatable {
        /// By partition, `assistant/number`.
        package var holders: [String: String] = [:]

        package var counts: [String: Int] { self.holders.values.reduce(into: [:]) { $0[$1, default: 0] += 1 } }

        package func moved(since earlier: Leases) -> Int {
            self.holders.count { partition, holder in earlier.holders[partition] != holder }
        }
    }

    package func leases() async throws -> Leases {
        let rows = try await self.rows(
            "SELECT assistant || '/' || partition || ' ' || member FROM cardume.leases WHERE member IS NOT NULL")
        let pairs = rows.map { $0.split(separator: " ").map(String.init) }
        return Leases(holders: Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0[1]) }))
    }

    /// Waits until `count` members hold all partitions, evenly to within ±2.
    ///
    /// - Parameter queues: defaults to one for each assistant.
    @discardableResult
    package func balance(over count: Int, queues: Int? = nil, within limit: Duration = .seconds(30)) async throws -> Leases {
        var leases = Leases()
        do {
            try await Waiting.until("\(count) members to share the partitions", within: limit) {
                leases = try await self.leases()
                let counts = leases.counts.values
                guard counts.count == count, let least = counts.min(), let most = counts.max() else { return false }
                return leases.holders.count == 64 * (queues ?? self.assistants.count) && most - least <= 2
            }
        } catch {
            throw TrialFailure("\(error): \(leases.counts)")
        }
        return leases
    }

    /// Asks PostgreSQL; a row for each line.
    package func rows(_ sql: String) async throws -> [String] {
        try await self.postgres.psql(sql).split(separator: "\n").map(String.init)
    }

    package func number(_ sql: String) async throws -> Int { Int(try await self.rows(sql).first ?? "") ?? 0 }

    /// Unsettled messages.
    package func depth() async throws -> Int {
        let script = """
            local depth = 0
            for _, log in ipairs(redis.call('KEYS', 'cardume:*:log:*')) do depth = depth + redis.call('XLEN', log) end
            return depth
            """
        return try await self.askRedis("EVAL", script, "0").reduce(0) { $0 + (Int($1) ?? 0) }
    }

    /// The answer of each of Redis' masters.
    package func askRedis(_ command: String...) async throws -> [String] {
        var answers: [String] = []
        for node in try await self.redisCluster?.masters() ?? [self.redis] { answers.append(try await node.cli(command)) }
        return answers
    }

    /// Waits until the sandbox has sent `count` replies and the log is empty.
    package func settle(replies count: Int, within limit: Duration = .seconds(60)) async throws {
        var depth = -1
        do {
            try await Waiting.until("\(count) replies and an empty log", within: limit) {
                guard self.sandbox.sends.count >= count else { return false }
                depth = try await self.depth()
                return depth == 0
            }
        } catch {
            throw TrialFailure("\(error): \(self.sandbox.sends.count) replies, \(depth) messages unsettled")
        }
    }

    package func sent(_ count: Int) async throws {
        try await Waiting.until("\(count) replies, there are \(self.sandbox.sends.count)", within: .seconds(60)) {
            self.sandbox.sends.count >= count
        }
    }
}

extension [CardumeProcess] {
    package func lines(_ text: String) -> [String] { self.flatMap { $0.lines(text) } }

    /// The sum of a field that holds a number, over lines that have it.
    package func sum(_ field: String) -> Int {
        self.lines("\"\(field)\":\"").reduce(0) { sum, line in
            let value = line.components(separatedBy: "\"\(field)\":\"").last?.prefix { $0.isNumber } ?? ""
            return sum + (Int(value) ?? 0)
        }
    }
}
