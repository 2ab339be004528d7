import CardumeActors
import CardumeCore
import CardumeTesting
import Synchronization
import Testing

/// Lanes: slots of their own, and queues of their own.
@Suite(.timeLimit(.minutes(2))) struct LaneTests {
    /// Says who answers what, and used as many tools as the text has exclamation marks.
    private struct Handler: TurnHandler {
        let name: String
        var before: @Sendable (Turn) async throws -> Void = { _ in }

        func respond(to turn: Turn) async throws -> TurnResult {
            try await self.before(turn)
            let text = turn.messages[0].text ?? ""
            return TurnResult(
                replies: [Reply(text: "\(self.name): \(text)")],
                toolCalls: Array(repeating: "consulta", count: text.count { $0 == "!" }))
        }
    }

    private static func assistant(_ lanes: [Lane: BulkheadPolicy.LanePolicy], slots: Int = 64) -> Assistant {
        Assistant(
            id: "suporte", slots: slots, bulkhead: BulkheadPolicy(lanes: lanes),
            retry: RetryPolicy(base: .milliseconds(1)))
    }

    private static let separate: [Lane: BulkheadPolicy.LanePolicy] = [
        .heavy: .init(isSeparate: true), .image: .init(isSeparate: true),
    ]

    private static func settled(_ store: MemoryStore) async throws {
        try await Waiting.until("everything to be settled", within: .seconds(60)) { store.unsettled == 0 }
    }

    /// Images that take for ever fill their lane; texts of other conversations do not notice.
    @Test func aFullLaneDoesNotStandInTheWay() async throws {
        let gate = Gate()
        let bed = RuntimeTestBed(
            assistant: Self.assistant([.image: .init(slots: 2)], slots: 4),
            handler: Handler(name: "a") { turn in if turn.messages[0].kind == .image { await gate.pass() } })
        await bed.start()
        for contact in 0..<8 { try await bed.post("i\(contact)", ["foto"], kind: .image) }
        for contact in 0..<20 { try await bed.post("t\(contact)", ["oi"]) }
        await bed.events.finished(20)
        #expect(bed.channel.sent.count { $0.text == "a: oi" } == 20)
        #expect(bed.dispatcher.slots["suporte"]?.lanes[.image]?.inUse == 2)
        gate.open()
        try await Self.settled(bed.store)
        #expect(await bed.stop())
    }

    /// The negative control: without a bound for the lane, nobody else gets through.
    @Test func withoutLanesTheyDo() async throws {
        let gate = Gate()
        let bed = RuntimeTestBed(
            assistant: Self.assistant([:], slots: 4),
            handler: Handler(name: "a") { turn in if turn.messages[0].kind == .image { await gate.pass() } })
        await bed.start()
        for contact in 0..<8 { try await bed.post("i\(contact)", ["foto"], kind: .image) }
        try await Waiting.until("the slots to be taken") { bed.dispatcher.slots["suporte"]?.inUse == 4 }
        for contact in 0..<20 { try await bed.post("t\(contact)", ["oi"]) }
        try await Waiting.until("all to wait") { bed.dispatcher.slots["suporte"]?.waiting == 24 }
        #expect(bed.channel.sent.isEmpty)
        gate.open()
        try await Self.settled(bed.store)
        #expect(await bed.stop())
    }

    /// One process serves the ordinary queue, another the lanes that have their own: each answers what is its, in order.
    @Test func lanesOfAnotherProcess() async throws {
        let store = MemoryStore()
        let channel = RecordingChannel()
        let light = RuntimeTestBed(
            store: store, channel: channel, assistant: Self.assistant(Self.separate), lanes: [.light],
            handler: Handler(name: "light"))
        let other = RuntimeTestBed(
            store: store, channel: channel, assistant: Self.assistant(Self.separate), lanes: [.heavy, .image],
            handler: Handler(name: "other"))
        await light.start()
        await other.start()
        try await light.post("c", ["oi"])
        try await light.post("c", ["foto"], kind: .image)
        try await light.post("c", ["e agora", "1 !!!", "2 !!!"])
        try await light.post("c", ["pesado", "um", "dois", "leve"])
        try await Self.settled(store)
        #expect(
            channel.texts(to: "c") == [
                "light: oi", "other: foto", "light: e agora", "light: 1 !!!", "light: 2 !!!",
                // Six calls in the latest turns; calm three turns later.
                "other: pesado", "other: um", "other: dois", "light: leve",
            ])
        #expect(await light.stop())
        #expect(await other.stop())
    }

    /// Conversations change lanes and owners all the time: each message is answered once, in order.
    @Test(arguments: 0..<8) func orderSurvivesEverything(_ seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let store = MemoryStore(partitionCount: 2)
        let channel = RecordingChannel()
        var posted: [String: [String]] = [:]
        let handler = Handler(name: "x") { _ in for _ in 0..<8 { await Task.yield() } }
        var settings = Dispatcher.Settings()
        (settings.credits, settings.perConversation) = (8, 2)
        for round in 0..<3 {
            let lanes: [Set<Lane>] = [[.light], [.heavy, .image]]
            let beds = lanes.map {
                RuntimeTestBed(
                    store: store, channel: channel, assistant: Self.assistant(Self.separate), lanes: $0, settings: settings,
                    handler: handler)
            }
            for bed in beds { await bed.start() }
            for index in 0..<120 {
                let contact = "c\(Int.random(in: 0..<6, using: &generator))"
                let tools = String(repeating: "!", count: Int.random(in: 0...3, using: &generator))
                let kind: MessageKind = [.text, .text, .text, .image, .audio].randomElement(using: &generator) ?? .text
                let text = "\(round).\(index)\(tools)"
                posted[contact, default: []].append(text)
                try await beds[0].post(contact, [text], kind: kind)
                if Int.random(in: 0..<4, using: &generator) == 0 { await Task.yield() }
            }
            if round == 2 { try await Self.settled(store) }
            for bed in beds { #expect(await bed.stop()) }
        }
        for (contact, texts) in posted {
            #expect(channel.texts(to: contact).map { String($0.dropFirst(3)) } == texts, "\(contact)")
        }
        #expect(store.unsettled == 0)
        #expect(store.deadLetters.isEmpty)
    }
}
