import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// What only the processes know of gateways, breakers and traffic, asked of any of them.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ProcessSightTests {
    private static let token = "token-de-operador-mestre"

    private struct Sight: Decodable {
        struct Process: Decodable {
            struct Gateway: Decodable {
                let channel: String
                let up: Bool
                let breaker: String
            }
            struct Breaker: Decodable {
                struct Opening: Decodable {
                    let calls: Int
                    let errors: Int
                }
                struct Failure: Decodable {
                    let reason: String
                }
                let name: String
                let state: String
                let opening: Opening?
                let latest_failure: Failure?
            }
            struct Traffic: Decodable {
                let finished: Int
                let turns: Int
                let failed_turns: Int
                let replies: Int
                let dead_letters: Int
            }
            let process: String
            let role: String
            let gateways: [Gateway]?
            let breakers: [Breaker]?
            let traffic: Traffic?
        }
        struct Silent: Decodable {
            let process: String
            let problem: String
        }
        let processes: [Process]
        let silent: [Silent]
    }

    private static func ask(_ door: some Doorway, _ what: String) async throws -> Sight {
        let answer = try await door.request("GET", "/admin/\(what)", headers: ["Authorization": "Bearer \(Self.token)"])
        try #require(answer.status == 200, "\(answer.body)")
        return try JSONDecoder().decode(Sight.self, from: Data(answer.body.utf8))
    }

    @Test func whatOpenedABreakerIsTold() async throws {
        var sandbox = SandboxSettings()
        sandbox.modelLatency = .zero...(.milliseconds(5))
        let deployment = try await Deployment(
            sandbox, assistant: "attempts: 3",
            extra: """
                admin: { token: \(Self.token) }
                breakers: { minimum_calls: 2, open_for: 1h }
                """)
        try await deployment.start()
        try await deployment.deliver(Load.contact(0), "BOA", "boa")
        try await deployment.settle(replies: 1)
        let before = try await Self.ask(deployment, "breakers")
        #expect(before.silent.isEmpty && before.processes.map(\.role) == ["run"])
        #expect(before.processes[0].breakers?.allSatisfy { $0.state == "closed" && $0.opening == nil } == true)
        deployment.sandbox.update { $0.modelPoison = "veneno" }
        for number in 0..<3 { try await deployment.deliver(Load.contact(number), "RUIM\(number)", "veneno") }
        let open = try await Waiting.value(of: "an open breaker") {
            let breakers = try await Self.ask(deployment, "breakers").processes[0].breakers ?? []
            guard let open = breakers.first(where: { $0.state == "open" }) else { throw ServerError("none is open yet") }
            return open
        }
        #expect(open.name.hasPrefix("model:"))
        let opening = try #require(open.opening)
        #expect(opening.errors >= 1 && opening.errors * 2 >= opening.calls && opening.calls >= 2)
        #expect(open.latest_failure?.reason.contains("503") == true, "\(open)")
        let gateways = try await Self.ask(deployment, "gateways").processes[0].gateways
        #expect(gateways?.map(\.channel) == ["loja-uberlandia"] && gateways?[0].up == true)
        #expect(gateways?[0].breaker == "gateway:loja-uberlandia")
        let traffic = try #require(try await Self.ask(deployment, "traffic").processes[0].traffic)
        #expect(traffic.finished == 1 && traffic.replies == 1 && traffic.dead_letters == 0)
        #expect(traffic.failed_turns >= 1 && traffic.turns == traffic.failed_turns + 1)
        #expect(try await deployment.terminate() == 0)
    }

    @Test func anyProcessTellsWhatAllOfThemSeeAndWhoIsSilent() async throws {
        let cluster = try await ClusterDeployment()
        let environment = ["CARDUME_ADMIN_TOKEN": Self.token]
        // On one machine each has a port of its own, which others are told.
        var workers: [CardumeProcess] = []
        for _ in 0..<2 {
            let port = FreePort.take()
            let own = ["CARDUME_HTTP_PORT": "\(port)", "CARDUME_HTTP_ADVERTISE": "http://127.0.0.1:\(port)"]
            workers.append(try await cluster.start("worker", environment: environment.merging(own) { $1 }))
        }
        _ = try await cluster.start("worker", environment: environment.merging(["CARDUME_HTTP_ADVERTISE": ""]) { $1 })
        try await cluster.startGateway(environment: environment)
        try await cluster.balance(over: 3)
        try await cluster.deliverAll(conversations: 20, messages: 1)
        try await cluster.settle(replies: 20)
        let seen = try await Self.ask(cluster, "traffic")
        #expect(seen.processes.map(\.role).sorted() == ["gateway", "worker", "worker"], "\(seen)")
        #expect(seen.silent.map(\.problem) == ["it has no http.advertise"], "\(seen)")
        let replies = seen.processes.filter { $0.role == "worker" }.map { $0.traffic?.replies ?? 0 }
        #expect(replies.allSatisfy { $0 > 0 } && replies.reduce(0, +) < 20, "the third has sent some, too")
        let servers = try await Self.ask(cluster, "gateways")
        #expect(servers.processes.filter { $0.gateways?.isEmpty == false }.count == 2)
        // Whoever is asked by another asks nobody.
        let forwarded = try await cluster.request(
            "GET", "/admin/breakers", headers: ["Authorization": "Bearer \(Self.token)", "X-Cardume-Forwarded": "x"])
        #expect(try JSONDecoder().decode(Sight.self, from: Data(forwarded.body.utf8)).processes.count == 1)

        // Asleep, and alive until its lease runs out.
        workers[0].signal(SIGSTOP)
        let rest = try await Self.ask(cluster, "traffic")
        workers[0].signal(SIGCONT)
        #expect(rest.processes.map(\.role).sorted() == ["gateway", "worker"])
        #expect(rest.silent.contains { $0.problem.hasSuffix("did not answer within 2 s") }, "\(rest.silent)")
    }
}
