import CardumeActors
import CardumeCore
import Synchronization
import Testing

@testable import CardumeTesting

/// Every wait is named, with its end.
@Suite(.timeLimit(.minutes(1))) struct ExplainTests {
    private static let conversation: Conversation.ID = "loja:c"

    private static func assistant(
        turns: TurnPolicy = TurnPolicy(), slots: Int = 64, onDeadLetter: DeadLetterPolicy = .continue,
        lanes: [Lane: BulkheadPolicy.LanePolicy] = [:], pause: Pause? = nil
    ) -> Assistant {
        Assistant(
            id: RuntimeTestBed.assistant, slots: slots, bulkhead: BulkheadPolicy(lanes: lanes),
            retry: RetryPolicy(base: .milliseconds(1)), onDeadLetter: onDeadLetter, turns: turns, pause: pause)
    }

    /// What is said of `conversation` once that is `condition`.
    private static func explanation(
        _ bed: RuntimeTestBed, of conversation: Conversation.ID = Self.conversation,
        in queue: QueueID = QueueID(RuntimeTestBed.assistant), _ condition: (ConversationExplanation) -> Bool
    ) async throws -> ConversationExplanation {
        var latest: ConversationExplanation?
        do {
            try await Waiting.until("the explanation") {
                latest = await bed.dispatcher.explain(conversation)[queue]
                return latest.map(condition) ?? false
            }
        } catch {
            Issue.record("\(error): \(latest.debugDescription)")
        }
        return try #require(latest)
    }

    private static func waiting(
        _ bed: RuntimeTestBed, for cause: Obstacle.Cause, of conversation: Conversation.ID = Self.conversation
    ) async throws -> Obstacle {
        let explanation = try await Self.explanation(bed, of: conversation) { $0.obstacle?.cause == cause }
        #expect(explanation.state == .waiting && explanation.messages >= 1 && explanation.run == nil)
        return try #require(explanation.obstacle)
    }

    @Test func whoHasNothingToDoWaitsForNothing() async throws {
        let bed = RuntimeTestBed(handler: ScriptedHandler())
        await bed.start()
        try await bed.post("c", ["a"])
        await bed.events.finished(1)
        let explanation = try await Self.explanation(bed) { $0.state == .idle }
        #expect(explanation == ConversationExplanation(Self.conversation, queue: "suporte"))
        #expect(await bed.dispatcher.explain("loja:nobody").values.allSatisfy { $0.state == .idle && $0.messages == 0 })
        #expect(await bed.stop())
    }

    @Test func aRetryIsNamedWithItsReason() async throws {
        let clock = ManualClock()
        let bed = RuntimeTestBed(
            assistant: Self.assistant(), clock: clock,
            handler: ScriptedHandler { _ in
                throw TurnFailure(category: .timeout, message: "model", isRetryable: true, retryAfter: .seconds(100))
            })
        await bed.start()
        try await bed.post("c", ["a"])
        let obstacle = try await Self.waiting(bed, for: .retry)
        #expect(obstacle.until == clock.wallTime.advanced(by: .seconds(100)))
        #expect(obstacle.text == "retries at 12:01:40 UTC (attempt 2 of 3): timeout: model")
        #expect(await bed.stop())
    }

    @Test func whoWaitsForASlotKnowsItsPlace() async throws {
        let gate = Gate()
        let bed = RuntimeTestBed(
            assistant: Self.assistant(slots: 1),
            handler: ScriptedHandler { turn in
                await gate.pass()
                return "re: \(turn.messages[0].text ?? "")"
            })
        await bed.start()
        try await bed.post("c", ["a"])
        await gate.arrival()
        let running = try await Self.explanation(bed) { $0.state == .running }
        #expect(running.run?.attempt == 1 && running.obstacle == nil)
        for (place, contact) in ["x", "y", "z"].enumerated() {
            try await bed.post(contact, ["a"])
            let obstacle = try await Self.waiting(bed, for: .slot, of: Conversation.ID("loja:\(contact)"))
            #expect(obstacle.ahead == place && obstacle.until == nil)
        }
        // A text goes before a document, however late it comes.
        try await bed.post("d", ["a"], kind: .document)
        #expect(try await Self.waiting(bed, for: .slot, of: "loja:d").ahead == 3)
        try await bed.post("w", ["a"])
        let last = try await Self.waiting(bed, for: .slot, of: "loja:w")
        #expect(last.text == "waits for a slot of suporte's light lane: 3 turns are ahead of it")
        #expect(await bed.dispatcher.explain("loja:d")["suporte"]?.obstacle?.ahead == 4)
        // A pause that begins while they wait is what they wait for now.
        await bed.dispatcher.update([Self.assistant(slots: 1, pause: Pause())])
        #expect(try await Self.waiting(bed, for: .paused, of: "loja:w").text.hasPrefix("assistant suporte is paused until"))
        await bed.dispatcher.update([Self.assistant(slots: 1)])
        gate.open()
        await bed.events.finished(6)
        #expect(await bed.stop())
    }

    @Test func aBurstIsWaitedFor() async throws {
        let clock = ManualClock()
        let turns = TurnPolicy(debounce: TurnPolicy.Debounce(wait: .seconds(5), maximumWait: .seconds(30)))
        let bed = RuntimeTestBed(assistant: Self.assistant(turns: turns), clock: clock, handler: ScriptedHandler())
        await bed.start()
        try await bed.post("c", ["a"])
        let obstacle = try await Self.waiting(bed, for: .debounce)
        #expect(obstacle.until == clock.wallTime.advanced(by: .seconds(5)))
        #expect(obstacle.text == "waits until 12:00:05 UTC whether the contact has more to say")
        #expect(await bed.stop())
    }

    @Test func pausesAreNamed() async throws {
        let clock = ManualClock()
        let end = clock.wallTime.advanced(by: .seconds(86_400))
        let bed = RuntimeTestBed(
            assistant: Self.assistant(lanes: [.image: .init(isPaused: true)]), clock: clock, handler: ScriptedHandler())
        await bed.start()
        try await bed.post("c", ["a"], kind: .image)
        let lane = try await Self.waiting(bed, for: .paused)
        #expect(lane.text == "lane image of assistant suporte is paused until somebody resumes it" && lane.until == nil)
        await bed.dispatcher.update([Self.assistant(lanes: [.image: .init(isPaused: true)], pause: Pause(until: end))])
        let assistant = try await Self.waiting(bed, for: .paused)
        #expect(assistant.text == "assistant suporte is paused until 2026-11-21 12:00:00 UTC" && assistant.until == end)
        bed.dispatcher.environment.gates.update(["loja": Pause(until: end)])
        try await bed.post("d", ["a"])
        let channel = try await Self.waiting(bed, for: .paused, of: "loja:d")
        #expect(channel.text == "channel loja is paused until 2026-11-21 12:00:00 UTC" && channel.until == end)
        #expect(await bed.stop())
    }

    @Test func aHeldConversationSaysSo() async throws {
        let bed = RuntimeTestBed(
            assistant: Self.assistant(onDeadLetter: .hold),
            handler: ScriptedHandler { _ in
                throw TurnFailure(category: .validation, message: "no", isRetryable: false)
            })
        await bed.start()
        try await bed.post("c", ["a", "b"])
        let explanation = try await Self.explanation(bed) { $0.obstacle?.cause == .held && $0.messages == 1 }
        #expect(explanation.obstacle == .held)
        #expect(await bed.stop())
    }

    @Test(arguments: [
        (SendOutcome.unavailable(reason: "away"), Obstacle.Cause.gateway, "its reply was not sent and is sent again at"),
        (.unknown(reason: "timeout"), .doubt, "its reply may have been sent; the gateway is asked at"),
    ]) func gatewaysAreWaitedFor(_ outcome: SendOutcome, _ cause: Obstacle.Cause, _ text: String) async throws {
        let clock = ManualClock()
        let slow = SlowRecord(outcome: outcome)
        let bed = RuntimeTestBed(
            assistant: Assistant(id: RuntimeTestBed.assistant, retry: RetryPolicy(base: .seconds(1_000), cap: .seconds(1_000))),
            clock: clock, route: slow, handler: ScriptedHandler())
        await bed.start()
        try await bed.post("c", ["a"])
        let obstacle = try await Self.waiting(bed, for: cause)
        #expect(obstacle.text.hasPrefix(text), "\(obstacle.text)")
        #expect(obstacle.until.map { $0 >= clock.wallTime } == true)
        #expect(await bed.stop())
    }

    @Test(arguments: [
        (
            Blocker.Cause.budget("gpt-4o-mini, tokens"), Obstacle.Cause.budget,
            "the budget gpt-4o-mini, tokens is used up; it looks"
        ),
        (.breaker("model x"), .breaker, "the circuit breaker model x is open; it looks"),
    ]) func whatPutsATurnOffIsNamed(_ blocker: Blocker.Cause, _ cause: Obstacle.Cause, _ text: String) async throws {
        let clock = ManualClock()
        let bed = RuntimeTestBed(
            assistant: Self.assistant(), clock: clock,
            handler: ScriptedHandler { _ in throw TurnPostponement(blocker, delay: .seconds(60)) })
        await bed.start()
        try await bed.post("c", ["a"])
        let obstacle = try await Self.waiting(bed, for: cause)
        #expect(obstacle.until == clock.wallTime.advanced(by: .seconds(60)))
        #expect(obstacle.text == "\(text) again at 12:01:00 UTC")
        #expect(await bed.stop())
    }

    @Test func aStoreThatIsAwayIsNamed() async throws {
        let gate = Gate()
        let bed = RuntimeTestBed(
            assistant: Self.assistant(),
            handler: ScriptedHandler { _ in
                await gate.pass()
                return "re"
            })
        await bed.start()
        try await bed.post("c", ["a"])
        await gate.arrival()
        bed.store.fail(with: StoreError(.unavailable, "no route to it"))
        gate.open()
        #expect(try await Self.waiting(bed, for: .store).text.hasSuffix("does not answer: no route to it"))
        bed.store.fail(with: nil)
        await bed.events.finished(1)
        #expect(await bed.stop())
    }

    @Test func whatIsStillWithAnotherQueueIsWaitedFor() async throws {
        let gate = Gate()
        let bed = RuntimeTestBed(
            assistant: Self.assistant(), others: [Assistant(id: "vendas")],
            handler: ScriptedHandler { turn in
                if turn.assistant.id == RuntimeTestBed.assistant { await gate.pass() }
                return "re"
            })
        await bed.start()
        try await bed.post("c", ["a"])
        await gate.arrival()
        _ = try await bed.store.transfer(LogTransfer(of: Self.conversation, to: "vendas", at: SystemClock().wallTime))
        try await bed.post("c", ["b"])
        let there = try await Self.explanation(bed, in: "vendas") { $0.obstacle?.cause == .transfer && $0.messages == 1 }
        #expect(there.state == .waiting)
        gate.open()
        await bed.events.finished(2)
        #expect(await bed.stop())
    }
}

/// Gives every send the same end, and has no record before an hour has passed.
private struct SlowRecord: MessageChannel {
    let outcome: SendOutcome
    var maximumTextLength: Int { 4096 }
    var sendTimeout: Duration { .seconds(10) }
    var recordDelay: Duration { .seconds(3_600) }

    func send(_ intent: SendIntent) async -> SendOutcome { self.outcome }
    func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation { .absent }
}
