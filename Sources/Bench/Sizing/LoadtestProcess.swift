import CardumeLoad
import CardumeTesting
import Foundation

/// cardume-loadtest as a process of its own, beside this program.
struct LoadtestProcess: Sendable {
    /// Of what it keeps in `results.json`, as much as sizing needs.
    struct Results: Decodable, Sendable {
        struct Verdict: Decodable, Sendable {
            let outcome: String
            let reasons: [String]
        }

        struct Step: Decodable, Sendable {
            let intended: Int
            let replied: Int
            let lost: Int
            let reordered: Int
            let duplicates: Int
            let reply: Percentiles
            let added: Percentiles
        }

        let verdict: Verdict
        let steps: [Step]
        let conversations: Int
        let cost: RunCost?
    }

    /// Its results and logs; one folder for each run.
    let folder: String

    /// A steady load on this machine.
    ///
    /// - Parameter name: of the run's folder.
    /// - Throws: a ``BenchFailure`` when there are no results.
    func run(_ name: String, _ arguments: [String]) async throws -> Results {
        let output = "\(self.folder)/\(name)"
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        let log = "\(output)/log"
        let process = try ServerProcess(
            [try Program.path("cardume-loadtest"), "steady", "--local", "--output", output] + arguments, folder: output,
            log: log)
        await process.end()
        guard let data = FileManager.default.contents(atPath: "\(output)/results.json") else {
            throw BenchFailure("cardume-loadtest could not run; its log: \(log)")
        }
        return try JSONDecoder().decode(Results.self, from: data)
    }
}
