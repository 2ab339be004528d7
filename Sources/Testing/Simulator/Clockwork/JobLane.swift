import DequeModule

/// The jobs of one executor that may run now.
final class JobLane {
    /// Not of any object: what the global pool's threads run on.
    private static let global = unsafeBitCast((0, 0), to: UnownedSerialExecutor.self)

    let number: UInt64
    private let executor: UnownedSerialExecutor
    private var jobs: Deque<UnownedJob> = []
    /// Where what its jobs begin runs, unless that names an executor; `nil` for itself.
    let pool: JobLane?
    /// Its place among those that are ready, while it is there.
    var place: Int?
    /// Whether nothing of it runs for now.
    var isFrozen = false

    /// Of a shard.
    init(_ number: UInt64, serial: UnownedSerialExecutor, beside pool: JobLane) {
        self.number = number
        self.pool = pool
        self.executor = serial
    }

    /// Of a process's threads that belong to no shard.
    init(_ number: UInt64) {
        self.number = number
        self.pool = nil
        self.executor = Self.global
    }

    var isEmpty: Bool { self.jobs.isEmpty }

    func append(_ job: UnownedJob) { self.jobs.append(job) }

    /// The job to run next: of a shard the oldest, as event loops do; of a pool any, as threads do.
    func take(using random: inout SimulationRandom) -> UnownedJob {
        if self.pool != nil || self.jobs.count == 1 { return self.jobs.removeFirst() }
        return self.jobs.remove(at: random.below(self.jobs.count))
    }

    func run(_ job: UnownedJob) { job.runSynchronously(on: self.executor) }
}

/// An event loop of a simulated process.
final class SimulatedShard: SerialExecutor, @unchecked Sendable {  // On one thread, which SimulationLoop.enqueue checks.
    // Set once, in `init`.
    private unowned let loop: SimulationLoop
    private(set) var lane: JobLane!

    init(_ loop: SimulationLoop, beside pool: JobLane) {
        self.loop = loop
        self.lane = loop.lane { JobLane($0, serial: self.asUnownedSerialExecutor(), beside: pool) }
    }

    func enqueue(_ job: consuming ExecutorJob) { self.loop.enqueue(UnownedJob(job), on: self.lane) }
}
