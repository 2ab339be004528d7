import ArgumentParser
import CardumeLoad
import Foundation

/// What the run must reach, and where its results go.
struct JudgeOptions: ParsableArguments {
    @Option(help: "YAML file of objectives; by default those of the mode, as in loadtest/.")
    var objectives: String?
    @Option(help: "A run whose generator was later than this (99th percentile) is invalid.")
    var lateness = Length(seconds: 0.1)
    @Option(help: "How long nothing may happen in the end before what is unanswered counts as lost.")
    var patience = Length(seconds: 30)
    @Option(help: "Folder of the results; by default loadtest-results/<mode>-<time>.")
    var output: String?

    /// - Throws: a ``LoadFailure`` or an ``Objectives/Problem`` for a file that cannot be used.
    func objectives(else standard: Objectives) throws -> Objectives {
        guard let path = self.objectives else { return standard }
        let yaml: String
        do {
            yaml = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw LoadFailure("\(path) cannot be read")
        }
        return try Objectives(yaml: yaml, file: path)
    }

    func folder(_ mode: String) -> String {
        let time = Date().formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
        return self.output ?? "loadtest-results/\(mode)-\(time)"
    }
}
