import CardumeCore
import CardumeTesting
import Testing

@Suite struct SlotAllocatorTests {
    @Test func grantsWhileThereAreSlots() {
        var slots = SlotAllocator<String>(slots: 2)
        #expect(slots.requested("a", id: 1, priority: .text, at: .zero) == true)
        #expect(slots.requested("b", id: 2, priority: .document, at: .zero) == true)
        #expect(slots.requested("c", id: 3, priority: .system, at: .zero) == false)
        #expect(slots.released(at: .zero) == "c")
        #expect(slots.released(at: .zero) == nil)
        #expect(slots.inUse == 1)
    }

    @Test func lowerClassesGoFirstAndEqualsInOrder() {
        var slots = SlotAllocator<String>(slots: 1)
        _ = slots.requested("first", id: 0, priority: .text, at: .zero)
        let waiting: [(String, Priority)] = [
            ("pdf", .document), ("photo", .media), ("text 1", .text), ("text 2", .text), ("timer", .system),
        ]
        for (index, (name, priority)) in waiting.enumerated() {
            _ = slots.requested(name, id: UInt64(index + 1), priority: priority, at: .zero)
        }
        let order = (0..<5).map { _ in slots.released(at: .milliseconds(1)) }
        #expect(order == ["timer", "text 1", "text 2", "photo", "pdf"])
    }

    /// A slot frees every second while a new text arrives every second: the document gets its turn once it has aged past
    /// the class difference.
    @Test func ageingLetsNothingStarve() {
        var slots = SlotAllocator<String>(slots: 1, ageing: .seconds(5))
        _ = slots.requested("running", id: 0, priority: .text, at: .zero)
        _ = slots.requested("document", id: 1, priority: .document, at: .zero)
        var servedAt: Int?
        for second in 1...60 where servedAt == nil {
            _ = slots.requested("text", id: UInt64(second + 1), priority: .text, at: .seconds(second))
            if slots.released(at: .seconds(second)) == "document" { servedAt = second }
        }
        #expect(servedAt == 10)
    }

    @Test func cancelledRequestsAreForgotten() {
        var slots = SlotAllocator<String>(slots: 1)
        _ = slots.requested("a", id: 1, priority: .text, at: .zero)
        _ = slots.requested("b", id: 2, priority: .text, at: .zero)
        #expect(slots.cancelled(2) == "b")
        #expect(slots.cancelled(2) == nil)
        #expect(slots.cancelled(1) == nil, "granted already")
        #expect(slots.released(at: .zero) == nil)
    }

    @Test func aPauseGrantsNothingAndLosesNobody() {
        var slots = SlotAllocator<String>(slots: 2)
        _ = slots.requested("running", id: 0, priority: .text, at: .zero)
        #expect(slots.paused(true, at: .zero) == [])
        #expect(slots.requested("first", id: 1, priority: .text, at: .zero) == false, "although a slot is free")
        #expect(slots.requested("second", id: 2, priority: .text, at: .zero) == false)
        #expect(slots.released(at: .zero) == nil)
        #expect(slots.resized(to: 3, at: .zero) == [])
        #expect(slots.inUse == 0)
        #expect(slots.paused(false, at: .zero) == ["first", "second"], "in the order in which they came")
        #expect(slots.waiting == 0)
    }

    /// Random requests, releases, cancellations and pauses: never more slots than there are, nobody forgotten.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func slotsAreNeitherLostNorInvented(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var slots = SlotAllocator<UInt64>(slots: 3)
        var (held, waiting, nextID, now) = (0, Set<UInt64>(), 0 as UInt64, Duration.zero)
        for _ in 0..<300 {
            now += .milliseconds(Int.random(in: 0...2_000, using: &generator))
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                nextID += 1
                let priority = Priority.allCases.randomElement(using: &generator) ?? .text
                if slots.requested(nextID, id: nextID, priority: priority, at: now) {
                    held += 1
                } else {
                    waiting.insert(nextID)
                }
            case 1 where held > 0:
                if let next = slots.released(at: now) { #expect(waiting.remove(next) != nil) } else { held -= 1 }
            case 2:
                for next in slots.paused(!slots.isPaused, at: now) {
                    #expect(waiting.remove(next) != nil)
                    held += 1
                }
            default:
                if let id = waiting.sorted().randomElement(using: &generator) {
                    #expect(slots.cancelled(id) == id)
                    waiting.remove(id)
                }
            }
            #expect(held <= 3)
            #expect(slots.inUse == held)
            #expect(slots.waiting == waiting.count)
            #expect(waiting.isEmpty || held == 3 || slots.isPaused, "a slot lies idle while somebody waits")
        }
    }
}
