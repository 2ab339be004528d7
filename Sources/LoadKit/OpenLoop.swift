import Foundation

/// Load that does not wait for its answers: each piece of work has an intended time, and is measured from it however late it
/// begins, so that a system that stalls is not asked less in the meantime.
package enum OpenLoop {
    /// Returns when all pieces of work have ended.
    ///
    /// - Parameters:
    ///   - rate: pieces per second.
    ///   - work: told its number, from 0, and its intended time (``MonotonicTime``). Throwing ends the whole.
    package static func run(
        rate: Double, count: Int, _ work: @escaping @Sendable (Int, Int64) async throws -> Void
    ) async throws {
        let begin = MonotonicTime.now + 50_000_000
        let interval = 1_000_000_000 / rate
        try await self.run { index in
            index < count ? (index, begin + Int64(Double(index) * interval)) : nil
        } _: { index, intended in
            try await work(index, intended)
        }
    }

    /// Returns when all pieces of work have ended.
    ///
    /// - Parameters:
    ///   - next: the piece with this number, from 0, and its intended time, never before that of an earlier one; `nil` for the
    ///     end. Called in order, by one thread.
    ///   - work: throwing ends the whole.
    package static func run<Piece: Sendable>(
        _ next: @escaping @Sendable (Int) -> (piece: Piece, intended: Int64)?,
        _ work: @escaping @Sendable (Piece, Int64) async throws -> Void
    ) async throws {
        let due = AsyncStream<(Piece, Int64)>.makeStream()
        // A thread of its own: sleeping tasks are woken some milliseconds late when the machine is busy.
        Thread.detachNewThread {
            var index = 0
            while let (piece, intended) = next(index) {
                MonotonicTime.wait(until: intended)
                due.continuation.yield((piece, intended))
                index += 1
            }
            due.continuation.finish()
        }
        try await withThrowingDiscardingTaskGroup { group in
            for await (piece, intended) in due.stream {
                group.addTask { try await work(piece, intended) }
            }
        }
    }
}
