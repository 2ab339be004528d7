import ArgumentParser
import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation

struct MaintainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintain", abstract: "Looks after the data once: partitions, retention, dead letters, archive.",
        discussion: """
            Workers do the same every upkeep.interval, one of them at a time; this does it now, with the configuration's database. \
            The data folder of a deployment without one can be looked after only while no process uses it. Exit status 1 when \
            something went wrong.
            """)

    @OptionGroup var options: ConfigurationOptions
    @Flag(help: "Count what would be done, and change nothing.") var dryRun = false
    @Flag(help: "Print what was done as JSON.") var json = false

    func run() async throws {
        try await UpkeepVisit.run(self.options) { visit in
            let report = try await self.work(visit)
            if self.json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                print(String(decoding: try encoder.encode(report), as: UTF8.self))
            } else {
                print(UpkeepSummary.text(report))
            }
            if !report.failures.isEmpty { throw ExitCode.failure }
        }
    }

    private func work(_ visit: UpkeepVisit) async throws -> UpkeepReport {
        let store = UpkeepStore(visit.site.database)
        let clock = SystemClock()
        do {
            let state = try await store.state()
            let claimed = self.dryRun ? state : try await store.claim(for: visit.name, evenIfNotDue: true)
            guard let claimed else {
                throw CommandFailure("\(state.holder ?? "another process") is at it; try again when it has finished")
            }
            var pass = UpkeepPass(
                visit.site, visit.settings, claimed, name: visit.name, program: "cardume \(Cardume.version)",
                isDryRun: self.dryRun, uptime: { clock.uptime }, sleep: { try await clock.sleep(for: $0) })
            let report = try await pass.run()
            if !self.dryRun { try await pass.finish(report) }
            return report
        } catch let error as StoreError {
            throw CommandFailure(error.message)
        }
    }
}

/// A pass in words.
enum UpkeepSummary {
    static func text(_ report: UpkeepReport) -> String {
        let (done, gone) = report.isDryRun ? ("would be archived", "would be deleted") : ("archived", "deleted")
        var lines = report.partitionsCreated.map { "partition \($0) made" }
        lines += report.partitionsDropped.map { "partition \($0) \(report.isDryRun ? "would be dropped" : "dropped")" }
        lines += Self.counts(report.archived).map { "\($0) \(done)" }
        lines += report.files.map { "archive file \($0) finished" }
        lines += Self.counts(report.deleted).map { "\($0) \(gone)" }
        if report.unsettled > 0 { lines.append("\(report.unsettled) conversations stay: the log may hold messages of them") }
        if report.awoken > 0 { lines.append("\(report.awoken) conversations stay: they have changed since they were archived") }
        lines += report.notes
        if lines.isEmpty { lines.append("nothing to do") }
        if !report.isComplete { lines.append("the time was over (upkeep.time_limit): the next pass goes on") }
        lines += report.failures.sorted { $0.key < $1.key }.map { "FAILED: \($0.key): \($0.value)" }
        return lines.joined(separator: "\n")
    }

    private static func counts(_ counts: [UpkeepKind: Int]) -> [String] {
        UpkeepKind.allCases.compactMap { kind in
            counts[kind].flatMap { $0 > 0 ? "\($0) \(kind.rawValue.replacing("_", with: " "))" : nil }
        }
    }
}
