import CardumeRuntime
import Foundation

/// A line from a measured worker.
struct WorkerNews: Codable, Sendable {
    enum State: String, Codable {
        /// Connected; waits to be told `go`.
        case ready
        /// Owns its partitions and has begun to read.
        case open
        /// All messages it was to expect have left the log.
        case settled
        /// Was asked.
        case snapshot
    }

    struct Allocator: Codable, Sendable {
        var allocated, active, resident, retained: Int

        static var current: Allocator {
            let statistics = AllocatorStatistics.current
            return Allocator(
                allocated: statistics.allocated, active: statistics.active, resident: statistics.resident,
                retained: statistics.retained)
        }
    }

    var state: State
    /// Since `go`.
    var seconds = 0.0
    /// Messages whose turns have been journaled.
    var finished = 0
    /// Turns.
    var running = 0
    /// In memory.
    var conversations = 0
    var resident = ProcessUsage.residentHere
    var allocator = Allocator.current
    /// Messages that came out of order, twice or not at all; the first few.
    var violations: [String] = []
    /// What the runtime complained of; the first few.
    var troubles: [String] = []
    /// Calls to Redis and PostgreSQL that failed and were repeated.
    var repeatedCalls = 0
    /// Why; the first few.
    var unavailable: [String] = []
    /// Percentiles in milliseconds by what was measured.
    var latency: [String: [String: Double]] = [:]

    init(_ state: State) { self.state = state }

    /// Writes it to standard output.
    func send() {
        guard let data = try? JSONEncoder().encode(self) else { return }
        FileHandle.standardOutput.write(data + Data("\n".utf8))
    }
}
