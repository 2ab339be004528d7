import CardumeCore
import CardumeTesting
import Synchronization

/// A log that notes how long messages wait outside their turns: from the intended append to the turn's begin, and from its end
/// to the return of the settle that removed them.
final class LatencyLog: ForwardingLog {
    private struct Course {
        var waited: Int64
        var turnEnded: Int64?
    }

    private struct State {
        var offsets: [Partition.ID: [LogOffset: MessageID]] = [:]
        var courses: [MessageID: Course] = [:]
        var before = Percentiles()
        var after = Percentiles()
        var both = Percentiles()
    }

    let log: any PartitionLog
    private let state = Mutex(State())

    init(_ log: any PartitionLog) { self.log = log }

    /// In milliseconds: `begin`, `settle`, and the sum of both, `added`, message by message.
    var percentiles: [String: [String: Double]] {
        self.state.withLock {
            ["begin": $0.before.milliseconds, "settle": $0.after.milliseconds, "added": $0.both.milliseconds]
        }
    }

    func turnBegan(_ message: InboundMessage) {
        let now = MonotonicTime.now
        self.state.withLock {
            $0.courses[message.id] = Course(waited: now - ClusterWorkload.intended(message))
        }
    }

    func turnEnded(_ message: InboundMessage) {
        let now = MonotonicTime.now
        self.state.withLock { $0.courses[message.id]?.turnEnded = now }
    }

    func next(
        _ partition: Partition.ID, after offset: LogOffset, limit: Int
    ) async throws(StoreError) -> [LogEntry] {
        let entries = try await self.log.next(partition, after: offset, limit: limit)
        self.state.withLock { state in
            for entry in entries { state.offsets[partition, default: [:]][entry.offset] = entry.message.id }
        }
        return entries
    }

    func settle(_ offsets: [LogOffset], _ fence: Fence) async throws(StoreError) {
        try await self.log.settle(offsets, fence)
        let now = MonotonicTime.now
        self.state.withLock { state in
            for offset in offsets {
                guard let message = state.offsets[fence.partition]?.removeValue(forKey: offset),
                    let course = state.courses.removeValue(forKey: message), let ended = course.turnEnded
                else { continue }
                state.before.record(nanoseconds: course.waited)
                state.after.record(nanoseconds: now - ended)
                state.both.record(nanoseconds: course.waited + now - ended)
            }
        }
    }
}
