import ArgumentParser
import CardumeCore
import CardumeTesting
import Foundation

struct RoutingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routing",
        abstract: "Shares of three weighted gateway servers, and what moves when one of them goes.",
        discussion: """
            First the choice alone: --conversations of one number, weights 3, 2 and 1, both policies; then the first server is \
            taken away and given back. Then the real program in front of three fake Evolution servers: a message each for \
            --messages conversations, the first server is killed, and a second message each. Every message must be answered exactly \
            once, in order, and nobody moves whose server is there; else the command fails.
            """)

    private static let servers = [("a", 3), ("b", 2), ("c", 1)].map { GatewayRouter.Server(name: $0.0, weight: $0.1) }

    @Option(help: "Conversations in the first part.")
    var conversations = 60_000
    @Option(help: "Conversations in the second part; 0 leaves it out.")
    var messages = 600
    @Option(help: "Fail when a share of the first part is off by more than this part of it.")
    var maximumOff: Double?
    @OptionGroup var options: RunOptions

    func validate() throws {
        guard self.conversations > 0, self.messages >= 0 else { throw ValidationError("the numbers must be more than 0") }
    }

    func run() async throws {
        let title = "routing: three servers with weights 3, 2, 1; \(self.conversations) conversations"
        let report = try await self.options.report("routing", title) { _, progress in
            let choice = self.choice()
            return self.messages == 0 ? choice : choice + (try await self.delivery(progress))
        }
        for server in Self.servers {
            for policy in GatewayRouter.Policy.allCases {
                try report.require("\(policy.rawValue)_off_\(server.name ?? "")", atMost: self.maximumOff)
            }
        }
    }

    // MARK: The choice

    private func choice() -> [Figure] {
        var router = GatewayRouter(policy: .rendezvous, servers: Self.servers)
        let all = self.homes(&router, count: self.conversations, without: nil)
        let without = self.homes(&router, count: self.conversations, without: "a")
        let back = self.homes(&router, count: self.conversations, without: nil)
        var turns = GatewayRouter(policy: .roundRobin, servers: Self.servers)
        let moved = zip(all, without).count { $0.0 != $0.1 }
        let needless = zip(all, without).count { $0.0 != $0.1 && $0.0 != "a" }
        return Self.shares(all, "rendezvous")
            + [
                Figure("rendezvous_moved", "rendezvous, a away: moved", Double(moved) / Double(all.count), .share),
                Figure("rendezvous_moved_needlessly", "rendezvous, a away: moved although not of a", needless),
                Figure("rendezvous_not_back", "rendezvous, a back: not where they were", zip(all, back).count { $0.0 != $0.1 }),
            ] + Self.shares(self.homes(&turns, count: self.conversations, without: nil), "round_robin")
    }

    private func homes(_ router: inout GatewayRouter, count: Int, without lost: String?) -> [String] {
        (0..<count).map { index in
            let id = SendIntent.ID(conversation: WebhookClient.conversation(index), turn: "m", part: 0)
            let intent = SendIntent(id: id, replyAddress: "", text: "", traceID: "")
            let route = router.route(intent, avoiding: []) { name in
                name == lost ? .away(cause: .gateway(reason: "down"), wait: .seconds(1)) : .ready
            }
            guard case .server(let name) = route else { return "" }
            return name ?? ""
        }
    }

    /// Each server's share, and how far it is from its weight's.
    private static func shares(_ names: [String], _ policy: String) -> [Figure] {
        self.servers.flatMap { server -> [Figure] in
            let name = server.name ?? ""
            let share = Double(names.count { $0 == name }) / Double(names.count)
            let expected = Double(server.weight) / Double(self.servers.reduce(0) { $0 + $1.weight })
            return [
                Figure("\(policy)_share_\(name)", "\(policy), share of \(name)", share, .share),
                Figure("\(policy)_off_\(name)", "\(policy), \(name) is off by", abs(share / expected - 1), .share),
            ]
        }
    }

    // MARK: The program

    private func delivery(_ progress: ProgressBar) async throws -> [Figure] {
        let folder = TemporaryFolder.make("cardume-bench")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var sandboxes: [BenchSandbox] = []
        for _ in Self.servers { sandboxes.append(try await BenchSandbox(SandboxOptions(model: .milliseconds(20)))) }
        let file = "\(folder)/cardume.yaml"
        try Self.configuration(folder, sandboxes).write(toFile: file, atomically: true, encoding: .utf8)
        let client = WebhookClient()
        let program = try await CardumeInstance("run", name: "run", configuration: file, folder: folder)
        try await self.deliver(0, client, program, progress)
        try await Self.wait(for: self.messages, sandboxes)
        let first = try await Self.sends(of: sandboxes)
        await sandboxes[0].end()
        try await self.deliver(1, client, program, progress)
        let rest = Array(sandboxes.dropFirst())
        try await Self.wait(for: 2 * self.messages - first[0].count, rest)
        let all = [first[0]] + (try await Self.sends(of: rest))
        await program.end()
        for sandbox in rest { await sandbox.end() }
        await client.shutDown()
        return try self.figures(first, all)
    }

    /// The model is the last server's, which stays.
    private static func configuration(_ folder: String, _ sandboxes: [BenchSandbox]) -> String {
        let servers = zip(Self.servers, sandboxes).map { server, sandbox in
            "      \(server.name ?? ""): { base_url: \"http://127.0.0.1:\(sandbox.port)\", weight: \(server.weight) }"
        }
        return
            ([
                "data_folder: \(folder)/data",
                "http: { port: 0 }",
                "log: { format: json }",
                "evolution_webhook: { key: \(WebhookClient.key) }",
                "model: { base_url: \"http://127.0.0.1:\(sandboxes[sandboxes.count - 1].port)/v1\", keyless: true }",
                "assistants: { suporte: { slots: 1000 } }",
                "channels:",
                "  \"*\":",
                "    kind: evolution",
                "    key: qualquer",
                "    servers:",
            ] + servers).joined(separator: "\n")
    }

    private func deliver(
        _ round: Int, _ client: WebhookClient, _ program: CardumeInstance, _ progress: ProgressBar
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<self.messages {
                if index >= 32 { try await group.next() }
                group.addTask {
                    try await client.deliver(round * self.messages + index, of: self.messages, to: program.port)
                }
                progress.show("webhooks", round * self.messages + index, of: 2 * self.messages)
            }
            try await group.waitForAll()
        }
    }

    private static func wait(for count: Int, _ sandboxes: [BenchSandbox]) async throws {
        let begin = ContinuousClock.now
        var latest = 0
        while latest < count {
            latest = 0
            for sandbox in sandboxes { latest += try await sandbox.count() }
            guard begin.duration(to: .now) < .seconds(120) else { throw BenchFailure("only \(latest) of \(count) replies") }
            try await ContinuousClock().sleep(for: .milliseconds(50))
        }
    }

    private static func sends(of sandboxes: [BenchSandbox]) async throws -> [[SandboxSend]] {
        var sends: [[SandboxSend]] = []
        for sandbox in sandboxes { sends.append(try await sandbox.sends()) }
        return sends
    }

    /// - Parameters:
    ///   - first: what each server had sent before the first of them went.
    ///   - all: what each had sent in the end.
    private func figures(_ first: [[SandboxSend]], _ all: [[SandboxSend]]) throws -> [Figure] {
        let homes = Self.servers(first)
        let later = Self.servers(zip(all, first).map { Array($0.dropFirst($1.count)) })
        let needless = later.count { contact, server in homes[contact] != "a" && homes[contact] != server }
        let texts = Dictionary(grouping: all.flatMap(\.self).sorted { $0.at < $1.at }) { $0.number }.values
        let wrong = texts.count { sends in
            let numbers = sends.compactMap { $0.text.firstMatch(of: #/Recebi: ([0-9]+)/#).flatMap { Int($0.1) } }
            return numbers.count != 2 || numbers[0] >= numbers[1]
        }
        guard wrong == 0, needless == 0, texts.count == self.messages else {
            throw BenchFailure("\(wrong) conversations not answered once in order, \(needless) moved needlessly")
        }
        let failedOver = later.count { homes[$0.key] == "a" }
        return Self.servers.map { server in
            let share = Double(homes.values.count { $0 == server.name }) / Double(homes.count)
            return Figure("program_share_\(server.name ?? "")", "program, share of \(server.name ?? "")", share, .share)
        } + [
            Figure("program_failed_over", "program, a killed: conversations of a that moved", failedOver),
            Figure("program_moved_needlessly", "program, a killed: others that moved", needless),
            Figure("program_wrong", "program: not answered exactly once in order", wrong),
        ]
    }

    /// Who sent to each contact.
    private static func servers(_ sends: [[SandboxSend]]) -> [String: String] {
        zip(Self.servers, sends).reduce(into: [:]) { result, server in
            for send in server.1 { result[send.number] = server.0.name }
        }
    }
}
