#if !CARDUME_COVERAGE
import ArgumentParser
import CardumeTesting
import Foundation

@main
struct CardumeFuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cardume-fuzz",
        abstract: "Gives readers of foreign bytes what nobody should send them.",
        discussion: """
            Inputs are made of the corpus by changes that the seed fixes. An input that crashes is printed before it runs when \
            --trace is given; without it, run the same seed again. `scripts/fuzz` makes a build that is guided by coverage.
            """)

    @Argument(help: "What to give them to: \(FuzzTarget.all.map(\.name).joined(separator: ", ")); all when none is named.")
    var targets: [String] = []
    @Option(help: "For so long, each.")
    var seconds = 10.0
    @Option(help: "Fixes the inputs.")
    var seed: UInt64 = 1
    @Option(help: "Folder with a folder of inputs for each target.")
    var corpus = "Tests/Fixtures/fuzz"
    @Flag(help: "Write each input to the file last-input before it runs.")
    var trace = false

    func validate() throws {
        let known = FuzzTarget.all.map(\.name)
        for name in self.targets where !known.contains(name) { throw ValidationError("there is no target \(name)") }
    }

    func run() throws {
        for target in FuzzTarget.all where self.targets.isEmpty || self.targets.contains(target.name) {
            let inputs = Self.inputs("\(self.corpus)/\(target.name)")
            for input in inputs { target.run(input) }
            let mutator = Mutator(inputs)
            var generator = SeededGenerator(seed: self.seed)
            var count = 0
            let end = ContinuousClock.now + .seconds(self.seconds)
            while ContinuousClock.now < end {
                let input = mutator.next(using: &generator)
                if self.trace { try Data(input).write(to: URL(filePath: "last-input")) }
                target.run(input)
                count += 1
            }
            print("\(target.name): \(inputs.count) of the corpus, \(count) made of them")  // The command's output.
        }
    }

    static func inputs(_ folder: String) -> [[UInt8]] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.sorted().compactMap { FileManager.default.contents(atPath: "\(folder)/\($0)").map { Array($0) } }
    }
}
#endif
