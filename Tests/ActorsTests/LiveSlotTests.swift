import CardumeActors
import CardumeCore
import CardumeTesting
import Testing

/// Slots that change while the process runs, or before anything has begun.
@Suite struct LiveSlotTests {
    private static func assistant(_ id: AssistantID, _ bulkhead: BulkheadPolicy = BulkheadPolicy()) -> Assistant {
        Assistant(id: id, slots: 40, bulkhead: bulkhead)
    }

    private static func dispatcher(_ assistants: [Assistant]) -> Dispatcher {
        let store = MemoryStore()
        return Dispatcher(
            assistants: assistants, shards: [],
            environment: RuntimeEnvironment(
                log: store, journal: store, handler: ScriptedHandler(), channel: { _ in nil }, observer: EventRecorder()))
    }

    private static func acquire(_ bulkhead: Bulkhead, _ count: Int) -> Int {
        (0..<count).count { _ in bulkhead.acquired(.light) }
    }

    @Test func aTotalMayComeAndGo() async throws {
        let assistants = [Self.assistant("a"), Self.assistant("b")]
        let dispatcher = Self.dispatcher(assistants)
        let (a, b) = (try #require(dispatcher.slots["a"]), try #require(dispatcher.slots["b"]))
        #expect(Self.acquire(a, 8) == 8)
        var settings = Dispatcher.Settings()
        settings.slots = 10
        await dispatcher.update(assistants, settings)
        #expect(Self.acquire(b, 8) == 2)
        settings.slots = nil
        await dispatcher.update(assistants, settings)
        #expect(Self.acquire(b, 50) == 38)
    }

    /// What operators have set counts from the first turn on.
    @Test func adaptationBeginsWhereItIsToldToBeforeAnythingRuns() async throws {
        let dispatcher = Self.dispatcher([Self.assistant("a", BulkheadPolicy(adaptiveFloor: 2))])
        let bulkhead = try #require(dispatcher.slots["a"])
        #expect(bulkhead.limits[.light].slots == 40)
        await dispatcher.update(
            [Self.assistant("a", BulkheadPolicy(adaptiveFloor: 2, adaptiveStart: 6))], Dispatcher.Settings())
        #expect(bulkhead.limits[.light].slots == 6)
    }
}
