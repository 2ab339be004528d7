import CardumeActors
import CardumeCore
import Synchronization
import Testing

@testable import CardumeTesting

@Suite(.timeLimit(.minutes(1))) struct PauseTests {
    private static let other = Assistant(id: "vendas", retry: RetryPolicy(base: .milliseconds(1)))

    private static func assistant(paused: Bool) -> Assistant {
        Assistant(
            id: RuntimeTestBed.assistant, slots: 3, retry: RetryPolicy(base: .milliseconds(1)), pause: paused ? Pause() : nil)
    }

    private static func append(_ contact: String, _ text: String, to assistant: AssistantID) -> LogAppend {
        var append = RuntimeTestBed.append(contact, text)
        append.route = Route(assistant: assistant)
        return append
    }

    /// Nothing of a paused assistant begins, however many wait; others go on; then everything is answered in order, at the first
    /// attempt.
    @Test func aPausedAssistantBeginsNothingAndLosesNothing() async throws {
        let attempts = Mutex<[Int]>([])
        let bed = RuntimeTestBed(
            assistant: Self.assistant(paused: true), others: [Self.other],
            handler: ScriptedHandler { turn in
                if turn.assistant.id == RuntimeTestBed.assistant { attempts.withLock { $0.append(turn.attempt) } }
                return "re: \(turn.messages[0].text ?? "")"
            })
        await bed.start()
        for index in 0..<50 { try await bed.post("c\(index)", ["a", "b", "c"]) }
        for index in 0..<20 { _ = try await bed.store.append([Self.append("v\(index)", "x", to: "vendas")]) }
        await bed.events.finished(20)
        #expect(bed.channel.sent.allSatisfy { $0.contact.hasPrefix("v") })
        #expect(bed.dispatcher.load[RuntimeTestBed.assistant]?.running == 0)
        await bed.dispatcher.update([Self.assistant(paused: false)])
        await bed.events.finished(170)
        _ = await bed.stop()
        for index in 0..<50 { #expect(bed.channel.texts(to: "c\(index)") == ["re: a", "re: b", "re: c"]) }
        #expect(attempts.withLock { $0 } == Array(repeating: 1, count: 150))
        #expect(bed.store.unsettled == 0)
    }

    /// The negative control of the one above: without the pause the same messages are answered.
    @Test func withoutAPauseTheyAreAnsweredAtOnce() async throws {
        let bed = RuntimeTestBed(assistant: Self.assistant(paused: false), handler: ScriptedHandler())
        await bed.start()
        for index in 0..<50 { try await bed.post("c\(index)", ["a", "b", "c"]) }
        await bed.events.finished(150)
        _ = await bed.stop()
        #expect(bed.channel.sent.count == 150)
    }

    @Test func whatRunsWhenThePauseBeginsEnds() async throws {
        let gate = Gate()
        let bed = RuntimeTestBed(
            assistant: Self.assistant(paused: false),
            handler: ScriptedHandler { turn in
                if turn.messages[0].text == "a" { await gate.pass() }
                return "re: \(turn.messages[0].text ?? "")"
            })
        await bed.start()
        try await bed.post("c", ["a", "b"])
        await gate.arrival()
        await bed.dispatcher.update([Self.assistant(paused: true)])
        gate.open()
        await bed.events.finished(1)
        #expect(bed.channel.texts(to: "c") == ["re: a"])
        #expect(await bed.stop(), "a pause does not keep a process from stopping")
        #expect(bed.store.unsettled == 1)
    }

    @Test func aPausedChannelBeginsNoTurn() async throws {
        let bed = RuntimeTestBed(handler: ScriptedHandler())
        let gates = bed.dispatcher.environment.gates
        gates.update(["loja": Pause(), "*": nil])
        await bed.start()
        for index in 0..<30 { try await bed.post("c\(index)", ["a", "b"]) }
        var elsewhere = RuntimeTestBed.append("x", "a")
        elsewhere.message.conversation = "filial:x"
        _ = try await bed.store.append([elsewhere])
        await bed.events.finished(1)
        #expect(bed.channel.sent.map(\.contact) == ["x"])
        #expect(bed.dispatcher.load[RuntimeTestBed.assistant]?.running == 0, "who waits at the gate has no slot")
        gates.update(["loja": nil, "*": nil])
        await bed.events.finished(61)
        _ = await bed.stop()
        for index in 0..<30 { #expect(bed.channel.texts(to: "c\(index)") == ["re: a", "re: b"]) }
    }

    /// However many wait for a paused channel, what comes behind them on other channels is read and answered.
    @Test func aPausedChannelKeepsNobodyElseFromBeingRead() async throws {
        var settings = Dispatcher.Settings()
        settings.credits = 8
        let bed = RuntimeTestBed(settings: settings, handler: ScriptedHandler())
        let gates = bed.dispatcher.environment.gates
        gates.update(["loja": Pause(), "*": nil])
        await bed.start()
        // More than four partitions have credits for.
        for index in 0..<100 { try await bed.post("c\(index)", ["a"]) }
        for index in 0..<20 {
            var elsewhere = RuntimeTestBed.append("x\(index)", "a")
            elsewhere.message.conversation = Conversation.ID("filial:x\(index)")
            _ = try await bed.store.append([elsewhere])
        }
        await bed.events.finished(20)
        #expect(bed.channel.sent.allSatisfy { $0.contact.hasPrefix("x") })
        gates.update(["loja": nil, "*": nil])
        await bed.events.finished(120)
        _ = await bed.stop()
        #expect(bed.store.unsettled == 0)
    }

    /// What waits for a paused assistant follows its conversation at once when that goes to another one.
    @Test func aConversationMayLeaveAPausedAssistant() async throws {
        let bed = RuntimeTestBed(
            assistant: Self.assistant(paused: true), others: [Self.other],
            handler: ScriptedHandler { turn in "\(turn.assistant.id): \(turn.messages[0].text ?? "")" })
        await bed.start()
        try await bed.post("c", ["a", "b"])
        try await Waiting.until("the first to wait for its slot", within: .seconds(10)) {
            bed.dispatcher.load[RuntimeTestBed.assistant]?.waiting == 1
        }
        _ = try await bed.store.transfer(LogTransfer(of: "loja:c", to: "vendas", at: SystemClock().wallTime))
        try await bed.post("c", ["d"])
        await bed.events.finished(3)
        #expect(bed.channel.texts(to: "c") == ["vendas: a", "vendas: b", "vendas: d"])
        _ = await bed.stop()
        #expect(bed.store.unsettled == 0)
    }

    /// A pause that begins while the model is at work: the reply is journaled as waiting, so that an owner who takes over in the
    /// pause has no doubt to clear up and sends it once, even where doubtful sends are never repeated.
    @Test func aReplyThatIsReadyInThePauseIsSentOnceAfterACrash() async throws {
        let store = MemoryStore()
        let gate = Gate()
        let assistant = Assistant(
            id: RuntimeTestBed.assistant, retry: RetryPolicy(base: .milliseconds(1)), onAmbiguousSend: .neverResend)
        let bed = RuntimeTestBed(
            store: store, assistant: assistant,
            handler: ScriptedHandler { turn in
                await gate.pass()
                return "re: \(turn.messages[0].text ?? "")"
            })
        await bed.start()
        try await bed.post("c", ["a"])
        await gate.arrival()
        bed.dispatcher.environment.gates.update(["*": Pause()])
        gate.open()
        await bed.events.wait { $0.contains { if case .turnSucceeded = $0 { true } else { false } } }
        try await Waiting.until("the reply to be journaled as waiting", within: .seconds(10)) {
            store.sends.first?.state == .pending
        }
        #expect(bed.channel.requests == 0)
        store.crash()
        _ = await bed.stop()
        let next = RuntimeTestBed(store: store, channel: bed.channel, assistant: assistant, handler: ScriptedHandler())
        await next.start()
        await next.events.finished(1)
        _ = await next.stop()
        #expect(bed.channel.texts(to: "c") == ["re: a"])
        #expect(bed.channel.reconciliations == 0)
        #expect(store.sends.map(\.attempts) == [1])
        #expect(store.deadLetters.isEmpty)
    }

    @Test func aSendThatIsToBeRepeatedWaitsForTheGate() async throws {
        let isAway = Mutex(true)
        let channel = RecordingChannel { intent, _ in
            isAway.withLock { $0 } ? (false, .unavailable(reason: "away")) : (true, .accepted(providerID: "1"))
        }
        let bed = RuntimeTestBed(
            channel: channel,
            assistant: Assistant(
                id: RuntimeTestBed.assistant, retry: RetryPolicy(base: .milliseconds(1), cap: .milliseconds(5))),
            handler: ScriptedHandler())
        let gates = bed.dispatcher.environment.gates
        await bed.start()
        // Not one that is given up because of its age.
        _ = try await bed.store.append([RuntimeTestBed.append("c", "a", at: SystemClock().wallTime)])
        await bed.events.wait { $0.contains { if case .sendWillRetry = $0 { true } else { false } } }
        gates.update(["*": Pause()])
        // One that had begun may end; then there are no more, where there was one each few milliseconds.
        try await ContinuousClock().sleep(for: .milliseconds(50))
        let requests = channel.requests
        try await ContinuousClock().sleep(for: .milliseconds(200))
        #expect(channel.requests == requests)
        isAway.withLock { $0 = false }
        gates.update(["*": nil])
        await bed.events.finished(1)
        _ = await bed.stop()
        #expect(channel.texts(to: "c") == ["re: a"])
    }

    @Test func theGateLetsPassInOrderAndForgetsTheCancelled() async throws {
        let gates = ChannelGates()
        try await gates.pass("loja")
        gates.update(["loja": Pause(), "*": Pause()])
        #expect(gates.pause(of: "outra") != nil, "all that are not named")
        let cancelled = Task { try await gates.pass("loja") }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        gates.update(["loja": nil, "*": Pause()])
        try await gates.pass("loja")
        let waiting = Task { try await gates.pass("outra") }
        gates.update(["loja": nil, "*": nil])
        try await waiting.value
    }
}
