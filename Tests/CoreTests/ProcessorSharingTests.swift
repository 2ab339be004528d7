import CardumeTesting
import Testing

struct ProcessorSharingTests {
    /// Steps through the ends as they come: when each call ended.
    private static func ends(_ sharing: inout ProcessorSharing<Int>, until end: Duration = .seconds(1_000)) -> [Int: Double] {
        var ends: [Int: Double] = [:]
        while let next = sharing.nextEnd, next <= end {
            for call in sharing.ended(by: next) { ends[call] = Self.rounded(next) }
        }
        return ends
    }

    private static func rounded(_ duration: Duration) -> Double { (duration / .milliseconds(1)).rounded() / 1_000 }

    @Test func runsAtFullSpeedUpToItsCapacity() {
        var sharing = ProcessorSharing<Int>(capacity: 2)
        sharing.began(1, work: .seconds(1))
        sharing.began(2, work: .seconds(3))
        #expect(Self.ends(&sharing) == [1: 1, 2: 3])
        #expect(sharing.inFlight == 0)
        #expect(sharing.nextEnd == nil)
    }

    /// Three at two thirds of their speed until the first has ended, then two at full speed.
    @Test func sharesWhatItHasBeyondThat() {
        var sharing = ProcessorSharing<Int>(capacity: 2)
        for call in 1...3 { sharing.began(call, work: .seconds(call)) }
        #expect(Self.ends(&sharing) == [1: 1.5, 2: 2.5, 3: 3.5])
    }

    @Test func whoComesLaterSlowsDownTheOthers() {
        var sharing = ProcessorSharing<Int>(capacity: 1)
        sharing.began(1, work: .seconds(2))
        #expect(sharing.ended(by: .seconds(1)).isEmpty)
        sharing.began(2, work: .milliseconds(500))
        #expect(Self.ends(&sharing) == [2: 2, 1: 2.5])
    }

    @Test func capacityMayChangeWhileCallsRun() {
        var sharing = ProcessorSharing<Int>(capacity: 4)
        for call in 1...4 { sharing.began(call, work: .seconds(2)) }
        #expect(sharing.ended(by: .seconds(1)).isEmpty)
        sharing.resize(capacity: 2)
        #expect(sharing.nextEnd.map(Self.rounded) == 3)
        #expect(sharing.ended(by: .seconds(2)).isEmpty)
        sharing.resize(capacity: nil)
        #expect(Self.ends(&sharing) == [1: 2.5, 2: 2.5, 3: 2.5, 4: 2.5])
    }

    /// Looked at once, long after: in the order in which they ended, each at its own speed.
    @Test func isExactHoweverSeldomItIsLookedAt() {
        var (often, seldom) = (ProcessorSharing<Int>(capacity: 3), ProcessorSharing<Int>(capacity: 3))
        var generator = SeededGenerator(seed: 7)
        var now = Duration.zero
        var (oftenEnded, seldomEnded): ([Int], [Int]) = ([], [])
        for call in 0..<500 {
            let next = now + .milliseconds(Int.random(in: 0...800, using: &generator))
            let work = Duration.milliseconds(Int.random(in: 1...4_000, using: &generator))
            while now < next {
                now = min(next, now + .milliseconds(1))
                oftenEnded += often.ended(by: now)
            }
            seldomEnded += seldom.ended(by: now)
            often.began(call, work: work)
            seldom.began(call, work: work)
        }
        oftenEnded += often.ended(by: .seconds(10_000))
        seldomEnded += seldom.ended(by: .seconds(10_000))
        #expect(seldomEnded.count == 500)
        #expect(oftenEnded == seldomEnded)
    }

    /// The sum of the speeds is the capacity: what it cannot do at once takes longer, and nothing is lost.
    @Test func doesAsMuchAsItCan() {
        var sharing = ProcessorSharing<Int>(capacity: 40)
        for call in 0..<400 { sharing.began(call, work: .milliseconds(500)) }
        let ends = Self.ends(&sharing)
        #expect(ends.count == 400)
        #expect(Set(ends.values) == [5])
    }
}
