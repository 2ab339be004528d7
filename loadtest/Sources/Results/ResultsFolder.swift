import CardumeLoad
import Foundation

/// Where a run's results are kept: `results.json`, `metrics.prom`, `report.html`.
struct ResultsFolder: Sendable {
    let path: String

    /// - Throws: a ``LoadFailure`` when it cannot be made.
    init(_ path: String) throws {
        self.path = path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw LoadFailure("cannot create the folder \(path): \(error.localizedDescription)")
        }
    }

    var results: String { "\(self.path)/results.json" }

    /// What a run that is interrupted now can go on from. Whole at any moment.
    func keep(_ results: RunResults) throws {
        try results.json().write(to: URL(filePath: self.results), options: .atomic)
    }

    func write(_ results: RunResults) throws {
        try self.keep(results)
        let texts = ["metrics.prom": PrometheusResults(results).text, "report.html": HTMLReport(results: results).html]
        for (name, text) in texts {
            try Data(text.utf8).write(to: URL(filePath: "\(self.path)/\(name)"), options: .atomic)
        }
    }
}
