import Foundation

/// Load that does not wait for its answers: each piece of work has an intended time, and is measured from it however late it
/// begins, so that a system that stalls is not asked less in the meantime.
enum OpenLoop {
    /// Returns when all pieces of work have ended.
    ///
    /// - Parameters:
    ///   - rate: pieces per second.
    ///   - work: told its number, from 0, and its intended time (``MonotonicTime``). Throwing ends the whole.
    static func run(
        rate: Double, count: Int, _ work: @escaping @Sendable (Int, Int64) async throws -> Void
    ) async throws {
        let due = AsyncStream<(Int, Int64)>.makeStream()
        let begin = MonotonicTime.now + 50_000_000
        let interval = 1_000_000_000 / rate
        // A thread of its own: sleeping tasks are woken some milliseconds late when the machine is busy.
        Thread.detachNewThread {
            for index in 0..<count {
                let intended = begin + Int64(Double(index) * interval)
                MonotonicTime.wait(until: intended)
                due.continuation.yield((index, intended))
            }
            due.continuation.finish()
        }
        try await withThrowingDiscardingTaskGroup { group in
            for await (index, intended) in due.stream {
                group.addTask { try await work(index, intended) }
            }
        }
    }
}
