import CardumeLoad
import Foundation

/// Everything a run has found, as it is kept in `results.json`.
struct RunResults: Sendable, Codable {
    /// Of the format. A change of meaning or a removal raises it; an addition does not.
    static let currentVersion = 1

    struct Search: Sendable, Codable {
        struct Trial: Sendable, Codable {
            let rate: Double
            let outcome: Verdict.Outcome
            let reasons: [String]
        }

        /// Messages per second; `nil` when not even the lowest rate kept the objectives.
        let limit: Double?
        /// Whether it is the highest rate that was allowed.
        let isCeiling: Bool
        let trials: [Trial]
    }

    var version = Self.currentVersion
    /// `ramp`, `find-limit`, `spike`, `soak`, `stress` or `steady`.
    let mode: String
    /// ISO 8601.
    let startedAt: String
    var finishedAt: String
    var environment: RunEnvironment
    var objectives: Objectives
    /// Seconds that the generator's lateness may have at its 99th percentile.
    var latenessBound: Double
    var steps: [StepRecord]
    var timeline: Timeline
    /// Conversations begun.
    var conversations: Int
    var strays: Int
    var foreign: Int
    var failures: [String: Int]
    var examples: [String]
    var sabotage: Saboteur.Fault?
    /// Only of deployments that this program has started.
    var cost: RunCost?
    var search: Search?
    var drift: Drift?
    /// Attempts before this one, and how many seconds of load they had.
    var segments = 0
    var loadedSeconds = 0.0
    /// Seconds of load that were to be.
    var plannedSeconds: Double
    var isInterrupted = false
    var verdict: Verdict

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return try encoder.encode(self)
    }

    /// - Throws: a ``LoadFailure`` when the file is no results of a version that is known.
    static func read(_ path: String) throws -> RunResults {
        struct Version: Decodable { let version: Int }
        let data: Data
        do { data = try Data(contentsOf: URL(filePath: path)) } catch { throw LoadFailure("\(path) cannot be read: \(error)") }
        guard let version = try? JSONDecoder().decode(Version.self, from: data).version else {
            throw LoadFailure("\(path) holds no results of cardume-loadtest")
        }
        guard version == Self.currentVersion else {
            throw LoadFailure("\(path) has version \(version); this program reads version \(Self.currentVersion)")
        }
        do {
            return try JSONDecoder().decode(RunResults.self, from: data)
        } catch {
            throw LoadFailure("\(path) is damaged: \(error)")
        }
    }
}
