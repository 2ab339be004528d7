/// Makes new inputs of old ones, as generators without coverage do.
package struct Mutator: Sendable {
    private static let words = [
        "\"", "{", "}", "[", "]", "null", "true", "-1", "1e400", "99999999999999999999", "\\u0000", "\\ud800", "\r\n",
        "$-1\r\n",
        "*-1\r\n", ":0\r\n", "*3\r\n", "$5\r\n", ": ", "- ", "&a", "*a", "!!", "~", "%", "00-", "=", ",", "\u{FEFF}", "é", "👍🏽",
    ].map { Array($0.utf8) }

    private let corpus: [[UInt8]]

    /// - Parameter corpus: at least one.
    package init(_ corpus: [[UInt8]]) {
        self.corpus = corpus.isEmpty ? [[]] : corpus
    }

    /// A few changes of a few bytes to one of the corpus, at most 64 KiB.
    package func next(using generator: inout some RandomNumberGenerator) -> [UInt8] {
        var input = self.corpus.randomElement(using: &generator) ?? []
        for _ in 0..<Int.random(in: 1...6, using: &generator) { self.change(&input, using: &generator) }
        return Array(input.prefix(65_536))
    }

    private func change(_ input: inout [UInt8], using generator: inout some RandomNumberGenerator) {
        let place = Int.random(in: 0...input.count, using: &generator)
        let length = min(input.count - place, Int.random(in: 1...16, using: &generator))
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: input.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        case 1: input.insert(contentsOf: Self.words.randomElement(using: &generator) ?? [], at: place)
        case 2: input.removeSubrange(place..<(place + length))
        case 3 where place < input.count: input[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 4: input.insert(contentsOf: input[place..<(place + length)], at: place)
        default:
            // The head of one, the tail of another.
            let other = self.corpus.randomElement(using: &generator) ?? []
            let cut = Int.random(in: 0...other.count, using: &generator)
            input.replaceSubrange(place..., with: other[cut...])
        }
    }
}
