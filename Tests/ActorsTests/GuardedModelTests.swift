import CardumeActors
import CardumeCore
import CardumeTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct GuardedModelTests {
    /// Fails or answers as the script says, by the number of the call from 1.
    private final class ScriptedModel: LanguageModel {
        private let calls = Mutex(0)
        private let script: @Sendable (Int) -> TurnFailure?

        init(_ script: @escaping @Sendable (Int) -> TurnFailure?) { self.script = script }

        var count: Int { self.calls.withLock { $0 } }

        func complete(_ request: ModelRequest) async throws -> ModelResponse {
            let number = self.calls.withLock { calls in
                calls += 1
                return calls
            }
            if let failure = self.script(number) { throw failure }
            return ModelResponse(text: "re: \(request.messages.last?.text ?? "")")
        }
    }

    private static let outage = TurnFailure(category: .other, message: "503", isRetryable: true, isOutage: true)
    private static let request = ModelRequest(
        assistant: "suporte", conversation: "loja:1", prompt: "", messages: [], traceID: "")

    private static func bed(_ model: some LanguageModel) -> RuntimeTestBed {
        RuntimeTestBed(handler: ModelTurnHandler(model: { _ in model }, menuText: { _ in nil }))
    }

    /// 30 conversations, three attempts each, and a server that fails the first 40 calls.
    @Test func turnsWaitForTheServerWithoutUsingUpAttempts() async throws {
        let server = ScriptedModel { $0 <= 40 ? Self.outage : nil }
        let events = EventRecorder()
        // With a single slot's worth of calls before it opens, nobody has failed more than twice by then.
        let settings = CircuitBreaker.Settings(minimumCalls: 2, openFor: .milliseconds(20))
        let breakers = Breakers(settings: BreakerSettings(model: settings), clock: SystemClock(), observer: events)
        let model = GuardedModel(server, breaker: breakers.breaker(.model, "m@host"))
        let bed = Self.bed(model)
        await bed.start()
        for index in 0..<30 { try await bed.post("c\(index)", ["a", "b"]) }
        await bed.events.finished(60)
        #expect(await bed.stop())
        #expect(bed.store.deadLetters.isEmpty)
        for index in 0..<30 { #expect(bed.channel.texts(to: "c\(index)") == ["re: a", "re: b"]) }
        let changes = events.all.compactMap { if case .breakerChanged(_, let change) = $0 { change.to } else { nil } }
        #expect(changes.last == .closed)
        #expect(changes.count { $0 == .closed } == 1, "one successful probe")
        #expect(changes.count { $0 == .open } >= 40 - 30 - 1, "one call for each time it opened, but for the first")
    }

    /// The control: without a breaker, the same server makes dead letters.
    @Test func withoutABreakerTheSameOutageUsesUpAttempts() async throws {
        let bed = Self.bed(ScriptedModel { $0 <= 40 ? Self.outage : nil })
        await bed.start()
        for index in 0..<10 { try await bed.post("c\(index)", ["a", "b"]) }
        await bed.events.finished(20)
        _ = await bed.stop()
        #expect(!bed.store.deadLetters.isEmpty)
    }

    @Test func whileOpenTurnsArePutOffWithTheBreakersName() async throws {
        let clock = ManualClock()
        let server = ScriptedModel { $0 <= 11 ? Self.outage : nil }
        let breakers = Breakers(clock: clock, observer: EventRecorder())
        let breaker = breakers.breaker(.model, "m@host")
        let model = GuardedModel(server, breaker: breaker)
        for _ in 0..<10 { await #expect(throws: TurnFailure.self) { try await model.complete(Self.request) } }
        #expect(breakers.status.map(\.phase) == [.open])
        #expect(breakers.status[0].nextProbe == clock.wallTime.advanced(by: .seconds(30)))
        for _ in 0..<5 {
            await #expect {
                try await model.complete(Self.request)
            } throws: { error in
                guard let postponement = error as? TurnPostponement else { return false }
                return postponement.cause == .breaker("model:m@host") && postponement.delay >= .seconds(30)
            }
        }
        #expect(server.count == 10, "nothing was asked")
        clock.advance(by: .seconds(30))
        await #expect(throws: TurnPostponement.self, "the probe fails, the turn does not") {
            try await model.complete(Self.request)
        }
        clock.advance(by: .seconds(30))
        _ = try await model.complete(Self.request)
        #expect(server.count == 12)
        #expect(breaker.status.phase == .closed)
    }

    @Test func refusalsAndLimitsAreNotTheServersFault() async throws {
        let clock = ManualClock()
        let kinds: [TurnFailure] = [
            TurnFailure(category: .rateLimit, message: "429", isRetryable: true),
            TurnFailure(category: .validation, message: "400", isRetryable: false),
            TurnFailure(category: .other, message: "no choices", isRetryable: true),
        ]
        let server = ScriptedModel { kinds[$0 % 3] }
        let breakers = Breakers(clock: clock, observer: EventRecorder())
        let model = GuardedModel(server, breaker: breakers.breaker(.model, "m"))
        for _ in 0..<100 { await #expect(throws: TurnFailure.self) { try await model.complete(Self.request) } }
        #expect(breakers.status.map(\.phase) == [.closed])
    }

    /// The same script through a guarded model and through the bare machine gives the same states at the same times.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func statesAreThoseOfTheMachine(_ seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let script = (0..<400).map { _ in
            (isWell: Double.random(in: 0..<1, using: &generator) < 0.4, pause: Int.random(in: 0...6_000, using: &generator))
        }
        let settings = CircuitBreaker.Settings(minimumCalls: 4, openFor: .seconds(9))
        let clock = ManualClock()
        let events = EventRecorder()
        let breakers = Breakers(settings: BreakerSettings(model: settings), clock: clock, observer: events)
        let index = Mutex(0)
        let server = ScriptedModel { _ in script[index.withLock { $0 }].isWell ? nil : Self.outage }
        let model = GuardedModel(server, breaker: breakers.breaker(.model, "m"))
        var machine = CircuitBreaker(settings: settings)
        for (number, step) in script.enumerated() {
            index.withLock { $0 = number }
            clock.advance(by: .milliseconds(step.pause))
            _ = try? await model.complete(Self.request)
            if case .granted(let permit) = machine.admit(at: clock.uptime, using: &generator) {
                machine.finished(permit, step.isWell ? .success : .failure, at: clock.uptime)
            }
        }
        let changes = events.all.compactMap { if case .breakerChanged(_, let change) = $0 { change } else { nil } }
        #expect(changes == machine.takeChanges())
        #expect(changes.count > 20)
        #expect(Set(changes.map(\.to)) == Set(CircuitBreaker.Phase.allCases))
    }
}
