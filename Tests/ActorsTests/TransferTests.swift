import CardumeActors
import CardumeCore
import CardumeTesting
import Synchronization
import Testing

/// Conversations that go from assistant to assistant, through the actors, over the memory store.
@Suite(.timeLimit(.minutes(2))) struct TransferTests {
    private static let assistants: [AssistantID] = ["suporte", "financeiro", "comercial"]

    /// Says who answers what. A text that begins with `>` and a name gives the conversation to that assistant: `>x` without a
    /// word, `>>x` after a reply.
    private struct Handler: TurnHandler {
        var before: @Sendable (Turn) async -> Void = { _ in }

        func respond(to turn: Turn) async throws -> TurnResult {
            await self.before(turn)
            let text = turn.messages[0].text ?? ""
            let name = AssistantID(String(text.drop { $0 == ">" }.prefix { $0 != " " }))
            let reply = Reply(text: "\(turn.assistant.id): \(text)")
            guard text.hasPrefix(">"), name != turn.assistant.id else { return TurnResult(replies: [reply]) }
            return TurnResult(replies: text.hasPrefix(">>") ? [reply] : [], transfer: name)
        }
    }

    private static func bed(_ store: MemoryStore, credits: Int = 512, handler: Handler = Handler()) async -> RuntimeTestBed {
        func assistant(_ id: AssistantID) -> Assistant { Assistant(id: id, retry: RetryPolicy(base: .milliseconds(1))) }
        var settings = Dispatcher.Settings()
        settings.credits = credits
        settings.perConversation = max(1, credits / 4)
        let bed = RuntimeTestBed(
            store: store, assistant: assistant("suporte"), others: [assistant("financeiro"), assistant("comercial")],
            settings: settings, handler: handler)
        await bed.start()
        return bed
    }

    private static func settled(_ store: MemoryStore) async throws {
        try await Waiting.until("everything to be settled", within: .seconds(60)) { store.unsettled == 0 }
    }

    @Test func whatIsQueuedFollowsTheConversation() async throws {
        let (store, gate) = (MemoryStore(), Gate())
        let bed = await Self.bed(
            store, handler: Handler { turn in if turn.messages[0].text == ">>financeiro" { await gate.pass() } })
        try await bed.post("c", ["oi", ">>financeiro", "boleto", "segunda via"])
        await gate.arrival()
        try await bed.post("c", ["por favor"])
        gate.open()
        try await Self.settled(store)
        try await bed.post("c", ["obrigado"])
        try await Self.settled(store)
        #expect(
            bed.channel.texts(to: "c") == [
                "suporte: oi", "suporte: >>financeiro", "financeiro: boleto", "financeiro: segunda via",
                "financeiro: por favor", "financeiro: obrigado",
            ])
        #expect(await bed.stop())
    }

    @Test func aMessageThatNobodyAnsweredIsAnsweredByTheOther() async throws {
        let store = MemoryStore()
        let bed = await Self.bed(store)
        try await bed.post("c", [">financeiro quero pagar", "e agora?"])
        try await Self.settled(store)
        #expect(bed.channel.texts(to: "c") == ["financeiro: >financeiro quero pagar", "financeiro: e agora?"])
        #expect(await bed.stop())
    }

    /// A word of farewell that says nothing is none.
    @Test func whiteSpaceIsNoAnswer() async throws {
        struct Blank: TurnHandler {
            func respond(to turn: Turn) async throws -> TurnResult {
                turn.assistant.id == "suporte"
                    ? TurnResult(replies: [Reply(text: " \n\n")], transfer: "financeiro")
                    : TurnResult(replies: [Reply(text: "\(turn.assistant.id)")])
            }
        }
        let store = MemoryStore()
        let bed = RuntimeTestBed(
            store: store, assistant: Assistant(id: "suporte"), others: [Assistant(id: "financeiro")], handler: Blank())
        await bed.start()
        try await bed.post("c", ["quero pagar"])
        try await Self.settled(store)
        #expect(bed.channel.texts(to: "c") == ["financeiro"])
        #expect(await bed.stop())
    }

    @Test func aFarewellThatIsRefusedDoesNotKeepTheConversation() async throws {
        let store = MemoryStore()
        let channel = RecordingChannel { intent, _ in
            intent.text.hasPrefix("suporte") ? (false, .refused(reason: "no")) : (true, .accepted(providerID: "x"))
        }
        let bed = RuntimeTestBed(
            store: store, channel: channel, assistant: Assistant(id: "suporte"), others: [Assistant(id: "financeiro")],
            handler: Handler())
        await bed.start()
        try await bed.post("c", [">>financeiro", "e agora?"])
        try await Self.settled(store)
        #expect(bed.channel.texts(to: "c") == ["financeiro: e agora?"])
        #expect(bed.store.deadLetters.map(\.message.text) == [">>financeiro"])
        #expect(await bed.stop())
    }

    /// Somebody outside gives the conversation away while a turn runs: the turn ends where it began, the rest follows.
    @Test func somebodyOutsideTransfersInTheMiddle() async throws {
        let (store, gate) = (MemoryStore(), Gate())
        let bed = await Self.bed(store, handler: Handler { turn in if turn.messages[0].text == "a" { await gate.pass() } })
        try await bed.post("c", ["a", "b"])
        await gate.arrival()
        let outcome = try await store.transfer(LogTransfer(of: "loja:c", to: "comercial", at: Timestamp(milliseconds: 0)))
        guard case .draining = outcome else {
            Issue.record("\(outcome)")
            return
        }
        try await bed.post("c", ["d"])
        gate.open()
        try await Self.settled(store)
        let texts = bed.channel.texts(to: "c")
        // Whether the drain was read before "b" began is a matter of luck.
        #expect(texts.map { $0.drop { $0 != " " } } == [" a", " b", " d"])
        #expect(texts[0] == "suporte: a" && texts[2] == "comercial: d")
        #expect(await bed.stop())
    }

    /// The context of an assistant to which the conversation comes back holds what others said meanwhile.
    @Test func whoGetsTheConversationBackKnowsWhatWasSaid() async throws {
        let store = MemoryStore()
        let lengths = Mutex<[String: Int]>([:])
        let bed = await Self.bed(
            store, handler: Handler { turn in lengths.withLock { $0[turn.messages[0].text ?? ""] = turn.context.count } })
        for text in ["um", ">>financeiro", "dois", ">>suporte", "tres"] {
            try await bed.post("c", [text])
            try await Self.settled(store)
        }
        #expect(lengths.withLock { $0["tres"] } == 8)
        #expect(bed.channel.texts(to: "c").last == "suporte: tres")
        #expect(await bed.stop())
    }

    /// Conversations that are thrown about by turns and from outside, while owners come and go: each message is answered once,
    /// in order.
    @Test(arguments: 0..<12) func orderSurvivesEverything(_ seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let store = MemoryStore(partitionCount: 2)
        let channel = RecordingChannel()
        var posted: [String: [String]] = [:]
        let handler = Handler { _ in for _ in 0..<8 { await Task.yield() } }
        for round in 0..<3 {
            let bed = await Self.bed(store, credits: 8, handler: handler)
            for index in 0..<150 {
                let contact = "c\(Int.random(in: 0..<6, using: &generator))"
                let prefix = ["", "", "", "", ">", ">>"].randomElement(using: &generator) ?? ""
                let name = prefix.isEmpty ? "" : Self.assistants.randomElement(using: &generator)?.rawValue ?? ""
                let text = "\(prefix)\(name) \(round).\(index)"
                posted[contact, default: []].append(text)
                try await bed.post(contact, [text])
                if Int.random(in: 0..<8, using: &generator) == 0, let other = Self.assistants.randomElement(using: &generator) {
                    let conversation = Conversation.ID(channel: "loja", contact: ContactID(contact))
                    _ = try await store.transfer(
                        LogTransfer(of: conversation, to: QueueID(other), at: Timestamp(milliseconds: 0)))
                }
                if Int.random(in: 0..<4, using: &generator) == 0 { await Task.yield() }
            }
            // The last round works off what is left; the others leave some of it to the next.
            if round == 2 { try await Self.settled(store) }
            #expect(await bed.stop())
            for (contact, text) in bed.channel.sent { channel.remember(contact, text) }
        }
        for (contact, texts) in posted {
            let answered = channel.texts(to: contact).map { String($0.drop { $0 != ":" }.dropFirst(2)) }
            #expect(answered == texts, "\(contact)")
        }
        #expect(store.unsettled == 0)
        #expect(store.deadLetters.isEmpty)
    }
}
