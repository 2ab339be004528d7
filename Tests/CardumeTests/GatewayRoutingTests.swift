import CardumeCore
import CardumeTesting
import CardumeTrials
import Foundation
import Synchronization
import Testing

/// The real program in front of three Evolution servers, which come and go.
@Suite(.serialized, .timeLimit(.minutes(4))) struct GatewayRoutingTests {
    private static let weights = ["a": 3, "b": 2, "c": 1]
    private static let names = ["a", "b", "c"]

    /// The servers, what each of them sent, and the program.
    private final class Scene: Sendable {
        let deployment: Deployment
        private let servers = Mutex<[String: RunningSandbox]>([:])
        /// Of servers that are gone.
        private let earlier = Mutex<[String: [SandboxSend]]>([:])

        init(_ faults: [String: SandboxSettings.SendFault] = [:], share: Double = 1, hang: Duration = .seconds(60)) async throws
        {
            var started: [String: RunningSandbox] = [:]
            for name in GatewayRoutingTests.names {
                var settings = GatewayRoutingTests.settings
                if let fault = faults[name] { (settings.sendFault, settings.sendFaults, settings.hang) = (fault, share, hang) }
                started[name] = try await RunningSandbox(settings)
            }
            let lines = GatewayRoutingTests.names.map { name in
                "      \(name): { base_url: \"http://127.0.0.1:\(started[name]?.port ?? 0)\", weight: \(GatewayRoutingTests.weights[name] ?? 1) }"
            }
            self.deployment = try await Deployment(
                GatewayRoutingTests.settings,
                extra: """
                        health_check: 1s
                        servers:
                    \(lines.joined(separator: "\n"))
                    breakers: { open_for: 1s }
                    """)
            self.servers.withLock { [started] in $0 = started }
            try await self.deployment.start()
        }

        func state(_ name: String) throws -> SandboxState { try #require(self.servers.withLock { $0[name] }).state }

        func stop(_ name: String) async throws {
            let server = try #require(self.servers.withLock { $0[name] })
            try await server.stop()
            self.earlier.withLock { $0[name, default: []] += server.state.sends }
        }

        func startAgain(_ name: String) async throws {
            let port = try #require(self.servers.withLock { $0[name] }).port
            let server = try await RunningSandbox(GatewayRoutingTests.settings, port: port)
            self.servers.withLock { $0[name] = server }
        }

        /// By server; each in the order of the wire.
        var sends: [String: [SandboxSend]] {
            let now = self.servers.withLock { $0.mapValues { $0.state.sends } }
            return self.earlier.withLock { $0.merging(now) { $0 == $1 ? $0 : $0 + $1 } }
        }

        var count: Int { self.sends.values.reduce(0) { $0 + $1.count } }
        var requests: Int { self.servers.withLock { $0.values.reduce(0) { $0 + $1.state.sendRequests } } }

        func settle(_ count: Int) async throws {
            let begin = ContinuousClock.now
            while try self.count < count || self.deployment.rows("SELECT count(*) FROM queue") != ["0"] {
                try #require(
                    begin.duration(to: .now) < .seconds(90),
                    "\(self.count) of \(count); \((try? self.deployment.process.output.suffix(2_000)) ?? "")")
                try await ContinuousClock().sleep(for: .milliseconds(50))
            }
        }

        /// Message `number` of each of these conversations.
        func deliver(_ number: Int, to conversations: some Sequence<Int> & Sendable) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in conversations {
                    group.addTask {
                        try await self.deployment.deliver(Load.contact(index), "C\(index)M\(number)", "mensagem \(number)")
                    }
                }
                try await group.waitForAll()
            }
        }

        /// What is wrong with what went out: replies that are missing, repeated or out of order.
        func wrong(conversations: Int, messages: Int) -> [String] {
            let expected = (0..<messages).map { "Recebi: mensagem \($0)" }
            let all = self.sends.values.flatMap(\.self).sorted { $0.at < $1.at }
            let received = Dictionary(grouping: all) { $0.number }
            return (0..<conversations).compactMap { index in
                let texts = received["\(Load.contact(index))@s.whatsapp.net"]?.map(\.text) ?? []
                return texts == expected ? nil : "\(index): \(texts)"
            }
        }

        /// The servers that sent `text`, by conversation.
        func servers(of text: String) -> [Int: String] {
            self.sends.reduce(into: [:]) { result, server in
                for send in server.value where send.text == text {
                    let contact = Int(send.number.prefix { $0 != "@" }) ?? 0
                    result[contact - (Int(Load.contact(0)) ?? 0)] = server.key
                }
            }
        }
    }

    private static var settings: SandboxSettings {
        var settings = SandboxSettings()
        settings.modelLatency = .milliseconds(5)...(.milliseconds(20))
        return settings
    }

    @Test func aServerGoesAndComesBackAndOnlyItsConversationsMove() async throws {
        let conversations = 300
        let scene = try await Scene()
        let router = GatewayRouter(
            policy: .rendezvous, servers: Self.names.map { .init(name: $0, weight: Self.weights[$0] ?? 1) })
        let homes = Dictionary(
            uniqueKeysWithValues: (0..<conversations).map { index in
                let id = Conversation.ID(channel: "loja-uberlandia", contact: ContactID(Load.contact(index)))
                return (index, router.home(of: id) { _ in true }?.name ?? "")
            })
        let home = homes.filter { $0.value == "a" }.keys.sorted()
        try await scene.deliver(0, to: 0..<conversations)
        try await scene.settle(conversations)
        #expect(scene.servers(of: "Recebi: mensagem 0") == homes)

        try await scene.stop("a")
        for number in 1...2 {
            try await scene.deliver(number, to: 0..<conversations)
            try await scene.settle(conversations * (number + 1))
            for (index, server) in scene.servers(of: "Recebi: mensagem \(number)") {
                #expect(server != "a" && (server == homes[index] || homes[index] == "a"))
            }
        }
        let process = try scene.deployment.process
        #expect(!process.lines("gateway is down").isEmpty || !process.lines("\"to\":\"open\"").isEmpty)

        try await scene.startAgain("a")
        // The check says up; then one probe, alone, decides.
        while process.lines("gateway is down").count > process.lines("gateway is up").count {
            try await ContinuousClock().sleep(for: .milliseconds(20))
        }
        try await scene.deliver(3, to: [home[0]])
        try await scene.settle(conversations * 3 + 1)
        try await scene.deliver(3, to: (0..<conversations).filter { $0 != home[0] })
        try await scene.settle(conversations * 4)
        #expect(scene.servers(of: "Recebi: mensagem 3") == homes)
        let wrong = scene.wrong(conversations: conversations, messages: 4)
        #expect(wrong.isEmpty, "\(wrong.prefix(3))")
        let shares = Dictionary(grouping: homes.values) { $0 }.mapValues { Double($0.count) / Double(conversations) }
        let failovers = process.lines("reply goes to another server").count
        print(
            "routing: 3/2/1 over \(conversations) conversations: \(shares.sorted { $0.key < $1.key }), \(failovers) failovers")
        #expect(try scene.deployment.rows("SELECT count(*) FROM sends WHERE state <> 'accepted'") == ["0"])
        #expect(try scene.deployment.rows("SELECT sum(ambiguous_attempts) FROM sends") == ["0"])
        #expect(try await scene.deployment.terminate() == 0)
    }

    @Test(arguments: [SandboxSettings.SendFault.errorAfterSend, .hangAfterSend])
    func aSendThatMayHaveLeftDoesNotGoToAnotherServer(_ fault: SandboxSettings.SendFault) async throws {
        let scene = try await Scene(["a": fault, "b": fault], share: 0.3)
        for number in 0..<3 { try await scene.deliver(number, to: 0..<60) }
        try await scene.settle(180)
        let wrong = scene.wrong(conversations: 60, messages: 3)
        #expect(wrong.isEmpty, "\(wrong.prefix(3))")
        #expect(scene.requests == 180, "something was sent twice")
        let doubts = Int(try scene.deployment.rows("SELECT sum(ambiguous_attempts) FROM sends")[0]) ?? 0
        #expect(doubts > 0, "no fault was met")
        #expect(try scene.deployment.rows("SELECT sum(resends) FROM sends") == ["0"])
        print("routing: \(fault.rawValue): \(doubts) sends in doubt, \(scene.requests) requests for 180 replies")
        #expect(try await scene.deployment.terminate() == 0)
    }

    @Test func repliesWaitWhileNoServerTakesThemAlsoOverARestart() async throws {
        let scene = try await Scene(["a": .unavailable, "b": .unavailable, "c": .unavailable])
        for number in 0..<3 { try await scene.deliver(number, to: 0..<100) }
        let process = try scene.deployment.process
        while process.lines("\"to\":\"open\"").count < 6 { try await ContinuousClock().sleep(for: .milliseconds(50)) }
        #expect(scene.count == 0)
        #expect(try await scene.deployment.terminate() == 0)
        try await scene.deployment.start()
        for name in Self.names { try scene.state(name).update { $0.sendFaults = 0 } }
        try await scene.settle(300)
        let wrong = scene.wrong(conversations: 100, messages: 3)
        #expect(wrong.isEmpty, "\(wrong.prefix(3))")
        let requests = scene.requests
        print("routing: all servers away, then back: \(requests) requests for 300 replies")
        #expect(try scene.deployment.rows("SELECT count(*) FROM dead_letters") == ["0"])
    }

    @Test func typingIsShownBeforeAReplyAndPacesAreKept() async throws {
        let deployment = try await Deployment(
            Self.settings,
            extra: """
                    typing: { per_character: 20ms, max: 300ms }
                    pacing: { per_minute: 240, burst: 1, jitter: 0s }
                """)
        try await deployment.start()
        for index in 0..<8 { try await deployment.deliver(Load.contact(index), "C\(index)", "oi") }
        try await deployment.settle(replies: 8)
        let presences = deployment.sandbox.presences
        #expect(presences.map(\.delay) == Array(repeating: 200, count: 8), "ten characters")
        #expect(Set(presences.map(\.number)).count == 8)
        let times = deployment.sandbox.sends.map(\.at)
        #expect(times[7] - times[0] >= 7 * 250 - 200, "a quarter of a second each; \(times)")
        #expect(try deployment.rows("SELECT sum(attempts) FROM sends") == ["8"])
        #expect(try await deployment.terminate() == 0)
    }
}
