public import CardumeCore
import Synchronization

/// Which channels are paused, and who waits until they are not. Shared by all shards; nobody who waits costs anything until it
/// is woken.
public final class ChannelGates: Sendable {
    private typealias Waiter = CheckedContinuation<Void, any Error>

    private struct State {
        var pauses: [ChannelID: Pause?] = [:]
        var waiters: [UInt64: (channel: ChannelID, waiter: Waiter)] = [:]
        var nextID: UInt64 = 0

        func pause(of channel: ChannelID) -> Pause? { self.pauses[channel] ?? self.pauses["*"] ?? nil }
    }

    private let state = Mutex(State())
    /// Most of the time nothing is paused, and this is asked for each turn and each send.
    private let isAnyPaused = Atomic(false)

    public init() {}

    /// Whether `channel` is paused; `nil` when it is not.
    ///
    /// - Parameter channel: asked for only while any is paused.
    public func pause(of channel: @autoclosure () -> ChannelID) -> Pause? {
        guard self.isAnyPaused.load(ordering: .relaxed) else { return nil }
        let channel = channel()
        return self.state.withLock { $0.pause(of: channel) }
    }

    /// From now on these count. Whoever waits for a channel that is no longer paused goes on.
    ///
    /// - Parameter pauses: of all configured channels, `nil` for those that are not paused; `*` stands for all others.
    public func update(_ pauses: [ChannelID: Pause?]) {
        let woken = self.state.withLock { state in
            state.pauses = pauses
            self.isAnyPaused.store(pauses.values.contains { $0 != nil }, ordering: .relaxed)
            // In the order in which they came.
            let ids = state.waiters.filter { state.pause(of: $0.value.channel) == nil }.keys.sorted()
            return ids.compactMap { state.waiters.removeValue(forKey: $0)?.waiter }
        }
        for waiter in woken { waiter.resume() }
    }

    /// Returns when `channel` is not paused.
    ///
    /// - Throws: `CancellationError` when the task is cancelled while it waits.
    public func pass(_ channel: ChannelID) async throws {
        guard self.pause(of: channel) != nil else { return }
        try await self.wait(channel)
    }

    private func wait(_ channel: ChannelID, isolation: isolated (any Actor)? = #isolation) async throws {
        let id = self.state.withLock {
            $0.nextID += 1
            return $0.nextID
        }
        try await withTaskCancellationHandler {
            _ = isolation
            try await withCheckedThrowingContinuation { (waiter: Waiter) in
                let mustWait = self.state.withLock { state in
                    guard state.pause(of: channel) != nil else { return false }
                    state.waiters[id] = (channel, waiter)
                    return true
                }
                if !mustWait {
                    waiter.resume()
                } else if Task.isCancelled {
                    // The handler may have run before the waiter was there, and found nobody to wake.
                    self.cancel(id)
                }
            }
        } onCancel: {
            self.cancel(id)
        }
    }

    private func cancel(_ id: UInt64) {
        self.state.withLock { $0.waiters.removeValue(forKey: id) }?.waiter.resume(throwing: CancellationError())
    }
}
