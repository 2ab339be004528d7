import CardumeCore
import CardumeTesting
import Testing

@Suite struct ExportQueueTests {
    private typealias Queue = ExportQueue<Int>

    private static func filled(_ count: Int, capacity: Int = 100, size: Int = 3) -> Queue {
        var queue = Queue()
        for number in 0..<count { _ = queue.add(number, capacity: capacity, size: size) }
        return queue
    }

    /// The next batch of three.
    private static func expect(
        _ batch: [Int]?, from queue: inout Queue, at now: Duration, _ location: SourceLocation = #_sourceLocation
    ) {
        let next = queue.next(size: 3, at: now)
        #expect(next == batch, sourceLocation: location)
    }

    @Test func fullBatchesAreAnnounced() {
        var queue = Queue()
        let isFull = (0..<6).map { queue.add($0, capacity: 100, size: 3) }
        #expect(isFull == [false, false, true, false, false, true])
    }

    @Test func batchesGoInOrder() {
        var queue = Self.filled(5)
        var generator = SeededGenerator(seed: 1)
        Self.expect([0, 1, 2], from: &queue, at: .zero)
        queue.ended(.taken(rejected: 0), at: .zero, using: &generator)
        Self.expect([3, 4], from: &queue, at: .zero)
        queue.ended(.taken(rejected: 1), at: .zero, using: &generator)
        Self.expect(nil, from: &queue, at: .zero)
        #expect((queue.exported, queue.dropped, queue.count) == (4, 1, 0))
    }

    @Test func whatDoesNotFitIsDropped() {
        var queue = Self.filled(12, capacity: 10)
        #expect((queue.count, queue.dropped) == (10, 2))
        Self.expect([0, 1, 2], from: &queue, at: .zero)
        // What is under way still takes its room.
        let isFull = queue.add(12, capacity: 10, size: 3)
        #expect(!isFull)
        #expect((queue.count, queue.dropped) == (10, 3))
    }

    @Test func aBusyServerIsOfferedTheSameAgain() {
        var queue = Self.filled(4)
        var generator = SeededGenerator(seed: 1)
        Self.expect([0, 1, 2], from: &queue, at: .zero)
        queue.ended(.unavailable(retryAfter: .seconds(7)), at: .zero, using: &generator)
        Self.expect(nil, from: &queue, at: .milliseconds(6_999))
        Self.expect([0, 1, 2], from: &queue, at: .seconds(7))
        queue.ended(.taken(rejected: 0), at: .seconds(7), using: &generator)
        Self.expect([3], from: &queue, at: .seconds(7))
    }

    @Test func nobodyIsAskedForEver() {
        var queue = Self.filled(4)
        var generator = SeededGenerator(seed: 1)
        var now = Duration.zero
        for _ in 0..<5 {
            Self.expect([0, 1, 2], from: &queue, at: now)
            queue.ended(.unavailable(retryAfter: nil), at: now, using: &generator)
            now += .seconds(60)
        }
        #expect((queue.dropped, queue.count) == (3, 1))
        Self.expect([3], from: &queue, at: now)
        queue.ended(.refused, at: now, using: &generator)
        #expect((queue.dropped, queue.count) == (4, 0))
    }

    @Test func whenClosingEachBatchIsOfferedOnce() {
        var queue = Self.filled(5)
        var generator = SeededGenerator(seed: 1)
        _ = queue.next(size: 3, at: .zero)
        queue.ended(.unavailable(retryAfter: .seconds(60)), at: .zero, using: &generator)
        queue.close()
        Self.expect([0, 1, 2], from: &queue, at: .zero)
        queue.ended(.unavailable(retryAfter: nil), at: .zero, using: &generator)
        Self.expect([3, 4], from: &queue, at: .zero)
        queue.abandon()
        #expect((queue.exported, queue.dropped, queue.count) == (0, 5, 0))
        Self.expect(nil, from: &queue, at: .zero)
    }

    /// Whatever happens, everything is exported, dropped or still there.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func nothingIsCountedTwiceOrNever(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var queue = Queue()
        var (added, now, isOffered) = (0, Duration.zero, false)
        for _ in 0..<400 {
            switch Int.random(in: 0..<6, using: &generator) {
            case 0...2:
                _ = queue.add(added, capacity: 20, size: 4)
                added += 1
            case 3 where !isOffered:
                isOffered = queue.next(size: 4, at: now) != nil
            case 4 where isOffered:
                let outcomes: [Queue.Outcome] = [
                    .taken(rejected: 0), .taken(rejected: 9), .refused, .unavailable(retryAfter: nil),
                    .unavailable(retryAfter: .seconds(2)),
                ]
                queue.ended(outcomes[Int.random(in: 0..<5, using: &generator)], at: now, using: &generator)
                isOffered = false
            default:
                now += .milliseconds(500)
            }
            #expect(queue.count <= 20)
            #expect(queue.exported + queue.dropped + queue.count == added)
        }
        #expect(queue.exported > 0 && queue.dropped > 0)
    }
}
