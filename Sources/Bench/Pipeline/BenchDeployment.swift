import CardumeCore
import Foundation

/// The real program in a cluster, between a fake gateway and a fake model.
final class BenchDeployment: Sendable {
    let servers: BenchServers
    /// The first assistant's.
    let sandbox: BenchSandbox
    let client = WebhookClient()
    private let folder: String
    private let lines: @Sendable (_ modelHost: String) -> [String]

    /// Doors that take whatever comes.
    static let openDoor = [
        "load: { queue_threshold: 0, pending_threshold: 0, max_queue_length: 0 }", "rate_limits: { per_minute: 0 }",
    ]

    /// - Parameters:
    ///   - model: how long a model call takes.
    ///   - assistants: at least one; the first answers.
    ///   - slots: of each assistant, in each process.
    ///   - door: lines of the configuration about load, rates and the spool.
    ///   - limits: of the model's server; the workers are told them, too.
    convenience init(
        model: Duration, assistants: [String] = ["suporte"], slots: Int = 20_000, door: [String] = BenchDeployment.openDoor,
        limits: SandboxOptions.Limits? = nil
    ) async throws {
        let sandbox = try await BenchSandbox(SandboxOptions(model: model, limits: limits))
        let budget = limits.map { ", requests_per_minute: \($0.requests), tokens_per_minute: \($0.tokens)" } ?? ""
        try await self.init(sandbox) { host in
            [
                "model: { base_url: \"http://\(host):\(sandbox.port)/v1\", keyless: true\(budget) }"
            ] + door + ["assistants:"] + assistants.map { "  \($0): { slots: \(slots) }" } + [
                "channels:",
                "  \"*\": { kind: evolution, base_url: \"\(sandbox.url)\", key: qualquer, assistant: \(assistants[0]) }",
            ]
        }
    }

    /// - Parameter configuration: what there is beside servers and keys, in lines of YAML; told the address at which a process finds
    ///   the model.
    init(_ sandbox: BenchSandbox, _ configuration: @escaping @Sendable (_ modelHost: String) -> [String]) async throws {
        self.servers = try await BenchServers.start(database: true)
        self.sandbox = sandbox
        self.folder = self.servers.redis.folder
        let (redis, database) = (self.servers.redis.url, try self.servers.databaseURL)
        self.lines = { host in
            [
                "redis: { url: \"\(redis)\" }",
                "database: { url: \"\(database)\" }",
                "http: { port: 0 }",
                "log: { format: json }",
                "evolution_webhook: { key: \(WebhookClient.key) }",
            ] + configuration(host)
        }
    }

    /// - Parameters:
    ///   - role: `run`, `worker` or `gateway`.
    ///   - modelHost: an address of this machine at which the process finds the model. Budgets belong to addresses.
    func start(_ role: String, name: String, modelHost: String = "127.0.0.1") async throws -> CardumeInstance {
        let configuration = "\(self.folder)/\(name).yaml"
        try self.lines(modelHost).joined(separator: "\n").write(toFile: configuration, atomically: true, encoding: .utf8)
        return try await CardumeInstance(role, name: name, configuration: configuration, folder: self.folder)
    }

    /// Delivers messages at their intended times.
    func load(
        rate: Double, count: Int, conversations: Int, to gateway: CardumeInstance, _ progress: ProgressBar
    ) async throws -> IntendedTimes {
        let times = IntendedTimes(count: count)
        try await OpenLoop.run(rate: rate, count: count) { index, intended in
            times.note(index, intended)
            try await self.client.deliver(index, of: conversations, to: gateway.port)
            if index.isMultiple(of: 50) { progress.show("webhooks", index, of: count) }
        }
        return times
    }

    func end() async {
        await self.sandbox.end()
        await self.client.shutDown()
    }
}
