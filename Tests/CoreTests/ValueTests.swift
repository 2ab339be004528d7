import CardumeCore
import CardumeTesting
import Foundation
import TestSupport
import Testing

@Suite struct ValueTests {
    /// The published vectors: producers in other languages test against the same.
    @Test(arguments: [
        ("123456789", 0xCBF4_3926 as UInt32), ("", 0), ("loja-uberlandia:5534999990001", 0x61D8_38BD),
        ("filial:02 são joão/centro:5534999990020", 0xCC1A_BEA6),
    ])
    func crc32HasItsVectors(_ text: String, _ hash: UInt32) {
        #expect(StableHash.crc32(text.utf8) == hash)
    }

    @Test func partitionsArePublished() {
        let vectors = [
            ("loja-uberlandia:5534999990001", 61), ("loja-uberlandia:5534999990002", 7),
            ("109876543210987:553499990041", 10), ("filial:02 são joão/centro:5534999990020", 38),
        ]
        for (id, number) in vectors {
            #expect(Conversation.ID(id).partitionNumber(of: 64) == number, "\(id)")
        }
    }

    @Test func conversationsSpreadEvenly() {
        var counts = Array(repeating: 0, count: 64)
        for contact in 0..<64_000 {
            counts[Conversation.ID("loja:55349\(90_000_000 + contact)").partitionNumber(of: 64)] += 1
        }
        #expect(counts.min() ?? 0 > 800)
        #expect(counts.max() ?? 0 < 1_200)
    }

    @Test func conversationIsSplitAtTheLastColon() {
        let id = Conversation.ID("filial:02:5534")
        #expect(id.channel == "filial:02")
        #expect(id.contact == "5534")
        #expect(Conversation.ID(channel: "filial:02", contact: "5534") == id)
    }

    @Test func identifiersAreComparedAsBytes() {
        let composed = MessageID("\u{E9}")
        let decomposed = MessageID("e\u{301}")
        #expect(composed.rawValue == decomposed.rawValue)
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
    }

    @Test func backoffHasFullJitterUnderDoublingCeilings() {
        let policy = RetryPolicy()
        #expect((1...3).map { policy.ceiling(afterAttempt: $0) } == [.seconds(2), .seconds(4), .seconds(8)])
        #expect(policy.ceiling(afterAttempt: 1_000) == .seconds(60))
        var generator = SeededGenerator(seed: 1)
        let delays = (0..<1_000).map { _ in policy.delay(afterAttempt: 2, using: &generator) }
        #expect(delays.allSatisfy { (.zero...(.seconds(4))).contains($0) })
        #expect(delays.contains { $0 < .milliseconds(500) })
        #expect(delays.contains { $0 > .milliseconds(3_500) })
    }

    @Test func longAnswersAreCutAtParagraphsThenLinesThenWords() {
        #expect(ReplyParts.split("um\n\ndois três", limit: 16) == ["um\n\ndois três"])
        #expect(ReplyParts.split("um dois\n\ntrês quatro cinco", limit: 16) == ["um dois", "três quatro", "cinco"])
        #expect(ReplyParts.split(String(repeating: "a", count: 40), limit: 16).map(\.count) == [16, 16, 8])
        #expect(ReplyParts.split(" \n ", limit: 16).isEmpty)
        let families = String(repeating: "👨‍👩‍👧‍👦", count: 5)
        #expect(ReplyParts.split(families, limit: 16).joined() == families)
        #expect(ReplyParts.split(families, limit: 16).allSatisfy { $0.utf16.count <= 16 })
    }

    @Test func generationsShowWhatTheyHave() {
        var names = Generations<Int, String>(limit: 4)
        (names[1], names[2]) = ("a", "b")
        #expect(names.values.sorted() == ["a", "b"])
        names.age()
        #expect(names[2] == "b")
        #expect(names.values.sorted() == ["a", "b"])
        names.age()
        #expect(names.values == ["b"], "looking at all of them is no use")
    }
}
