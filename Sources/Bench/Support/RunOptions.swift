import ArgumentParser

/// What all commands with servers take.
struct RunOptions: ParsableArguments {
    @Option(help: "How often to measure; medians are reported.")
    var runs = 3
    @Flag(help: "Print one JSON object instead of text.")
    var json = false

    func validate() throws {
        guard self.runs > 0 else { throw ValidationError("--runs must be at least 1") }
    }

    /// Measures and prints.
    ///
    /// - Parameter table: how to arrange the figures; `nil` for one below the other.
    func report(
        _ command: String, _ title: String, table: FigureTable? = nil,
        _ measure: (_ run: Int, ProgressBar) async throws -> [Figure]
    ) async throws -> Report {
        let progress = ProgressBar(isShown: !self.json)
        var runs: [[Figure]] = []
        for run in 0..<self.runs {
            defer { progress.clear() }
            runs.append(try await measure(run, progress))
        }
        let report = Report(command: command, title: title, runs: runs)
        print(self.json ? try report.json() : table?.text(report) ?? report.text())
        return report
    }
}
