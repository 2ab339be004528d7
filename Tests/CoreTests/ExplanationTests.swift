import CardumeTesting
import Foundation
import Testing

@testable import CardumeCore

@Suite struct ExplanationTests {
    private static let noon = Timestamp(milliseconds: 1_795_176_000_120)

    /// However requests are ordered, the number that is told is the number that goes first.
    @Test func thePlaceInTheLineIsTheOrderInWhichSlotsAreGiven() {
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<300 {
            var slots = SlotScheduler(ageing: .seconds(1))
            let bulkhead = slots.add(SlotLimits(slots: 1))
            _ = slots.acquired(bulkhead, .light)
            var lanes: [UInt64: Lane] = [:]
            // Some ask at the same moment.
            let step = Int.random(in: 1...4, using: &generator)
            for id in UInt64(1)...20 {
                let lane = Lane.allCases.randomElement(using: &generator)!
                lanes[id] = lane
                _ = slots.requested(
                    id, bulkhead, lane, Priority.allCases.randomElement(using: &generator)!,
                    at: .milliseconds(Int64(id / UInt64(step)) * 300))
            }
            let now = Duration.seconds(8)
            let told = lanes.reduce(into: [:]) { $0[$1.key] = slots.ahead(of: $1.key, bulkhead, $1.value, at: now) }
            var running = Lane.light
            for place in 0..<20 {
                guard let next = slots.released(bulkhead, running, at: now) else {
                    Issue.record("nobody has the slot")
                    return
                }
                #expect(told[next] == place)
                running = lanes[next]!
            }
            #expect(slots.ahead(of: 1, bulkhead, lanes[1]!, at: now) == nil)
        }
    }

    @Test func aLaneThatIsFullOrPausedIsInNobodysWay() {
        var slots = SlotScheduler()
        let bulkhead = slots.add(SlotLimits(slots: 2, lanes: [.heavy: .init(slots: 1), .image: .init(isPaused: true)]))
        let areGranted = [slots.acquired(bulkhead, .heavy), slots.acquired(bulkhead, .light)]
        #expect(areGranted == [true, true])
        for (index, lane) in [Lane.heavy, .image, .audio, .light, .heavy].enumerated() {
            let isGranted = slots.requested(UInt64(index), bulkhead, lane, .text, at: .milliseconds(index))
            #expect(!isGranted)
        }
        #expect(slots.ahead(of: 3, bulkhead, .light, at: .seconds(1)) == 1)
        #expect(slots.ahead(of: 4, bulkhead, .heavy, at: .seconds(1)) == 3, "behind the first of its own, full lane")
        #expect(slots.ahead(of: 9, bulkhead, .light, at: .seconds(1)) == nil)
    }

    @Test func jsonComesBackAsItWasAndReadsWell() throws {
        let failure = TurnFailure(category: .timeout, message: "30 s", isRetryable: true)
        let blocker = Blocker(.retry(attempt: 2, of: 3, failure), until: Self.noon.advanced(by: .seconds(42)))
        var explanation = ConversationExplanation(
            "loja:1", queue: "suporte@heavy", owner: "a-1", obstacle: Obstacle(blocker, at: Self.noon), messages: 2,
            hasUnsettled: true, isHeld: false)
        let json = try JSONEncoder().encode(explanation)
        #expect(try JSONDecoder().decode(ConversationExplanation.self, from: json) == explanation)
        let text = String(decoding: json, as: UTF8.self)
        for part in [#""until":"2026-11-20T12:00:42.120Z""#, #""state":"waiting""#, #""cause":"retry""#, #""unsettled":true"#] {
            #expect(text.contains(part), "\(part) is not in \(text)")
        }
        #expect(explanation.sentence(at: Self.noon) == "retries at 12:00:42 UTC (attempt 2 of 3): timeout: 30 s")
        explanation = ConversationExplanation(
            "loja:1", queue: nil, state: .running, run: ConversationExplanation.Run(since: Self.noon, attempt: 2))
        #expect(
            explanation.sentence(at: Self.noon.advanced(by: .seconds(86_400)))
                == "its turn has been running since 2026-11-20 12:00:00 UTC (attempt 2)")
        #expect(
            try JSONDecoder().decode(ConversationExplanation.self, from: JSONEncoder().encode(explanation)) == explanation)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([WrittenTime].self, from: Data(#"["2026-11-20"]"#.utf8))
        }
    }

    @Test func endsAreToldInSeconds() {
        let gone = Obstacle.ownerGone("a", "suporte", isServed: true, within: .milliseconds(5_100), at: Self.noon)
        #expect(gone.text == "its owner, a, is gone; another process takes over within 6 s")
        #expect(gone.until == Self.noon.advanced(by: .milliseconds(5_100)))
        let alone = Obstacle.ownerGone("a", "suporte", isServed: false, within: .seconds(6), at: Self.noon)
        #expect(alone.text == "its owner, a, is gone, and no live process serves suporte" && alone.until == nil)
    }
}
