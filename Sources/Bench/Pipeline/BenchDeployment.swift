import CardumeCore
import Foundation

/// The real program in a cluster, between a fake gateway and a fake model.
final class BenchDeployment: Sendable {
    let servers: BenchServers
    let sandbox: BenchSandbox
    let client = WebhookClient()
    private let folder: String
    private let configuration: String

    /// Doors that take whatever comes.
    static let openDoor = [
        "load: { queue_threshold: 0, pending_threshold: 0, max_queue_length: 0 }", "rate_limits: { per_minute: 0 }",
    ]

    /// - Parameters:
    ///   - model: how long a model call takes.
    ///   - assistants: at least one; the first answers.
    ///   - slots: of each assistant, in each process.
    ///   - door: lines of the configuration about load, rates and the spool.
    init(
        model: Duration, assistants: [String] = ["suporte"], slots: Int = 20_000, door: [String] = BenchDeployment.openDoor
    ) async throws {
        self.servers = try await BenchServers.start(database: true)
        self.sandbox = try await BenchSandbox(model: model)
        self.folder = self.servers.redis.folder
        self.configuration = "\(self.folder)/cardume.yaml"
        let gateway = "http://127.0.0.1:\(self.sandbox.port)"
        let lines =
            [
                "redis: { url: \"\(self.servers.redis.url)\" }",
                "database: { url: \"\(try self.servers.databaseURL)\" }",
                "http: { port: 0 }",
                "log: { format: json }",
                "evolution_webhook: { key: \(WebhookClient.key) }",
                "model: { base_url: \"\(gateway)/v1\", keyless: true }",
            ] + door + ["assistants:"] + assistants.map { "  \($0): { slots: \(slots) }" } + [
                "channels:",
                "  \"*\": { kind: evolution, base_url: \"\(gateway)\", key: qualquer, assistant: \(assistants[0]) }",
            ]
        try lines.joined(separator: "\n").write(toFile: self.configuration, atomically: true, encoding: .utf8)
    }

    /// - Parameter role: `run`, `worker` or `gateway`.
    func start(_ role: String, name: String) async throws -> CardumeInstance {
        try await CardumeInstance(
            role, name: name, configuration: self.configuration, folder: self.folder, client: self.client)
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
