import CardumeCore
import CardumeTesting
import Testing

@Suite struct SlotSchedulerTests {
    /// One bulkhead without lanes.
    private struct Single {
        var slots: SlotScheduler
        let bulkhead: Int

        init(_ count: Int, ageing: Duration = .seconds(5)) {
            self.slots = SlotScheduler(ageing: ageing)
            self.bulkhead = self.slots.add(SlotLimits(slots: count))
        }

        mutating func request(_ id: UInt64, _ priority: Priority = .text, at now: Duration = .zero) -> Bool {
            self.slots.requested(id, self.bulkhead, .light, priority, at: now)
        }

        mutating func release(at now: Duration = .zero) -> UInt64? {
            self.slots.released(self.bulkhead, .light, at: now)
        }
    }

    @Test func grantsWhileThereAreSlots() {
        var single = Single(2)
        #expect(single.request(1) == true)
        #expect(single.request(2, .document) == true)
        #expect(single.request(3, .system) == false)
        #expect(single.release() == 3)
        #expect(single.release() == nil)
        #expect(single.slots.inUse == 1)
    }

    @Test func lowerClassesGoFirstAndEqualsInOrder() {
        var single = Single(1)
        _ = single.request(0)
        let waiting: [Priority] = [.document, .media, .text, .text, .system]
        for (index, priority) in waiting.enumerated() { _ = single.request(UInt64(index + 1), priority) }
        let order = (0..<5).map { _ in single.release(at: .milliseconds(1)) }
        #expect(order == [5, 3, 4, 2, 1])
    }

    /// A slot frees every second while a new text arrives every second: the document gets its turn once it has aged past
    /// the class difference.
    @Test func ageingLetsNothingStarve() {
        var single = Single(1)
        _ = single.request(0)
        let document: UInt64 = 1
        _ = single.request(document, .document)
        var servedAt: Int?
        for second in 1...60 where servedAt == nil {
            _ = single.request(UInt64(second + 1), at: .seconds(second))
            if single.release(at: .seconds(second)) == document { servedAt = second }
        }
        #expect(servedAt == 10)
    }

    @Test func aCancelledRequestIsNotGranted() {
        var single = Single(1)
        for id in 1...3 as ClosedRange<UInt64> { _ = single.request(id) }
        let areCancelled = [2, 2].map { single.slots.cancelled($0, single.bulkhead, .light) }
        #expect(areCancelled == [true, false])
        #expect(single.release() == 3)
        let isCancelled = single.slots.cancelled(3, single.bulkhead, .light)
        #expect(!isCancelled)
    }

    @Test func moreSlotsAreGivenAtOnceAndFewerTakeNothingAway() {
        var single = Single(1)
        for id in 1...5 as ClosedRange<UInt64> { _ = single.request(id) }
        #expect(single.slots.update(single.bulkhead, SlotLimits(slots: 3), at: .zero) == [2, 3])
        #expect(single.slots.update(single.bulkhead, SlotLimits(slots: 1), at: .zero) == [])
        #expect(single.slots.inUse == 3)
        #expect(single.release() == nil)
        #expect(single.release() == nil)
        #expect(single.release() == 4)
    }

    @Test func whatIsPausedWaitsAndGoesOnInOrder() {
        var single = Single(2)
        _ = single.slots.update(single.bulkhead, SlotLimits(slots: 2, isPaused: true), at: .zero)
        for id in 1...3 as ClosedRange<UInt64> { #expect(single.request(id) == false) }
        #expect(single.slots.update(single.bulkhead, SlotLimits(slots: 2), at: .zero) == [1, 2])
    }

    // MARK: Lanes

    @Test func aFullLaneDoesNotStandInTheWayOfOthers() {
        var slots = SlotScheduler()
        let bulkhead = slots.add(SlotLimits(slots: 4, lanes: [.heavy: .init(slots: 1)]))
        #expect(slots.acquired(bulkhead, .heavy) == true)
        #expect(slots.requested(1, bulkhead, .heavy, .text, at: .zero) == false)
        for _ in 0..<3 { #expect(slots.acquired(bulkhead, .light) == true) }
        #expect(slots.acquired(bulkhead, .light) == false)
        #expect(slots.released(bulkhead, .light, at: .zero) == nil)
        #expect(slots.released(bulkhead, .heavy, at: .zero) == 1)
    }

    @Test func aLanesFloorIsKeptFreeForIt() {
        var slots = SlotScheduler()
        let bulkhead = slots.add(SlotLimits(slots: 4, lanes: [.image: .init(floor: 2)]))
        #expect(slots.acquired(bulkhead, .light) == true)
        #expect(slots.acquired(bulkhead, .light) == true)
        #expect(slots.acquired(bulkhead, .light) == false)
        #expect(slots.acquired(bulkhead, .image) == true)
        #expect(slots.acquired(bulkhead, .image) == true)
        #expect(slots.acquired(bulkhead, .image) == false)
    }

    /// What a paused lane may not use, or what is above its own limit, is nobody's loss.
    @Test func nothingIsKeptForThoseWhoMayNotUseIt() {
        var slots = SlotScheduler()
        let lanes: [Lane: SlotLimits.Lane] = [.image: .init(floor: 2, isPaused: true), .heavy: .init(slots: 1, floor: 2)]
        let bulkhead = slots.add(SlotLimits(slots: 4, lanes: lanes))
        let areGranted = (0..<4).map { _ in slots.acquired(bulkhead, .light) }
        #expect(areGranted == [true, true, true, false])
    }

    // MARK: Several bulkheads

    @Test func aFullBulkheadLeavesTheOthersAlone() {
        var slots = SlotScheduler()
        let (full, other) = (slots.add(SlotLimits(slots: 1)), slots.add(SlotLimits(slots: 1)))
        #expect(slots.acquired(full, .light) == true)
        for id in 0..<100 as Range<UInt64> { #expect(slots.requested(id, full, .light, .text, at: .zero) == false) }
        #expect(slots.acquired(other, .light) == true)
    }

    /// With a total that is used up, each has its share; and what was idle does not catch up.
    @Test func aTotalIsSharedByWeight() {
        var slots = SlotScheduler(total: 12)
        let weights = [3, 2, 1]
        let bulkheads = weights.map { slots.add(SlotLimits(slots: 100, weight: $0)) }
        var served = [0, 0, 0]
        var running: [Int] = []
        var askedBy: [UInt64: Int] = [:]
        var id: UInt64 = 0
        func run(_ rounds: Int, demanding: [Int]) {
            for _ in 0..<rounds {
                for index in demanding where slots.waiting(of: bulkheads[index]) < 20 {
                    id += 1
                    askedBy[id] = index
                    if slots.requested(id, bulkheads[index], .light, .text, at: .zero) { running.append(index) }
                }
                guard !running.isEmpty else { continue }
                let done = running.removeFirst()
                served[done] += 1
                if let next = slots.released(bulkheads[done], .light, at: .zero).flatMap({ askedBy[$0] }) {
                    running.append(next)
                }
            }
        }
        run(3_000, demanding: [0, 1])
        served = [0, 0, 0]
        run(12_000, demanding: [0, 1, 2])
        for (index, share) in [0.5, 1.0 / 3, 1.0 / 6].enumerated() {
            #expect(abs(Double(served[index]) / 12_000 - share) < 0.02, "\(served)")
        }
    }

    @Test func aBulkheadsFloorIsKeptFreeForIt() {
        var slots = SlotScheduler(total: 10)
        let (greedy, modest) = (slots.add(SlotLimits(slots: 100)), slots.add(SlotLimits(slots: 100, floor: 3)))
        for _ in 0..<7 { #expect(slots.acquired(greedy, .light) == true) }
        #expect(slots.acquired(greedy, .light) == false)
        for _ in 0..<3 { #expect(slots.acquired(modest, .light) == true) }
        #expect(slots.acquired(modest, .light) == false)
    }

    /// Whatever happens: no limit is passed, a floor is there for whoever it belongs to, nobody waits beside a slot that is
    /// theirs, and all are served in the end.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func limitsHoldInEveryOrder(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
        let total = Bool.random(using: &generator) ? number(3...12) : nil
        var slots = SlotScheduler(total: total)
        func limits() -> SlotLimits {
            SlotLimits(
                slots: number(1...6), weight: number(1...4), isPaused: number(0...9) == 0,
                lanes: [.heavy: .init(slots: number(1...3)), .image: .init(slots: number(0...1) == 0 ? nil : 2)])
        }
        var known = (0..<3).map { _ in limits() }
        let bulkheads = known.map { slots.add($0) }
        var requests: [UInt64: (Int, Lane)] = [:]
        var running: [(Int, Lane)] = []
        var waiting: Set<UInt64> = []
        func grant(_ ids: [UInt64]) {
            for id in ids {
                #expect(waiting.remove(id) != nil)
                if let request = requests[id] { running.append(request) }
            }
        }
        for step in 0..<600 as Range<UInt64> {
            let now = Duration.milliseconds(Int64(step) * 100)
            switch number(0...9) {
            case 0...4:
                let request = (number(0...2), [Lane.light, .heavy, .image][number(0...2)])
                requests[step] = request
                let priority: Priority = [.system, .text, .media][number(0...2)]
                if slots.requested(step, bulkheads[request.0], request.1, priority, at: now) {
                    running.append(request)
                } else {
                    waiting.insert(step)
                }
            case 5...7 where !running.isEmpty:
                let (index, lane) = running.remove(at: number(0...(running.count - 1)))
                grant(slots.released(bulkheads[index], lane, at: now).map { [$0] } ?? [])
            case 8:
                let index = number(0...2)
                known[index] = limits()
                grant(slots.update(bulkheads[index], known[index], at: now))
            case 9:
                guard let id = waiting.randomElement(using: &generator), let request = requests[id] else { continue }
                let isCancelled = slots.cancelled(id, bulkheads[request.0], request.1)
                #expect(isCancelled)
                waiting.remove(id)
            default: break
            }
            #expect(slots.inUse == running.count)
            for (index, bulkhead) in bulkheads.enumerated() {
                #expect(slots.inUse(of: bulkhead) == running.count { $0.0 == index })
                #expect(slots.waiting(of: bulkhead) == waiting.count { requests[$0]?.0 == index })
            }
        }
        for index in known.indices { grant(slots.update(bulkheads[index], SlotLimits(slots: 6), at: .seconds(100))) }
        var steps = 0
        while let (index, lane) = running.popLast() {
            grant(slots.released(bulkheads[index], lane, at: .seconds(100)).map { [$0] } ?? [])
            steps += 1
            #expect(slots.inUse <= total ?? .max || steps < 100)
        }
        #expect(waiting.isEmpty)
    }
}
