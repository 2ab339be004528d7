import CardumeActors
import CardumeCore
import Synchronization

/// Whoever lives in a simulation and may vanish from it: its executors, and all that it waits for.
final class Party: @unchecked Sendable {  // Only on the simulation's thread, which SimulationLoop.enqueue checks.
    /// After so many jobs, or waits for anything, one that vanishes is taken to go on for ever.
    private static let vanishingLimit = (jobs: 100_000, rounds: 200)

    let name: String
    let loop: SimulationLoop
    private let pool: JobLane
    let shards: [SimulatedShard]
    /// What it waits for, by number: each ends the wait.
    private var waits: [UInt64: () -> Void] = [:]
    private var waitCount: UInt64 = 0
    private(set) var isGone = false
    /// What it does that nobody waits for, and how much of it has not ended.
    private var tasks: [Task<Void, Never>] = []
    private var running = 0

    init(_ name: String, shards: Int, _ loop: SimulationLoop) {
        self.name = name
        self.loop = loop
        let pool = loop.lane { JobLane($0) }
        self.pool = pool
        self.shards = (0..<shards).map { _ in SimulatedShard(loop, beside: pool) }
    }

    private var lanes: [JobLane] { self.shards.map(\.lane) + [self.pool] }

    /// Begins something that ends by itself, or when the party vanishes.
    ///
    /// - Parameter endsWhenGone: whether it ends, without being cancelled, when every call fails. Defaults to `false`.
    func begin(endsWhenGone: Bool = false, _ operation: @escaping @Sendable () async -> Void) {
        self.running += 1
        let task = self.act {
            Task {
                await operation()
                self.running -= 1
            }
        }
        if !endsWhenGone { self.tasks.append(task) }
    }

    /// Runs `body` on the party's behalf: what it begins, or lets go on, is the party's.
    func act<Result>(_ body: () -> Result) -> Result { self.loop.with(self.pool, body) }

    /// Stops it where it is, or lets it go on.
    func freeze(_ isFrozen: Bool) {
        for lane in self.lanes { self.loop.freeze(lane, isFrozen) }
    }

    /// It is not there any more. What it was doing comes to its end out of the world: every call fails, every wait is over, and
    /// nothing of it has an effect. That frees its memory, and shows that everything ends when nothing can go on.
    ///
    /// - Returns: whether it came to its end.
    func vanish() -> Bool {
        guard !self.isGone else { return true }
        self.isGone = true
        self.freeze(true)
        self.act { for task in self.tasks { task.cancel() } }
        var (jobs, rounds) = Self.vanishingLimit
        repeat {
            let waits = self.waits.sorted { $0.key < $1.key }
            self.waits = [:]
            for wait in waits { wait.value() }
            jobs -= self.loop.exhaust(self.lanes, atMost: jobs)
            rounds -= 1
        } while jobs > 0 && rounds > 0 && !self.waits.isEmpty
        return jobs > 0 && rounds > 0 && self.running == 0
    }

    // MARK: Waiting

    /// The value that somebody gives to the promise, whatever else happens meanwhile.
    ///
    /// - Parameters:
    ///   - ifGone: its value when the party vanishes.
    ///   - begin: sees to it that the promise is kept.
    func wait<Value: Sendable>(
        ifGone: Value, isolation: isolated (any Actor)? = #isolation, _ begin: (Promise<Value>) -> Void
    ) async -> Value {
        await withCheckedContinuation { continuation in
            let promise = self.promise(continuation, ifGone)
            if !self.isGone { begin(promise) }
        }
    }

    /// As without `ifCancelled`, or that when the task is cancelled.
    func wait<Value: Sendable>(
        ifGone: Value, ifCancelled: Value, isolation: isolated (any Actor)? = #isolation, _ begin: (Promise<Value>) -> Void
    ) async -> Value {
        let cancellation = Cancellation()
        // With the caller's isolation captured, the closure stays on its executor.
        return await withTaskCancellationHandler {
            _ = isolation
            return await withCheckedContinuation { (continuation: CheckedContinuation<Value, Never>) in
                if Task.isCancelled { return continuation.resume(returning: ifCancelled) }
                let promise = self.promise(continuation, ifGone)
                cancellation.action.withLock { $0 = { promise.keep(ifCancelled) } }
                if !self.isGone { begin(promise) }
            }
        } onCancel: {
            cancellation.action.withLock { $0 }?()
        }
    }

    private func promise<Value>(_ continuation: CheckedContinuation<Value, Never>, _ ifGone: Value) -> Promise<Value> {
        self.waitCount += 1
        let promise = Promise(continuation, of: self, number: self.waitCount)
        self.waits[self.waitCount] = { promise.keep(ifGone) }
        return promise
    }

    fileprivate func waited(_ number: UInt64) { self.waits[number] = nil }
}

/// Something that is waited for.
final class Promise<Value: Sendable>: @unchecked Sendable {  // On one thread, which SimulationLoop.enqueue checks.
    private var continuation: CheckedContinuation<Value, Never>?
    private unowned let party: Party
    private let number: UInt64

    init(_ continuation: CheckedContinuation<Value, Never>, of party: Party, number: UInt64) {
        self.continuation = continuation
        self.party = party
        self.number = number
    }

    var isKept: Bool { self.continuation == nil }

    /// What comes first counts.
    func keep(_ value: Value) {
        guard let continuation = self.continuation.take() else { return }
        self.party.waited(self.number)
        self.party.act { continuation.resume(returning: value) }
    }
}

/// What is to be done when a task is cancelled.
private final class Cancellation: Sendable {
    let action = Mutex<(@Sendable () -> Void)?>(nil)
}

/// A process's clocks: monotonic from an origin of its own, and one on the wall that somebody may set.
final class SimulatedClock: RuntimeClock {
    private static let epoch = Timestamp(milliseconds: 1_795_176_000_000)

    private let party: Party
    private let origin: Duration
    private let lead: Mutex<Duration>

    init(_ party: Party, origin: Duration, offset: Duration) {
        self.party = party
        self.origin = origin
        self.lead = Mutex(offset)
    }

    /// How far it is ahead of the world's.
    var offset: Duration {
        get { self.lead.withLock { $0 } }
        set { self.lead.withLock { $0 = newValue } }
    }

    var uptime: Duration { self.origin + self.party.loop.now }
    var wallTime: Timestamp { Self.epoch.advanced(by: self.party.loop.now + self.offset) }

    func sleep(for duration: Duration) async throws {
        let isOver = await self.party.wait(ifGone: true, ifCancelled: false) { promise in
            self.party.loop.after(max(.zero, duration)) { promise.keep(true) }
        }
        if !isOver { throw CancellationError() }
    }
}
