import CardumeCore
import Synchronization
import Testing

@testable import CardumeActors
@testable import CardumeTesting

@Suite(.timeLimit(.minutes(1))) struct SurveyTests {
    private static let queue = QueueID(RuntimeTestBed.assistant)

    /// Runs the coordinator's survey while `body` runs.
    private static func surveying(_ bed: RuntimeTestBed, _ body: () async throws -> Void) async rethrows {
        let survey = Task { await bed.coordinator.survey() }
        defer { survey.cancel() }
        try await body()
    }

    /// Waits for a survey of which `condition` is true.
    private static func report(
        of bed: RuntimeTestBed, _ what: String, _ condition: (QueueReport) -> Bool
    ) async throws -> QueueReport {
        try await Waiting.value(of: what) {
            let report = bed.coordinator.load[RuntimeTestBed.assistant]?.queues[Self.queue]
            guard let report, condition(report) else { throw ServerError("\(String(describing: report))") }
            return report
        }
    }

    /// Two have slots, three wait for one, one of them with several messages.
    @Test func itKnowsWhatRunsAndWhatWaits() async throws {
        let gate = Gate()
        let bed = RuntimeTestBed(
            assistant: Assistant(id: RuntimeTestBed.assistant, slots: 2),
            handler: ScriptedHandler { _ in
                await gate.pass()
                return "ok"
            })
        await bed.start()
        for contact in ["a", "b", "c", "d"] { try await bed.post(contact, ["1"]) }
        try await bed.post("e", ["1", "2", "3", "4"])
        try await Self.surveying(bed) {
            let report = try await Self.report(of: bed, "2 turns and 3 that wait") {
                $0.running == 2 && $0.waiting.conversations == 3
            }
            #expect(report.known >= 8 - 3 && report.known <= 8)
            #expect(report.waiting.messages >= 3 && report.excluded.isEmpty)
            #expect(report.oldest != nil)
            #expect(report.turn == nil, "none has ended")
            gate.open()
            await bed.events.finished(8)
            let later = try await Self.report(of: bed, "turns measured") { $0.turn != nil && $0.known == 0 }
            #expect(later.running == 0 && later.waiting == .init() && later.oldest == nil)
            #expect((later.turn?.weight ?? 0) > 0)
        }
        #expect(await bed.stop())
    }

    @Test func itKnowsWhatNoSlotWouldHelp() async throws {
        let bed = RuntimeTestBed(
            assistant: Assistant(
                id: RuntimeTestBed.assistant, retry: RetryPolicy(maximumAttempts: 1), onDeadLetter: .hold),
            handler: ScriptedHandler { turn in
                switch turn.messages[0].text {
                case "budget": throw TurnPostponement(.budget("gpt"), delay: .seconds(3600))
                case "breaker": throw TurnPostponement(.breaker("model:gpt"), delay: .seconds(3600))
                case "poison": throw TurnFailure(category: .other, message: "no", isRetryable: false)
                default: return "ok"
                }
            })
        await bed.start()
        try await bed.post("a", ["budget", "more"])
        try await bed.post("b", ["budget"])
        try await bed.post("c", ["breaker"])
        try await bed.post("d", ["poison", "kept"])
        try await Self.surveying(bed) {
            let report = try await Self.report(of: bed, "what is left out") {
                $0.excluded[.budget]?.conversations == 2 && $0.excluded[.breaker] != nil && $0.excluded[.held] != nil
            }
            #expect(report.excluded[.budget] == .init(conversations: 2, messages: 3))
            #expect(report.excluded[.breaker] == .init(conversations: 1, messages: 1))
            #expect(report.excluded[.held] == .init(conversations: 1, messages: 1))
            #expect(report.running == 0 && report.waiting == .init())
        }
        _ = await bed.stop()
    }

    @Test func aPauseIsNoDemand() async throws {
        var assistant = Assistant(id: RuntimeTestBed.assistant)
        assistant.pause = Pause(until: nil)
        let bed = RuntimeTestBed(assistant: assistant, handler: ScriptedHandler())
        await bed.start()
        for contact in ["a", "b", "c"] { try await bed.post(contact, ["1"]) }
        try await Self.surveying(bed) {
            let report = try await Self.report(of: bed, "three that are paused") { $0.excluded[.paused]?.conversations == 3 }
            #expect(report.waiting == .init())
        }
        _ = await bed.stop()
    }

    // MARK: Readers

    /// From some moment on its reads bring nothing, until a partition is opened again; everything else answers.
    private final class DeafLog: ForwardingLog {
        let log: any PartitionLog
        private let store: MemoryStore
        private let isForGood: Bool
        private let deafness = Mutex(false)
        let openings = Mutex(0)

        init(_ store: MemoryStore, isForGood: Bool = false) {
            self.store = store
            self.log = store
            self.isForGood = isForGood
        }

        func stopListening() { self.deafness.withLock { $0 = true } }

        func open(_ fence: Fence) async throws(StoreError) -> LogOpening {
            self.openings.withLock { $0 += 1 }
            if !self.isForGood { self.deafness.withLock { $0 = false } }
            return try await self.store.open(fence)
        }

        func next(
            _ partition: Partition.ID, after offset: LogOffset, limit: Int
        ) async throws(StoreError) -> [LogEntry] {
            while true {
                let entries = try await self.store.next(partition, after: offset, limit: limit)
                guard self.deafness.withLock({ $0 }) else { return entries }
                guard !Task.isCancelled else { return [] }
                try? await ContinuousClock().sleep(for: .milliseconds(20))
            }
        }
    }

    private static func bed(_ log: DeafLog, _ store: MemoryStore) -> RuntimeTestBed {
        RuntimeTestBed(store: store, log: log, handler: ScriptedHandler())
    }

    /// A reader that brings nothing although the log has something is started again, and then all is answered.
    @Test func aDeafReaderIsStartedAgain() async throws {
        let store = MemoryStore(partitionCount: 1)
        let log = DeafLog(store)
        let bed = Self.bed(log, store)
        await bed.start()
        try await bed.post("a", ["1"])
        await bed.events.finished(1)
        log.stopListening()
        try await bed.post("a", ["2", "3"])
        let begin = ContinuousClock.now
        try await Self.surveying(bed) {
            bed.coordinator.surveyor.update(Surveyor.Settings(readerPatience: .seconds(1)))
            await bed.events.wait { $0.contains { if case .readerRestarted = $0 { true } else { false } } }
            #expect(ContinuousClock.now - begin < .seconds(20), "within ten seconds, on a machine with nothing else to do")
            await bed.events.finished(3)
            #expect(log.openings.withLock { $0 } == 2)
            try await Waiting.until("the watch to be calm") {
                bed.coordinator.surveyor.status.allSatisfy { $0.grade == .healthy }
            }
        }
        #expect(bed.channel.texts(to: "a") == ["re: 1", "re: 2", "re: 3"])
        #expect(await bed.stop())
    }

    /// When that does not help, the process is not worth keeping, and says so.
    @Test func whenItStaysDeafLivenessEnds() async throws {
        let store = MemoryStore(partitionCount: 1)
        let log = DeafLog(store, isForGood: true)
        let bed = Self.bed(log, store)
        await bed.start()
        log.stopListening()
        try await bed.post("a", ["1"])
        try await Self.surveying(bed) {
            bed.coordinator.surveyor.update(Surveyor.Settings(readerPatience: .milliseconds(100)))
            try await Waiting.until("the watch to give up") {
                bed.coordinator.surveyor.status.contains { $0.name == "consumption" && $0.grade == .unhealthy }
            }
            try await Waiting.until("the latest restart") {
                log.openings.withLock { $0 } >= ConsumptionWatch.restartLimit + 1
            }
        }
        _ = await bed.stop()
    }

    /// A log that is away is nobody's fault.
    @Test func anOutageIsNoReasonToRestart() async throws {
        let store = MemoryStore(partitionCount: 1)
        let bed = RuntimeTestBed(store: store, handler: ScriptedHandler())
        await bed.start()
        try await bed.post("a", ["1"])
        await bed.events.finished(1)
        await Self.surveying(bed) {
            bed.coordinator.surveyor.update(Surveyor.Settings(readerPatience: .milliseconds(1)))
            store.fail(with: StoreError(.unavailable, "away"))
            let begin = bed.events.all.count { if case .storeUnavailable = $0 { true } else { false } }
            // Long enough for several looks: each of them fails, and so do the reads.
            await bed.events.wait { events in
                events.count { if case .storeUnavailable = $0 { true } else { false } } >= begin + 200
            }
            #expect(bed.coordinator.surveyor.status.allSatisfy { $0.grade == .healthy })
            store.fail(with: nil)
        }
        #expect(!bed.events.all.contains { if case .readerRestarted = $0 { true } else { false } })
        #expect(await bed.stop())
    }

    // MARK: Shards

    /// A thread that does not turn is found, and nobody but it.
    @Test func aSilentShardIsFound() async throws {
        let bed = RuntimeTestBed(handler: ScriptedHandler())
        await bed.start()
        try await Self.surveying(bed) {
            bed.coordinator.surveyor.update(Surveyor.Settings(shardPatience: .seconds(1)))
            try await Waiting.until("a survey") { !bed.coordinator.surveyor.reports.isEmpty }
            #expect(bed.coordinator.surveyor.status.allSatisfy { $0.grade == .healthy })
            let block = bed.block(shard: 1)
            try await Waiting.until("the shard to be missed") {
                bed.coordinator.surveyor.status.contains { $0.name == "shards" && $0.grade == .unhealthy }
            }
            let problem = bed.coordinator.surveyor.status.first { $0.name == "shards" }?.problem
            #expect(problem?.hasPrefix("shard 1 has not answered for") == true, "\(problem ?? "")")
            block.signal()
            try await Waiting.until("it to be back") { bed.coordinator.surveyor.status.allSatisfy { $0.grade == .healthy } }
        }
        #expect(await bed.stop())
    }
}
