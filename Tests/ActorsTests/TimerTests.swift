import CardumeActors
import CardumeCore
import CardumeTesting
import Testing

/// Timers through the actors, over the memory store and a clock that stands still.
@Suite(.timeLimit(.minutes(1))) struct TimerTests {
    private static let assistant = Assistant(
        id: RuntimeTestBed.assistant, retry: RetryPolicy(base: .milliseconds(1)), onDeadLetter: .hold,
        timers: [
            TimerRule(name: "follow_up", delay: .seconds(600), text: "ainda?"),
            TimerRule(name: "auto_close", delay: .seconds(1_200), text: "tchau", closes: true),
            TimerRule(name: "nps", trigger: .closing, delay: .seconds(60), text: "nota?"),
        ])

    /// Says what timers say, and how much context a message was given.
    private struct Handler: TurnHandler {
        func respond(to turn: Turn) async throws -> TurnResult {
            guard turn.messages[0].details.timer != nil else {
                return TurnResult(replies: [Reply(text: "re: \(turn.messages[0].text ?? "") (\(turn.context.count))")])
            }
            return TurnResult(
                replies: turn.assistant.timers.text(for: turn.messages[0]).map { [Reply(text: $0)] } ?? [])
        }
    }

    private static func bed(
        _ store: MemoryStore, _ clock: ManualClock, channel: RecordingChannel = RecordingChannel()
    ) async -> RuntimeTestBed {
        let bed = RuntimeTestBed(
            store: store, channel: channel, assistant: Self.assistant, clock: clock, handler: Handler())
        await bed.start()
        return bed
    }

    /// Returns once `count` messages are finished and whatever follows from the last is in the store.
    private static func finished(_ count: Int, _ bed: RuntimeTestBed) async throws {
        await bed.events.finished(count)
        try await Waiting.until("everything to be settled") { bed.store.unsettled == 0 }
    }

    /// Lets time pass once nothing is under way, for turns have their time on this clock, too.
    private static func pass(_ seconds: Int, _ clock: ManualClock, _ bed: RuntimeTestBed) async throws {
        try await Waiting.until("everything to be settled") { bed.store.unsettled == 0 }
        clock.advance(by: .seconds(seconds))
    }

    @Test func aSilentConversationIsAskedClosedAndSurveyed() async throws {
        let (store, clock) = (MemoryStore(), ManualClock())
        let bed = await Self.bed(store, clock)
        try await bed.post("c", ["oi"])
        try await Self.finished(1, bed)
        try await Waiting.until("the survey") {
            try await Self.pass(60, clock, bed)
            return bed.channel.texts(to: "c").count == 4
        }
        #expect(bed.channel.texts(to: "c") == ["re: oi (0)", "ainda?", "tchau", "nota?"])
        try await Self.finished(4, bed)
        #expect(clock.uptime >= .seconds(1_260))
        // A new session, in which only the survey was said.
        _ = try await store.append([RuntimeTestBed.append("c", "nove", at: clock.wallTime)])
        try await Self.finished(5, bed)
        #expect(bed.channel.texts(to: "c").last == "re: nove (1)")
        #expect(await bed.stop())
    }

    @Test func whoWritesIsNotAskedWhetherTheyAreThere() async throws {
        let (store, clock) = (MemoryStore(), ManualClock())
        let bed = await Self.bed(store, clock)
        try await bed.post("c", ["a"])
        try await Self.finished(1, bed)
        try await Self.pass(500, clock, bed)
        _ = try await store.append([RuntimeTestBed.append("c", "b", at: clock.wallTime)])
        try await Self.finished(2, bed)
        try await Self.pass(500, clock, bed)
        #expect(bed.channel.texts(to: "c") == ["re: a (0)", "re: b (2)"])
        try await Waiting.until("the second silence's timer") {
            try await Self.pass(50, clock, bed)
            return bed.channel.texts(to: "c").count == 3
        }
        #expect(clock.uptime >= .seconds(1_100))
        #expect(bed.channel.texts(to: "c").last == "ainda?")
        #expect(await bed.stop())
    }

    /// What a timer may not say does not hold the conversation, nor keep the next one from its time.
    @Test func aTimerThatIsRefusedKeepsNothing() async throws {
        let (store, clock) = (MemoryStore(), ManualClock())
        let channel = RecordingChannel { intent, _ in
            intent.text == "ainda?" ? (false, .refused(reason: "outside the window")) : (true, .accepted(providerID: "x"))
        }
        let bed = await Self.bed(store, clock, channel: channel)
        try await bed.post("c", ["oi"])
        try await Self.finished(1, bed)
        try await Waiting.until("the closing") {
            try await Self.pass(60, clock, bed)
            return bed.channel.texts(to: "c").count == 2
        }
        #expect(bed.channel.texts(to: "c") == ["re: oi (0)", "tchau"])
        #expect(bed.store.deadLetters.map(\.failure.category) == [.refused])
        _ = try await store.append([RuntimeTestBed.append("c", "voltei", at: clock.wallTime)])
        try await Self.finished(4, bed)
        #expect(bed.channel.texts(to: "c").last == "re: voltei (0)")
        #expect(await bed.stop())
    }

    /// Timers outlive the process, and what has come to its time meanwhile is done by the next one.
    @Test func timersSurviveARestart() async throws {
        let (store, clock) = (MemoryStore(), ManualClock())
        let first = await Self.bed(store, clock)
        try await first.post("c", ["oi"])
        try await Self.finished(1, first)
        #expect(await first.stop())
        clock.advance(by: .seconds(900))
        let second = await Self.bed(store, clock)
        try await Self.finished(1, second)
        #expect(second.channel.texts(to: "c") == ["ainda?"])
        try await Waiting.until("the closing") {
            try await Self.pass(60, clock, second)
            return second.channel.texts(to: "c").count == 2
        }
        #expect(second.channel.texts(to: "c") == ["ainda?", "tchau"])
        #expect(clock.uptime >= .seconds(1_200))
        #expect(await second.stop())
    }
}
