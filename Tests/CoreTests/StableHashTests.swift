import CardumeTesting
import Testing

@testable import CardumeCore

@Suite struct StableHashTests {
    /// Bit by bit, as the standard defines it.
    private static func reference(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(0xFFFF_FFFF as UInt32) { value, byte in
            (0..<8).reduce(value ^ UInt32(byte)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
        }
    }

    @Test func crc32IsThatOfTheStandard() {
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<2_000 {
            let bytes = (0..<Int.random(in: 0...64, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator)
            }
            #expect(StableHash.crc32(bytes) == Self.reference(bytes))
        }
    }

    /// Whatever the number of partitions, also when it is no power of two, and whatever names have in common.
    @Test(arguments: [2, 7, 60, 64, 100]) func partitionsAreEvenlyLoaded(_ partitions: Int) {
        var generator = SeededGenerator(seed: UInt64(partitions))
        let total = partitions * 150
        for pattern in 0..<3 {
            var counts = Array(repeating: 0, count: partitions)
            for index in 0..<total {
                let contact =
                    switch pattern {
                    case 0: "55349\(90_000_000 + index)"
                    case 1: String(UInt64.random(in: 1...(.max), using: &generator))
                    default: "\(index * 1_000)@lid"
                    }
                counts[Conversation.ID(channel: "loja", contact: ContactID(contact)).partitionNumber(of: partitions)] += 1
            }
            // Six standard deviations of 150 at random.
            #expect(counts.allSatisfy { (75...225).contains($0) }, "\(counts.min() ?? 0) to \(counts.max() ?? 0)")
        }
    }

    /// A single bit of either text turns half of the bits.
    @Test func mixingSpreadsEveryBit() {
        var generator = SeededGenerator(seed: 21)
        var (flips, trials) = (0, 0)
        for _ in 0..<4_000 {
            let texts = (0..<2).map { _ in (0..<12).map { _ in UInt8.random(in: 0...255, using: &generator) } }
            let side = Int.random(in: 0...1, using: &generator)
            var changed = texts
            changed[side][Int.random(in: 0..<12, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            let difference = StableHash.mixed(texts[0], texts[1]) ^ StableHash.mixed(changed[0], changed[1])
            #expect(difference != 0)
            flips += difference.nonzeroBitCount
            trials += 64
        }
        #expect((0.49...0.51).contains(Double(flips) / Double(trials)))
        #expect(StableHash.mixed("ab".utf8, "c".utf8) != StableHash.mixed("a".utf8, "bc".utf8))
    }
}
