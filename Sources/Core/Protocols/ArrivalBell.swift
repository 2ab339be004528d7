import Synchronization

/// Lets the owner of a partition wait for entries of a log that lives in the same process.
public final class ArrivalBell: Sendable {
    private typealias Waiter = CheckedContinuation<Void, Never>

    private struct Place {
        var rings: UInt64 = 0
        var waiter: Waiter?
    }

    private let places = Mutex<[Partition.ID: Place]>([:])

    public init() {}

    /// `partition` has received entries.
    public func ring(_ partition: Partition.ID) {
        let waiter = self.places.withLock { places in
            places[partition, default: Place()].rings += 1
            return places[partition]?.waiter.take()
        }
        waiter?.resume()
    }

    /// What `read` returns, once that is not empty; empty when the task is cancelled. One caller for a partition at a time.
    public func entries(
        of partition: Partition.ID, _ read: () async throws(StoreError) -> [LogEntry]
    ) async throws(StoreError) -> [LogEntry] {
        while !Task.isCancelled {
            // Counted before looking: a ring in between must not be missed.
            let rings = self.places.withLock { $0[partition]?.rings ?? 0 }
            do {
                let entries = try await read()
                if !entries.isEmpty { return entries }
            } catch {
                // A store may call a read that was interrupted a failed one.
                if Task.isCancelled { return [] }
                throw error
            }
            await self.wait(for: partition, after: rings)
        }
        return []
    }

    // With the caller's isolation captured, the closure stays on its executor.
    private func wait(
        for partition: Partition.ID, after rings: UInt64, isolation: isolated (any Actor)? = #isolation
    ) async {
        await withTaskCancellationHandler {
            _ = isolation
            await withCheckedContinuation { (waiter: Waiter) in
                let mustWait = self.places.withLock { places in
                    guard places[partition]?.rings ?? 0 == rings, !Task.isCancelled else { return false }
                    precondition(places[partition]?.waiter == nil, "\(partition): somebody waits already")
                    places[partition, default: Place()].waiter = waiter
                    return true
                }
                if !mustWait { waiter.resume() }
            }
        } onCancel: {
            self.places.withLock { $0[partition]?.waiter.take() }?.resume()
        }
    }
}
