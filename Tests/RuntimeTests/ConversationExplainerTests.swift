import CardumeCore
import CardumeTesting
import Foundation
import Testing

@testable import CardumeRuntime

/// What a process says that cannot look into the conversation itself.
@Suite(.timeLimit(.minutes(1))) struct ConversationExplainerTests {
    private static let conversation: Conversation.ID = "loja:1"
    private static let forwarding = ConversationExplainer.Forwarding(authorization: "Bearer x")
    private static let now = Timestamp(milliseconds: 1_795_176_000_000)

    /// An explainer over a store in which `loja:1` has a message in the queue `suporte`.
    private struct Bed {
        let store = MemoryStore(timeToLive: .seconds(6))
        let client = SharedHTTPClient()
        let partition: Partition.ID

        init() async throws {
            let message = InboundMessage(
                id: "m", conversation: ConversationExplainerTests.conversation, text: "oi",
                receivedAt: ConversationExplainerTests.now, replyAddress: "1", traceID: "")
            let outcome = try await self.store.append([LogAppend(message: message, route: Route(assistant: "suporte"))])
            guard case .appended(let partition, _) = outcome[0] else { throw CancellationError() }
            self.partition = partition
        }

        func own(_ member: Member) async throws {
            _ = try await self.store.renew(member)
            _ = try await self.store.claim([self.partition], for: member.id)
        }

        func explain(
            _ conversation: Conversation.ID = ConversationExplainerTests.conversation, forwards: Bool = true,
            local: [QueueID: ConversationExplanation] = [:]
        ) async throws -> ConversationExplanation? {
            let explainer = ConversationExplainer(
                member: "me", log: self.store, journal: self.store, leases: self.store, client: self.client,
                clock: { ConversationExplainerTests.now }, local: { _ in local })
            return await explainer.explain(conversation, forwards ? ConversationExplainerTests.forwarding : nil)
        }

        func close() async throws { try await self.client.shutDown() }
    }

    @Test func whatNobodyKnows() async throws {
        let bed = try await Bed()
        #expect(try await bed.explain("loja:2") == nil)
        bed.store.fail(with: StoreError(.unavailable, "away"))
        let away = try await bed.explain("loja:2")
        #expect(away?.obstacle?.cause == .store, "while the log is away nobody can say that it is unknown")
        #expect(away?.hasUnsettled == nil && away?.isHeld == nil)
        try await bed.close()
    }

    @Test func nobodyOwnsIt() async throws {
        let bed = try await Bed()
        #expect(try await bed.explain()?.obstacle?.text == "no live process serves suporte")
        _ = try await bed.store.renew(Member(id: "a", queues: ["suporte"]))
        let soon = try await bed.explain()
        #expect(soon?.obstacle?.cause == .noOwner && soon?.obstacle?.text.hasPrefix("nobody owns its partition yet") == true)
        #expect(soon?.queue == "suporte" && soon?.hasUnsettled == true && soon?.isHeld == false && soon?.owner == nil)
        try await bed.close()
    }

    @Test func theOwnerIsGone() async throws {
        let bed = try await Bed()
        try await bed.own(Member(id: "a", queues: ["suporte"]))
        bed.store.expire("a")
        #expect(try await bed.explain()?.obstacle?.text == "its owner, a, is gone, and no live process serves suporte")
        _ = try await bed.store.renew(Member(id: "b", queues: ["suporte"]))
        let obstacle = try await bed.explain()?.obstacle
        #expect(obstacle?.text == "its owner, a, is gone; another process takes over within 6 s")
        #expect(obstacle?.until == Self.now.advanced(by: .seconds(6)))
        try await bed.close()
    }

    @Test func theOwnerCannotBeAsked() async throws {
        let bed = try await Bed()
        try await bed.own(Member(id: "a", queues: ["suporte"]))
        let obstacle = try await bed.explain()?.obstacle
        #expect(obstacle?.cause == .ownerUnreachable)
        #expect(
            obstacle?.text
                == "its owner, a, cannot be asked: it has no http.advertise; if it is gone, another process takes over within 6 s"
        )
        // Nobody listens at port 1.
        try await bed.own(Member(id: "a", queues: ["suporte"], address: "http://127.0.0.1:1/"))
        #expect(try await bed.explain()?.obstacle?.text.contains("http://127.0.0.1:1") == true)
        #expect(try await bed.explain(forwards: false)?.obstacle?.text.contains("handed on once already") == true)
        // It serves nothing any more: it is going down, which is no trouble.
        try await bed.own(Member(id: "a", queues: []))
        #expect(try await bed.explain()?.obstacle?.cause == .ownerChanging)
        try await bed.own(Member(id: "a", queues: ["suporte"]))
        bed.store.expire("a")
        try await bed.own(Member(id: "me", queues: ["suporte"]))
        #expect(try await bed.explain()?.obstacle?.cause == .ownerChanging, "owned here, and not open")
        try await bed.close()
    }

    @Test func whatIsOpenHereIsAnsweredHere() async throws {
        let bed = try await Bed()
        let held = ConversationExplanation(Self.conversation, queue: "suporte", obstacle: .held, messages: 1)
        let idleElsewhere = ConversationExplanation(Self.conversation, queue: "vendas")
        let own = try await bed.explain(local: ["suporte": held, "vendas": idleElsewhere])
        #expect(own?.obstacle == .held && own?.owner == "me" && own?.hasUnsettled == true && own?.isHeld == false)
        let idle = ConversationExplanation(Self.conversation, queue: "suporte")
        let unread = try await bed.explain(local: ["suporte": idle])
        #expect(unread?.obstacle == .backlog, "in the log, and not in memory")
        let moving = ConversationExplanation(Self.conversation, queue: "suporte", obstacle: .transfer)
        let running = ConversationExplanation(Self.conversation, queue: "vendas", state: .running)
        let blocked = try await bed.explain(local: ["suporte": moving, "vendas": running])
        #expect(blocked?.queue == "vendas", "what it waits for is here, too")
        let alone = try await bed.explain(local: ["suporte": moving, "vendas": idleElsewhere])
        #expect(alone?.obstacle == .transfer)
        // While the log is away, who works on it knows all the same.
        bed.store.fail(with: StoreError(.unavailable, "away"))
        let away = try await bed.explain(local: ["suporte": held])
        #expect(away?.obstacle == .held)
        try await bed.close()
    }

    @Test func whereProcessesAreReached() throws {
        func address(_ yaml: String, host: String) throws -> String? {
            try CardumeConfiguration(yaml: "assistants: { suporte: {} }\n\(yaml)", file: "x", environment: [:])
                .explaining.address(host: host, port: 81, hostName: "pod-1")
        }
        #expect(try address("", host: "0.0.0.0") == "http://pod-1:81")
        #expect(try address("", host: "::") == "http://pod-1:81")
        #expect(try address("", host: "fd00::1") == "http://[fd00::1]:81")
        #expect(try address("", host: "10.0.0.7") == "http://10.0.0.7:81")
        for host in ["::1", "127.0.0.1", "127.1.2.3", "localhost"] {
            #expect(try address("", host: host) == nil, "others would ask themselves")
        }
        #expect(try address("http: { advertise: \"http://127.0.0.1:82\" }", host: "127.0.0.1") == "http://127.0.0.1:82")
        #expect(try address("http: { advertise: \"http://10.0.0.7:8080\" }", host: "0.0.0.0") == "http://10.0.0.7:8080")
        #expect(try address("http: { advertise: \"\" }", host: "0.0.0.0") == nil)
        let problems = #expect(throws: ConfigurationProblems.self) { try address("http: { advertise: here }", host: "") }
        #expect(problems?.description.contains("http.advertise") == true)
    }
}
