import CardumeCore
import Foundation

/// The real program in a cluster, between a fake gateway and a fake model.
final class BenchDeployment: Sendable {
    let servers: BenchServers
    /// The first assistant's.
    let sandbox: BenchSandbox
    let client = WebhookClient()
    private let folder: String
    private let configuration: String

    /// - Parameters:
    ///   - model: how long a model call takes.
    ///   - assistants: at least one; the first answers.
    convenience init(model: Duration, assistants: [String] = ["suporte"]) async throws {
        let sandbox = try await BenchSandbox(SandboxOptions(model: model))
        let gateway = sandbox.url
        try await self.init(
            sandbox,
            ["model: { base_url: \"\(gateway)/v1\", keyless: true }", "assistants:"]
                + assistants.map { "  \($0): { slots: 20000 }" } + [
                    "channels:",
                    "  \"*\": { kind: evolution, base_url: \"\(gateway)\", key: qualquer, assistant: \(assistants[0]) }",
                ])
    }

    /// - Parameter configuration: what there is beside servers and doors, in lines of YAML.
    init(_ sandbox: BenchSandbox, _ configuration: [String]) async throws {
        self.servers = try await BenchServers.start(database: true)
        self.sandbox = sandbox
        self.folder = self.servers.redis.folder
        self.configuration = "\(self.folder)/cardume.yaml"
        let lines =
            [
                "redis: { url: \"\(self.servers.redis.url)\" }",
                "database: { url: \"\(try self.servers.databaseURL)\" }",
                "http: { port: 0 }",
                "log: { format: json }",
                "evolution_webhook: { key: \(WebhookClient.key) }",
            ] + configuration
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
