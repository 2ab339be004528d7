import CardumeActors
import CardumeCore
import CardumeTesting
import Synchronization
import Testing

/// Turns that give way to newer messages, and replies that come late.
@Suite(.timeLimit(.minutes(1))) struct SupersedeTests {
    /// What a handler does when it is cancelled.
    enum Manner: CaseIterable {
        /// Ends, by an error.
        case obedient
        /// Answers all the same.
        case deaf
        /// Fails in a way that would be retried.
        case failing
        /// Sends its answer itself, past everything that keeps it from being sent: the negative control.
        case rash
    }

    /// Thinks about its first turn until it is cancelled, and answers the others at once.
    private struct Handler: TurnHandler {
        let manner: Manner
        let channel: RecordingChannel
        let gate: Gate
        let isFirst = Flag()

        final class Flag: Sendable {
            private let value = Mutex(true)
            func take() -> Bool {
                self.value.withLock { value in
                    defer { value = false }
                    return value
                }
            }
        }

        func respond(to turn: Turn) async throws -> TurnResult {
            let reply = BurstTests.reply(turn)
            guard self.isFirst.take() else { return TurnResult(replies: [Reply(text: reply)]) }
            self.gate.open()
            await self.gate.pass()
            while !Task.isCancelled { await Task.yield() }
            switch self.manner {
            case .obedient: throw CancellationError()
            case .deaf: return TurnResult(replies: [Reply(text: reply)])
            case .failing: throw TurnFailure(category: .connection, message: "cut off", isRetryable: true)
            case .rash:
                self.channel.remember("c", reply)
                throw CancellationError()
            }
        }
    }

    @Test(arguments: Manner.allCases) func aNewerMessageIsAnsweredTogetherWithTheOneBefore(_ manner: Manner) async throws {
        let (channel, gate) = (RecordingChannel(), Gate())
        let bed = RuntimeTestBed(
            channel: channel, assistant: BurstTests.assistant(TurnPolicy(onNewMessage: .supersede)),
            handler: Handler(manner: manner, channel: channel, gate: gate))
        await bed.start()
        _ = try await bed.store.append([RuntimeTestBed.append("c", "a", at: SystemClock().wallTime)])
        await gate.arrival()
        _ = try await bed.store.append([RuntimeTestBed.append("c", "b", at: SystemClock().wallTime)])
        await bed.events.finished(2)
        #expect(await bed.stop())
        let once = ["re: a+b"]
        #expect(channel.texts(to: "c") == (manner == .rash ? ["re: a"] + once : once))
        #expect(bed.events.all.count { if case .turnSuperseded = $0 { true } else { false } } == 1)
        #expect(!bed.events.all.contains { if case .turnWillRetry = $0 { true } else { false } }, "it was no attempt")
        for case .turnSucceeded(let turn, _) in bed.events.all { #expect(turn.attempt == 1) }
    }

    @Test func aStopWhileATurnIsSupersededLosesNothing() async throws {
        let (store, gate) = (MemoryStore(), Gate())
        let bed = RuntimeTestBed(
            store: store, assistant: BurstTests.assistant(TurnPolicy(onNewMessage: .supersede)),
            handler: ScriptedHandler { _ in
                await gate.pass()
                try Task.checkCancellation()
                return "never"
            })
        await bed.start()
        _ = try await store.append([RuntimeTestBed.append("c", "a", at: SystemClock().wallTime)])
        await gate.arrival()
        _ = try await store.append([RuntimeTestBed.append("c", "b", at: SystemClock().wallTime)])
        async let isInTime = bed.stop()
        while store.heldLeases > 1 { await Task.yield() }
        gate.open()
        #expect(await isInTime)
        let next = RuntimeTestBed(
            store: store, assistant: BurstTests.assistant(TurnPolicy(onNewMessage: .supersede)),
            handler: ScriptedHandler { BurstTests.reply($0) })
        await next.start()
        try await Waiting.until("everything to be settled") { store.unsettled == 0 }
        _ = await next.stop()
        let texts = (bed.channel.texts(to: "c") + next.channel.texts(to: "c")).joined(separator: " ")
        // Whether the second message was read before the stop is a matter of luck.
        #expect(["re: a+b", "never re: b"].contains(texts), "\(texts)")
    }

    /// Switched on while a turn runs that a message then does not interrupt, and that fails; and off again.
    @Test func aPolicyThatChangesCountsFromTheNextTurnOn() async throws {
        let (store, gate, runs) = (MemoryStore(), Gate(), Counter())
        let bed = RuntimeTestBed(
            store: store, assistant: BurstTests.assistant(TurnPolicy()),
            handler: ScriptedHandler { turn in
                guard runs.next() == 1 else { return BurstTests.reply(turn) }
                await gate.pass()
                #expect(!Task.isCancelled)
                throw TurnFailure(category: .timeout, message: "slow", isRetryable: true)
            })
        await bed.start()
        _ = try await store.append([RuntimeTestBed.append("c", "a", at: SystemClock().wallTime)])
        await gate.arrival()
        await bed.dispatcher.update([BurstTests.assistant(TurnPolicy(onNewMessage: .supersede))])
        _ = try await store.append([RuntimeTestBed.append("c", "b", at: SystemClock().wallTime)])
        // Time for it to be read; whether it was is a matter of luck.
        for _ in 0..<1_000 { await Task.yield() }
        gate.open()
        await bed.events.finished(2)
        #expect(await bed.stop())
        #expect(!bed.events.all.contains { if case .turnSuperseded = $0 { true } else { false } })
        #expect(["re: a+b", "re: a re: b"].contains(bed.channel.texts(to: "c").joined(separator: " ")))
    }

    private final class Counter: Sendable {
        private let value = Mutex(0)

        func next() -> Int {
            self.value.withLock { value in
                value += 1
                return value
            }
        }
    }

    // MARK: Late replies

    /// Every call takes 20 s, and replies are late after 10 s. Two messages wait from the start.
    private static func late(_ action: TurnPolicy.Late.Action) async throws -> (RuntimeTestBed, contexts: [[String]]) {
        let (clock, store) = (ManualClock(), MemoryStore())
        let contexts = Mutex<[[String]]>([])
        let policy = TurnPolicy(late: TurnPolicy.Late(after: .seconds(10), action: action, apology: "Desculpe a demora."))
        let bed = RuntimeTestBed(
            store: store, assistant: BurstTests.assistant(policy), clock: clock,
            handler: ScriptedHandler { turn in
                contexts.withLock { $0.append(turn.context.map(\.text)) }
                clock.advance(by: .seconds(20))
                return BurstTests.reply(turn)
            })
        try await bed.post("c", ["a", "b"])
        await bed.start()
        try await Waiting.until("everything to be settled") { store.unsettled == 0 }
        #expect(await bed.stop())
        return (bed, contexts.withLock { $0 })
    }

    private static func actions(_ bed: RuntimeTestBed) -> [TurnPolicy.Late.Action] {
        bed.events.all.compactMap { if case .lateReply(_, _, let action) = $0 { action } else { nil } }
    }

    @Test func aLateReplyIsSentAndCounted() async throws {
        let (bed, _) = try await Self.late(.send)
        #expect(bed.channel.texts(to: "c") == ["re: a", "re: b"])
        #expect(Self.actions(bed) == [.send, .send])
    }

    @Test func aLateReplyBeginsWithAnApology() async throws {
        let (bed, contexts) = try await Self.late(.apologise)
        #expect(bed.channel.texts(to: "c") == ["Desculpe a demora.", "re: a", "Desculpe a demora.", "re: b"])
        #expect(contexts.last == ["a", "Desculpe a demora.", "re: a"])
        #expect(Self.actions(bed) == [.apologise, .apologise])
    }

    @Test func aLateReplyIsKeptAndNotSent() async throws {
        let (bed, contexts) = try await Self.late(.drop)
        #expect(bed.channel.requests == 0)
        #expect(bed.store.sends.map(\.state) == [.dropped, .dropped])
        #expect(bed.store.sends.map(\.text) == ["re: a", "re: b"])
        #expect(bed.store.deadLetters.isEmpty)
        #expect(contexts.last == ["a"], "the model is not shown what the contact never read")
        #expect(Self.actions(bed) == [.drop, .drop])
    }

    @Test func aLateReplyGivesWayToATurnOverBoth() async throws {
        let (bed, contexts) = try await Self.late(.merge)
        #expect(bed.channel.texts(to: "c") == ["re: a+b"])
        #expect(contexts.count == 2)
        #expect(Self.actions(bed) == [.merge, .send], "and then is sent, late as it is")
    }
}
