import CardumeCore
import CardumeTesting
import Testing

@Suite struct LoadGaugeTests {
    @Test func levelsBeginAtTheirBounds() {
        let shares = [0, 0.499, 0.5, 0.799, 0.8, 0.999, 1, 37]
        #expect(
            shares.map { LoadLevel(share: $0) } == [.low, .low, .medium, .medium, .high, .high, .critical, .critical])
        #expect(LoadLevel.allCases.sorted() == [.low, .medium, .high, .critical])
        #expect(LoadLevel.allCases.map(\.rawValue) == ["low", "medium", "high", "critical"])
    }

    /// How often the level of a queue changes whose depth swings by 3 % around the bound of critical.
    private static func changes(of gauge: LoadGauge) -> Int {
        var gauge = gauge
        var generator = SeededGenerator(seed: 5)
        let levels = (0..<1_000).map { _ in
            gauge.measured(.random(in: 0.97...1.03, using: &generator))
            return gauge.level
        }
        return zip(levels, levels.dropFirst()).count { $0 != $1 }
    }

    @Test func aLevelDoesNotFlap() {
        #expect(Self.changes(of: LoadGauge()) <= 1)
        // Without hysteresis, it does.
        #expect(Self.changes(of: LoadGauge(fallsBelow: 1)) > 300)
    }

    @Test func risesAtOnceAndFallsWhenClearlyBelow() {
        var gauge = LoadGauge()
        let course: [(Double, LoadLevel)] = [
            (0.49, .low), (0.5, .medium), (0.46, .medium), (1.2, .critical), (0.91, .critical), (0.89, .high), (0.73, .high),
            (0.71, .medium), (0.44, .low), (3, .critical), (0, .low),
        ]
        for (share, level) in course {
            gauge.measured(share)
            #expect(gauge.level == level, "at \(share)")
        }
    }

    @Test func theLargestShareCountsAndZeroIsNoLimit() {
        let capacity = LoadCapacity(queueThreshold: 1_000, pendingThreshold: 500, maximumQueueLength: 10_000)
        #expect(capacity.share(of: LoadDemand(depth: 100, inFlight: 400)) == 0.8)
        #expect(capacity.share(of: LoadDemand(depth: 900, inFlight: 0)) == 0.9)
        #expect(!capacity.isFull(with: LoadDemand(depth: 9_999)))
        #expect(capacity.isFull(with: LoadDemand(depth: 10_000)))
        #expect(LoadCapacity.unlimited.share(of: LoadDemand(depth: 1_000_000, inFlight: 1_000_000)) == 0)
        #expect(!LoadCapacity.unlimited.isFull(with: LoadDemand(depth: 1_000_000)))
        let short = LoadCapacity(queueThreshold: 0, pendingThreshold: 0, maximumQueueLength: 10)
        #expect(short.share(of: LoadDemand(depth: 8)) == 0.8, "a full queue is critical, too")
    }

    @Test func oneAssistantsLoadIsItsOwn() {
        var board = LoadBoard(
            LoadCapacities(
                assistants: ["a": LoadCapacity(), "b": LoadCapacity(queueThreshold: 10, maximumQueueLength: 20)],
                total: LoadCapacity(queueThreshold: 10_000, pendingThreshold: 0, maximumQueueLength: 0)))
        board.measured(["a": LoadDemand(depth: 10), "b": LoadDemand(depth: 25, inFlight: 3)])
        #expect(board["a"].level == .low)
        #expect(board["b"].level == .critical && board["b"].isFull)
        #expect(board.overall.level == .critical && !board.overall.isFull)
        #expect(board.overall.demand == LoadDemand(depth: 35, inFlight: 3))
        #expect(board.atBest.level == .low, "some message may find room")
        board.measured(["a": LoadDemand(depth: 9_000), "b": LoadDemand()])
        #expect(board["b"].level == .high, "the sum's level is everybody's")
        board.update(LoadCapacities(assistants: ["a": .unlimited, "b": .unlimited], total: .unlimited))
        #expect(board.overall.level == .low, "new capacities count at once")
    }

    @Test func nobodyHasRoomWhenAllAreFull() {
        var board = LoadBoard(LoadCapacities(assistants: ["a": LoadCapacity(), "b": LoadCapacity()]))
        board.measured(["a": LoadDemand(depth: 10_000), "b": LoadDemand(depth: 9_999)])
        #expect(!board.atBest.isFull)
        board.measured(["a": LoadDemand(depth: 10_000), "b": LoadDemand(depth: 10_000)])
        #expect(board.atBest.isFull && board["unknown"].isFull == false)
    }
}
