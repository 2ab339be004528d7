import CardumeFuzz
import CardumeTesting
import Foundation
import TestSupport
import Testing

@Suite struct FuzzTests {
    /// The corpus, and some hundreds of inputs made of it. A finding ends the process.
    @Test(arguments: FuzzTarget.all.map(\.name)) func survives(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let corpus = try Self.corpus(name)
        #expect(!corpus.isEmpty)
        for input in corpus { target.run(input) }
        let mutator = Mutator(corpus)
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<300 { target.run(mutator.next(using: &generator)) }
    }

    @Test func theSameSeedGivesTheSameInputs() {
        let mutator = Mutator([Array("abc".utf8), Array("{\"a\": 1}".utf8)])
        var (one, other) = (SeededGenerator(seed: 3), SeededGenerator(seed: 3))
        for _ in 0..<100 { #expect(mutator.next(using: &one) == mutator.next(using: &other)) }
    }

    private static func corpus(_ name: String) throws -> [[UInt8]] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/fuzz/\(name)").path
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        let own = files.compactMap { FileManager.default.contents(atPath: "\(folder)/\($0)").map { Array($0) } }
        // What senders send: not kept twice.
        let samples = WireSamples.all.files.filter { $0.source == name }.map(\.body)
        return own + samples
    }
}
