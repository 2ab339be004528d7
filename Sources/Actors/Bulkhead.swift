public import CardumeCore
import Synchronization

/// The slots of one assistant in this process. Shared by all shards.
public final class Bulkhead: Sendable {
    private typealias Waiter = CheckedContinuation<Void, any Error>

    private struct State {
        var allocator: SlotAllocator<Waiter>
        var nextID: UInt64 = 0
    }

    private let state: Mutex<State>
    private let clock: any RuntimeClock

    /// - Parameter slots: from 1.
    public init(slots: Int, clock: any RuntimeClock) {
        self.state = Mutex(State(allocator: SlotAllocator(slots: slots)))
        self.clock = clock
    }

    public var inUse: Int { self.state.withLock { $0.allocator.inUse } }
    public var slots: Int { self.state.withLock { $0.allocator.slots } }
    public var waiting: Int { self.state.withLock { $0.allocator.waiting } }

    /// Waits for a slot. Each return is followed by exactly one ``release()``.
    ///
    /// - Throws: `CancellationError` when the task is cancelled while it waits; there is no slot to release then.
    public func acquire(_ priority: Priority) async throws {
        if self.state.withLock({ $0.allocator.acquired() }) { return }
        try await self.wait(priority)
    }

    // With the caller's isolation captured, what follows stays on its executor; without, each closure would cost two changes
    // of threads.
    private func wait(_ priority: Priority, isolation: isolated (any Actor)? = #isolation) async throws {
        let id = self.state.withLock {
            $0.nextID += 1
            return $0.nextID
        }
        try await withTaskCancellationHandler {
            _ = isolation
            try await withCheckedThrowingContinuation { (waiter: Waiter) in
                let isGranted = self.state.withLock {
                    $0.allocator.requested(waiter, id: id, priority: priority, at: self.clock.uptime)
                }
                if isGranted {
                    waiter.resume()
                } else if Task.isCancelled {
                    // The handler may have run before the request was queued, and found nothing to cancel.
                    self.cancel(id)
                }
            }
        } onCancel: {
            self.cancel(id)
        }
    }

    public func release() {
        let next = self.state.withLock { $0.allocator.released(at: self.clock.uptime) }
        next?.resume()
    }

    /// - Parameter slots: from 1. With fewer than are in use, nothing is interrupted.
    public func resize(to slots: Int) {
        let next = self.state.withLock { $0.allocator.resized(to: slots, at: self.clock.uptime) }
        for waiter in next { waiter.resume() }
    }

    /// Whether no slot is granted for now.
    public var isPaused: Bool { self.queue.isPaused }

    var queue: (waiting: Int, isPaused: Bool) { self.state.withLock { ($0.allocator.waiting, $0.allocator.isPaused) } }

    /// Begins or ends a pause: nothing that runs is interrupted, nobody loses its place.
    public func pause(_ isPaused: Bool) {
        let next = self.state.withLock { $0.allocator.paused(isPaused, at: self.clock.uptime) }
        for waiter in next { waiter.resume() }
    }

    private func cancel(_ id: UInt64) {
        let waiter = self.state.withLock { $0.allocator.cancelled(id) }
        waiter?.resume(throwing: CancellationError())
    }
}
