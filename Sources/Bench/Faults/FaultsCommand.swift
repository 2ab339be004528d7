import ArgumentParser
import CardumeTrials
import Foundation

struct FaultsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults",
        abstract: "Lets things fail around the real program under load, and holds it to what it promises.",
        discussion: """
            Each fault gets a deployment of its own: redis-server (or a cluster), PostgreSQL, a gateway, two or more workers, a \
            fake model and Evolution server, and conversations that write all the time. After each: no accepted message lost, \
            none answered out of order, no reply repeated without a counted doubt, progress in every conversation within 15 s, \
            an empty log. A fault that did not bite fails, too.

            The status is 1 when a fault was not survived.
            """)

    @Argument(help: "Names of faults, or beginnings of names, such as redis; all when none is given.")
    var names: [String] = []
    @Flag(help: "Only tell what there is.")
    var list = false
    @Option(help: "Fixes what is drawn at random.")
    var seed: UInt64 = 11
    @Option(help: "Run them so many times, each time with the next seed.")
    var repeats = 1
    @Option(help: "Write the table to this file, in Markdown.")
    var markdown: String?

    func validate() throws {
        for name in self.names where !FaultMatrix.all.contains(where: { $0.name.hasPrefix(name) }) {
            throw ValidationError("there is no fault \(name); see --list")
        }
        guard self.repeats > 0 else { throw ValidationError("--repeats must be at least 1") }
    }

    func run() async throws {
        let chosen = FaultMatrix.all.filter { fault in
            self.names.isEmpty || self.names.contains { fault.name.hasPrefix($0) }
        }
        if self.list {
            for fault in chosen { print("\(fault.name)\n    \(fault.injection)\n    expected: \(fault.expectation)") }
            return
        }
        _ = try Program.path("cardume")
        var table = FaultTable()
        for seed in self.seed..<(self.seed + UInt64(self.repeats)) {
            for fault in chosen {
                let begin = ContinuousClock.now
                let result = await fault.run(seed: seed)
                table.add(fault, seed: seed, result)
                // At once, also into a file.
                let line = "\(table.lastLine)   \(begin.duration(to: .now).rounded)\n"
                FileHandle.standardOutput.write(Data(line.utf8))
            }
        }
        print("\n\(table.summary)")
        if let path = self.markdown {
            try table.markdown(at: Date(), on: .current, isWhole: self.names.isEmpty)
                .write(toFile: path, atomically: true, encoding: .utf8)
        }
        if !table.failures.isEmpty { throw BenchFailure("not survived: \(table.failures.joined(separator: ", "))") }
    }
}
