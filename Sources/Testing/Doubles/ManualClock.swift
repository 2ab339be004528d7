public import CardumeActors
public import CardumeCore
import Synchronization

/// Time that passes only when a test says so.
public final class ManualClock: RuntimeClock {
    private struct Sleeper {
        let id: UInt64
        let until: Duration
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now: Duration = .zero
        var nextID: UInt64 = 0
        var sleepers: [Sleeper] = []
        var arrivals: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let epoch: Timestamp
    private let state = Mutex(State())

    public init(epoch: Timestamp = Timestamp(milliseconds: 1_795_176_000_000)) {
        self.epoch = epoch
    }

    public var uptime: Duration { self.state.withLock { $0.now } }
    public var wallTime: Timestamp { self.epoch.advanced(by: self.uptime) }

    /// The times at which those who sleep will wake, earliest first.
    public var deadlines: [Duration] { self.state.withLock { $0.sleepers.map(\.until).sorted() } }

    public func sleep(for duration: Duration) async throws {
        let id = self.state.withLock {
            $0.nextID += 1
            return $0.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let arrived = self.state.withLock { state -> [CheckedContinuation<Void, Never>]? in
                    guard !Task.isCancelled else { return nil }
                    state.sleepers.append(
                        Sleeper(id: id, until: state.now + duration, continuation: continuation))
                    let count = state.sleepers.count
                    let arrived = state.arrivals.filter { $0.count <= count }.map(\.continuation)
                    state.arrivals.removeAll { $0.count <= count }
                    return arrived
                }
                guard let arrived else { return continuation.resume(throwing: CancellationError()) }
                for waiter in arrived { waiter.resume() }
            }
        } onCancel: {
            let sleeper = self.state.withLock { state in
                state.sleepers.firstIndex { $0.id == id }.map { state.sleepers.remove(at: $0) }
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Returns when at least `count` sleep.
    public func sleepers(atLeast count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let isThere = self.state.withLock { state in
                if state.sleepers.count >= count { return true }
                state.arrivals.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Returns when somebody sleeps until `uptime`, to the very nanosecond, or when the task is cancelled.
    public func sleeper(until uptime: Duration) async {
        while !self.deadlines.contains(uptime), !Task.isCancelled { await Task.yield() }
    }

    /// Lets time pass and wakes whoever is due, earliest first.
    public func advance(by duration: Duration) {
        let due = self.state.withLock { state in
            state.now += duration
            let now = state.now
            let due = state.sleepers.filter { $0.until <= now }.sorted { $0.until < $1.until }
            state.sleepers.removeAll { $0.until <= now }
            return due
        }
        for sleeper in due { sleeper.continuation.resume() }
    }
}
