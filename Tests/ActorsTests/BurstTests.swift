import CardumeActors
import CardumeCore
import CardumeTesting
import Synchronization
import Testing

/// Several messages in one turn, through the actors, over the memory store and a clock that tests wind.
@Suite(.timeLimit(.minutes(1))) struct BurstTests {
    static let debounce = TurnPolicy(debounce: TurnPolicy.Debounce(wait: .seconds(2), maximumWait: .seconds(8)))

    /// Says which messages it answers.
    static func reply(_ turn: Turn) -> String { "re: " + turn.messages.map { $0.text ?? "" }.joined(separator: "+") }

    static func assistant(_ turns: TurnPolicy, onDeadLetter: DeadLetterPolicy = .continue) -> Assistant {
        Assistant(
            id: RuntimeTestBed.assistant, retry: RetryPolicy(base: .milliseconds(1)), onDeadLetter: onDeadLetter, turns: turns)
    }

    private static func bed(
        _ turns: TurnPolicy, store: MemoryStore = MemoryStore(), channel: RecordingChannel = RecordingChannel(),
        clock: ManualClock, onDeadLetter: DeadLetterPolicy = .continue,
        handler: ScriptedHandler = ScriptedHandler { reply($0) }
    ) -> RuntimeTestBed {
        RuntimeTestBed(
            store: store, channel: channel, assistant: Self.assistant(turns, onDeadLetter: onDeadLetter), clock: clock,
            handler: handler)
    }

    /// Lets time pass until nothing is left to do.
    private static func settle(_ bed: RuntimeTestBed, _ clock: ManualClock, left: Int = 0) async throws {
        try await Waiting.until("everything to be settled") {
            clock.advance(by: .milliseconds(100))
            return bed.store.unsettled == left
        }
    }

    // MARK: Debounce

    /// The second policy is the negative control.
    @Test(arguments: [(debounce, ["re: a+b+c+d+e"]), (TurnPolicy(), ["re: a", "re: b", "re: c", "re: d", "re: e"])])
    func fiveMessagesWithinTheWindowAreOneTurn(_ turns: TurnPolicy, _ replies: [String]) async throws {
        let clock = ManualClock()
        let bed = Self.bed(turns, clock: clock)
        await bed.start()
        try await bed.post("c", ["a", "b", "c", "d", "e"])
        try await Self.settle(bed, clock)
        #expect(await bed.stop())
        #expect(bed.channel.texts(to: "c") == replies)
        let merged = bed.events.all.count { if case .messagesMerged = $0 { true } else { false } }
        #expect(merged == (replies.count == 1 ? 1 : 0))
    }

    @Test func aBacklogIsAnsweredTogetherAndAtOnce() async throws {
        let (clock, store) = (ManualClock(), MemoryStore())
        let bed = Self.bed(Self.debounce, store: store, clock: clock)
        for text in ["a", "b", "c"] {
            _ = try await store.append([
                RuntimeTestBed.append("c", text, at: clock.wallTime.advanced(by: .seconds(-3_600)))
            ])
        }
        await bed.start()
        await bed.events.finished(3)
        _ = await bed.stop()
        #expect(bed.channel.texts(to: "c") == ["re: a+b+c"])
        #expect(clock.uptime == .zero)
    }

    @Test func aStopEndsTheWaitAndLosesNothing() async throws {
        let (clock, store, channel) = (ManualClock(), MemoryStore(), RecordingChannel())
        let first = Self.bed(Self.debounce, store: store, channel: channel, clock: clock)
        await first.start()
        try await first.post("c", ["a", "b"])
        await clock.sleeper(until: .seconds(2))
        #expect(await first.stop())
        #expect(store.unsettled == 2)
        let second = Self.bed(Self.debounce, store: store, channel: channel, clock: clock)
        await second.start()
        try await Self.settle(second, clock)
        #expect(await second.stop())
        #expect(channel.texts(to: "c") == ["re: a+b"])
    }

    @Test func turningItOffEndsTheWait() async throws {
        let clock = ManualClock()
        let bed = Self.bed(Self.debounce, clock: clock)
        await bed.start()
        try await bed.post("c", ["a"])
        await clock.sleeper(until: .seconds(2))
        await bed.dispatcher.update([Self.assistant(TurnPolicy())])
        await bed.events.finished(1)
        _ = await bed.stop()
        #expect(clock.uptime == .zero)
        #expect(bed.channel.texts(to: "c") == ["re: a"])
    }

    @Test func aBurstLargerThanTheWindowGoesOn() async throws {
        let (clock, store) = (ManualClock(), MemoryStore())
        var settings = Dispatcher.Settings()
        (settings.credits, settings.perConversation) = (8, 4)
        let bed = RuntimeTestBed(
            store: store, assistant: Self.assistant(Self.debounce), settings: settings, clock: clock,
            handler: ScriptedHandler { Self.reply($0) })
        let texts = (0..<30).map { "m\($0)" }
        try await bed.post("c", texts)
        try await bed.post("d", texts)
        await bed.start()
        try await Self.settle(bed, clock)
        _ = await bed.stop()
        for contact in ["c", "d"] {
            let turns = bed.channel.texts(to: contact).map { $0.dropFirst(4).split(separator: "+").map(String.init) }
            #expect(turns.flatMap(\.self) == texts)
            #expect(turns.allSatisfy { $0.count <= 4 } && turns.count < 30)
        }
    }

    @Test func whatFollowsATurnCountsFromItsLatestMessage() async throws {
        let (clock, store) = (ManualClock(), MemoryStore())
        var assistant = Self.assistant(Self.debounce)
        assistant.timers = TimerPlan([TimerRule(name: "ainda", delay: .seconds(60), text: "ainda?")])
        let handler = ScriptedHandler { $0.messages[0].timer == nil ? Self.reply($0) : "ainda?" }
        let bed = RuntimeTestBed(store: store, assistant: assistant, clock: clock, handler: handler)
        _ = try await store.append([RuntimeTestBed.append("c", "a", at: clock.wallTime)])
        clock.advance(by: .milliseconds(500))
        _ = try await store.append([RuntimeTestBed.append("c", "b", at: clock.wallTime)])
        await bed.start()
        await clock.sleeper(until: .milliseconds(2_500))
        clock.advance(by: .seconds(2))
        await clock.sleeper(until: .milliseconds(62_500))
        #expect(bed.channel.texts(to: "c") == ["re: a+b"])
        clock.advance(by: .seconds(60))
        await bed.events.finished(3)
        _ = await bed.stop()
        #expect(bed.channel.texts(to: "c") == ["re: a+b", "ainda?"])
    }

    // MARK: What goes wrong

    @Test func aTurnThatFailsIsADeadLetterOfEachOfItsMessages() async throws {
        let clock = ManualClock()
        let bed = Self.bed(
            Self.debounce, clock: clock, onDeadLetter: .hold,
            handler: ScriptedHandler.refusingPoison(answer: Self.reply))
        await bed.start()
        try await bed.post("c", ["a", "poison", "b"])
        try await Self.settle(bed, clock)
        #expect(bed.store.deadLetters.map(\.message.text) == ["a", "b", "poison"])
        #expect(bed.store.deadLetters.map(\.holdsConversation) == [true, false, false], "it is held once")
        _ = try await bed.store.append([RuntimeTestBed.append("c", "next", at: clock.wallTime)])
        await bed.events.wait { $0.contains { if case .conversationHeld = $0 { true } else { false } } }
        try await bed.store.lift(holdOn: "loja:c")
        try await bed.store.announceLift(of: "loja:c", to: [QueueID(RuntimeTestBed.assistant)])
        try await Self.settle(bed, clock)
        _ = await bed.stop()
        #expect(bed.channel.texts(to: "c") == ["re: next"])
    }

    /// The turn is journaled: its messages are answered as far as they ever will be.
    @Test func aReplyThatIsRefusedIsTheDeadLetterOfTheFirst() async throws {
        let clock = ManualClock()
        let channel = RecordingChannel { _, _ in (false, .refused(reason: "no such number")) }
        let bed = Self.bed(Self.debounce, channel: channel, clock: clock)
        await bed.start()
        try await bed.post("c", ["a", "b"])
        try await Self.settle(bed, clock)
        _ = await bed.stop()
        #expect(bed.store.deadLetters.map(\.message.text) == ["a"])
        #expect(bed.store.deadLetters.map(\.failure.category) == [.refused])
    }

    @Test func aCommitWhoseAnswerWasLostIsOneTurnAllTheSame() async throws {
        let clock = ManualClock()
        let bed = Self.bed(Self.debounce, clock: clock)
        await bed.start()
        bed.store.loseNextAnswer()
        try await bed.post("c", ["a", "b", "c"])
        try await Self.settle(bed, clock)
        _ = await bed.stop()
        #expect(bed.events.all.contains { if case .storeUnavailable = $0 { true } else { false } })
        #expect(bed.channel.texts(to: "c") == ["re: a+b+c"])
        #expect(bed.store.sends.map(\.ambiguousAttempts) == [0])
    }

    /// A message that the gateway repeats after the deduplication window, and a new one behind it: the journal knows the first.
    @Test func aRepeatedTurnThatHasGrownAnswersWhatIsNew() async throws {
        let clock = ManualClock()
        let store = MemoryStore(dedupeWindow: .seconds(60))
        let bed = Self.bed(Self.debounce, store: store, clock: clock)
        await bed.start()
        try await bed.post("c", ["a", "b"])
        try await Self.settle(bed, clock)
        clock.advance(by: .seconds(120))
        for text in ["a", "b", "new"] { _ = try await store.append([RuntimeTestBed.append("c", text, at: clock.wallTime)]) }
        try await Self.settle(bed, clock)
        _ = await bed.stop()
        #expect(bed.channel.texts(to: "c") == ["re: a+b", "re: new"])
        #expect(bed.channel.requests == 2)
    }

    /// One of three messages that run together kills the process: all are marked, then each runs alone.
    @Test func theMessageThatKillsTheProcessIsFoundAmongOthers() async throws {
        let (store, channel, clock) = (MemoryStore(), RecordingChannel(), ManualClock())
        var seen: [[String?]] = []
        for run in 0..<3 {
            let gate = Gate()
            let runs = Mutex<[[String?]]>([])
            let bed = Self.bed(
                Self.debounce, store: store, channel: channel, clock: clock,
                handler: ScriptedHandler { turn in
                    runs.withLock { $0.append(turn.messages.map(\.text)) }
                    guard turn.messages.contains(where: { $0.text == "killer" }) else { return Self.reply(turn) }
                    await gate.pass()
                    throw CancellationError()
                })
            if run == 0 { try await bed.post("c", ["a", "killer", "b"]) }
            clock.advance(by: .seconds(10))
            await bed.start()
            await gate.arrival()
            seen += runs.withLock { $0 }
            while run == 2, store.unsettled > 2 { await Task.yield() }
            store.crash()
            gate.open()
            _ = await bed.stop()
        }
        #expect(seen == [["a", "killer", "b"], ["a", "killer", "b"], ["a"], ["killer"]])
        #expect(store.deadLetters.isEmpty)
        let last = Self.bed(Self.debounce, store: store, channel: channel, clock: clock)
        await last.start()
        await last.events.finished(2)
        _ = await last.stop()
        #expect(store.deadLetters.map(\.message.text) == ["killer"])
        #expect(channel.texts(to: "c") == ["re: a", "re: b"])
    }

    // MARK: Transfers

    /// `>x` gives the conversation to x without a word, `>>x` after one.
    private struct Transferring: TurnHandler {
        func respond(to turn: Turn) async throws -> TurnResult {
            let reply = Reply(text: "\(turn.assistant.id): \(turn.messages.map { $0.text ?? "" }.joined(separator: "+"))")
            guard let text = turn.messages.compactMap(\.text).first(where: { $0.hasPrefix(">") }),
                case let name = AssistantID(String(text.drop { $0 == ">" })), name != turn.assistant.id
            else { return TurnResult(replies: [reply]) }
            return TurnResult(replies: text.hasPrefix(">>") ? [reply] : [], transfer: name)
        }
    }

    @Test(arguments: [
        (">financeiro", ["financeiro: a+>financeiro+b", "financeiro: c"]),
        (">>financeiro", ["suporte: a+>>financeiro+b", "financeiro: c"]),
    ])
    func whatATurnHasGatheredGoesWhereTheConversationGoes(_ text: String, _ replies: [String]) async throws {
        let (store, clock) = (MemoryStore(), ManualClock())
        func assistant(_ id: AssistantID) -> Assistant { Assistant(id: id, turns: Self.debounce) }
        let bed = RuntimeTestBed(
            store: store, assistant: assistant("suporte"), others: [assistant("financeiro")], clock: clock,
            handler: Transferring())
        await bed.start()
        try await bed.post("c", ["a", text, "b"])
        try await Self.settle(bed, clock)
        _ = try await store.append([RuntimeTestBed.append("c", "c", at: clock.wallTime)])
        try await Self.settle(bed, clock)
        #expect(await bed.stop())
        #expect(bed.channel.texts(to: "c") == replies)
    }

    /// Somebody outside gives the conversation away while it waits for more messages: nothing runs here any more.
    @Test func aTransferEndsTheWait() async throws {
        let (store, clock) = (MemoryStore(), ManualClock())
        func assistant(_ id: AssistantID) -> Assistant { Assistant(id: id, turns: Self.debounce) }
        let bed = RuntimeTestBed(
            store: store, assistant: assistant("suporte"), others: [assistant("financeiro")], clock: clock,
            handler: Transferring())
        await bed.start()
        try await bed.post("c", ["a", "b"])
        await clock.sleeper(until: .seconds(2))
        _ = try await store.transfer(LogTransfer(of: "loja:c", to: "financeiro", at: clock.wallTime))
        try await Self.settle(bed, clock)
        #expect(await bed.stop())
        #expect(bed.channel.texts(to: "c") == ["financeiro: a+b"])
    }
}
