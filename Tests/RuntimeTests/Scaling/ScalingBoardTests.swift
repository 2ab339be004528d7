import CardumeCore
import CardumeTesting
import Synchronization
import Testing

@testable import CardumeRuntime

@Suite struct ScalingBoardTests {
    private static let queue: QueueID = "suporte"
    private static let pool = ScalingPool(name: "default", queues: [Self.queue], slotsPerPod: 10)
    private static let now = Timestamp(milliseconds: 1_795_176_060_000)

    private final class Bed: Sendable {
        let store = MemoryStore()
        let uptime = Mutex(Duration.zero)
        let asked = Mutex(0)
        let members = Mutex<[Member]>([])

        func board() -> ScalingBoard {
            ScalingBoard(
                pools: { [ScalingBoardTests.pool] }, log: self.store,
                members: {
                    self.asked.withLock { $0 += 1 }
                    return self.members.withLock { $0 }
                }, clock: { ScalingBoardTests.now }, uptime: { self.uptime.withLock { $0 } })
        }

        func append(_ count: Int) async throws {
            for index in 0..<count {
                let message = InboundMessage(
                    id: MessageID("m\(index)"), conversation: Conversation.ID(channel: "loja", contact: ContactID("\(index)")),
                    text: "oi", receivedAt: ScalingBoardTests.now.advanced(by: .seconds(-60 + index)), replyAddress: "1",
                    traceID: "")
                _ = try await self.store.append([LogAppend(message: message, route: Route(assistant: "suporte"))])
            }
        }
    }

    @Test func whatNobodyReportsComesFromTheLog() async throws {
        let bed = Bed()
        try await bed.append(6)
        let signal = try #require(try await bed.board().reading().signals.first)
        #expect(signal.waitingMessages == 6 && signal.pods == 0)
        #expect(signal.oldestSeconds == 60)
        #expect(signal.demandSlots == 1, "6 messages of an assumed 5 s within 30 s")
    }

    @Test func howeverManyAskTheStoresAreAskedOnce() async throws {
        let bed = Bed()
        let board = bed.board()
        await withDiscardingTaskGroup { group in
            for _ in 0..<50 { group.addTask { _ = try? await board.reading() } }
        }
        #expect(bed.asked.withLock { $0 } == 1)
        bed.uptime.withLock { $0 = .seconds(3) }
        _ = try await board.reading()
        #expect(bed.asked.withLock { $0 } == 1)
        bed.uptime.withLock { $0 = .seconds(10) }
        _ = try await board.reading()
        #expect(bed.asked.withLock { $0 } == 2)
    }

    @Test func twoThatAskTheSameStoresSayTheSame() async throws {
        let bed = Bed()
        try await bed.append(3)
        let report = QueueReport(running: 2, known: 2, turn: TurnMean(seconds: 3, weight: 4))
        bed.members.withLock {
            $0 = [
                Member(
                    id: "a", queues: [Self.queue],
                    load: ["suporte": TurnLoad(running: 2, waiting: 0, queues: [Self.queue: report])])
            ]
        }
        #expect(try await bed.board().reading().signals == bed.board().reading().signals)
    }

    /// Not 0: an autoscaler would take that for nothing to do.
    @Test func whatIsNotKnownIsAnError() async throws {
        let bed = Bed()
        bed.store.fail(with: StoreError(.unavailable, "away"))
        let board = bed.board()
        await #expect(throws: StoreError.self) { try await board.reading() }
        #expect(await board.samples().map(\.name) == ["cardume_pool_slots_per_pod"], "only what is configured")
        bed.store.fail(with: nil)
        bed.uptime.withLock { $0 = .seconds(2) }
        #expect(try await board.reading().signals.count == 1)
    }

    @Test func samplesAreDeclared() async throws {
        let bed = Bed()
        let samples = await bed.board().samples()
        let families = Dictionary(uniqueKeysWithValues: MetricFamily.scaling.map { ($0.name, $0) })
        for sample in samples { #expect(Set(families[sample.name]?.labels ?? []) == Set(sample.labels.keys), "\(sample)") }
        // Nothing was measured: absent.
        #expect(Set(families.keys).subtracting(samples.map(\.name)) == ["cardume_pool_mean_turn_seconds"])
        #expect(samples.count { $0.name == "cardume_pool_excluded_slots" } == Exclusion.allCases.count)
    }

    // MARK: Configuration

    private static func scaling(_ yaml: String) throws -> ScalingSettings {
        try CardumeConfiguration(yaml: yaml, file: "c.yaml", environment: [:]).scaling
    }

    @Test func withoutPoolsThereIsOneOfEverything() throws {
        let yaml = "assistants: { a: { slots: 8, lanes: { heavy: { separate: true, slots: 3 } } }, b: { slots: 4 } }"
        let pool = try #require(try Self.scaling(yaml).pools.first)
        #expect(pool.name == "default" && pool.queues == ["a", "a@heavy", "b"])
        #expect(pool.slotsPerPod == 12)
        #expect(try Self.scaling("slots: 10\n\(yaml)").pools[0].slotsPerPod == 10, "no more than the process has")
    }

    @Test func poolsAreQueuesAndLanes() throws {
        let settings = try Self.scaling(
            """
            assistants: { a: { slots: 8, lanes: { heavy: { separate: true, slots: 3 } } }, b: { slots: 4 } }
            pools:
              light: { lanes: light, drain_target: 10s }
              heavy: { lanes: heavy, utilisation: 0.5 }
            """)
        #expect(settings.pools.map(\.name) == ["heavy", "light"])
        #expect(settings.pools[0].queues == ["a@heavy"] && settings.pools[0].slotsPerPod == 3)
        #expect(settings.pools[0].utilisation == 0.5)
        #expect(settings.pools[1].queues == ["a", "b"] && settings.pools[1].slotsPerPod == 12)
        #expect(settings.pools[1].drainTarget == .seconds(10))
        let live = try Self.scaling("pools: { p: { slots: 99 } }")
        #expect(live.pools[0].slotsPerPod == 99)
    }

    @Test(arguments: [
        ("pools: { p: { queues: atendimentu } }", "did you mean \"atendimento\"?"),
        ("pools: { p: { lanes: heavi } }", "did you mean \"heavy\"?"),
        ("pools: { p: { lanes: heavy } }", "the pool has no queue"),
        ("pools: { p: {}, q: { queues: atendimento } }", "is in the pool \"p\", too"),
    ])
    func mistakesAreNamed(_ yaml: String, _ message: String) {
        let problems = #expect(throws: ConfigurationProblems.self) { try Self.scaling(yaml) }
        #expect(problems?.description.contains(message) == true, "\(problems?.description ?? "")")
    }
}
