/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers from the same seed, on every machine.
struct SimulationRandom: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter stream: numbers of different streams have nothing to do with each other.
    init(seed: UInt64, stream: UInt64) {
        self.state = (seed &* 0x9E37_79B9_7F4A_7C15) ^ (stream &* 0xD1B5_4A32_D192_ED03)
        _ = self.next()
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// - Parameter bound: from 1, to 2³².
    mutating func below(_ bound: Int) -> Int { Int(((self.next() >> 32) &* UInt64(bound)) >> 32) }

    mutating func integer(_ range: ClosedRange<Int>) -> Int { range.lowerBound + self.below(range.count) }

    mutating func chance(_ probability: Double) -> Bool { Double(self.next() >> 11) * 0x1p-53 < probability }

    /// In whole microseconds.
    mutating func duration(_ range: ClosedRange<Duration>) -> Duration {
        let span = (range.upperBound - range.lowerBound).microseconds
        return range.lowerBound + .microseconds(Int64(self.next() >> 11) % (span + 1))
    }

    /// - Parameter elements: at least one.
    mutating func element<Element>(of elements: [Element]) -> Element { elements[self.below(elements.count)] }
}

extension Duration {
    /// Whole microseconds.
    var microseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
