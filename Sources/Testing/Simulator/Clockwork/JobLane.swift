import DequeModule

/// The jobs of one executor that may run now.
final class JobLane {
    private enum Executor {
        case serial(UnownedSerialExecutor)
        case pool(UnownedTaskExecutor)
    }

    let number: UInt64
    private let executor: Executor
    private var jobs: Deque<UnownedJob> = []
    /// Where what its jobs begin runs, unless that names an executor; `nil` for itself.
    let pool: JobLane?
    /// Its place among those that are ready, while it is there.
    var place: Int?
    /// Whether nothing of it runs for now.
    var isFrozen = false

    init(_ number: UInt64, serial: UnownedSerialExecutor, beside pool: JobLane) {
        self.number = number
        self.pool = pool
        self.executor = .serial(serial)
    }

    init(_ number: UInt64, pool: UnownedTaskExecutor) {
        self.number = number
        self.pool = nil
        self.executor = .pool(pool)
    }

    var isEmpty: Bool { self.jobs.isEmpty }

    func append(_ job: UnownedJob) { self.jobs.append(job) }

    /// The job to run next: of a serial executor the oldest, as event loops do; of a pool any, as threads do.
    func take(using random: inout SimulationRandom) -> UnownedJob {
        switch self.executor {
        case .serial: self.jobs.removeFirst()
        case .pool: self.jobs.remove(at: self.jobs.count == 1 ? 0 : random.below(self.jobs.count))
        }
    }

    func run(_ job: UnownedJob) {
        switch self.executor {
        case .serial(let executor): job.runSynchronously(on: executor)
        case .pool(let executor): job.runSynchronously(on: executor)
        }
    }
}

/// An event loop of a simulated process.
final class SimulatedShard: SerialExecutor, @unchecked Sendable {
    // Set once, in `init`; used on the simulation's thread alone, which ``SimulationLoop/enqueue(_:on:)`` checks.
    private unowned let loop: SimulationLoop
    private(set) var lane: JobLane!

    init(_ loop: SimulationLoop, beside pool: SimulatedPool) {
        self.loop = loop
        self.lane = loop.lane { JobLane($0, serial: self.asUnownedSerialExecutor(), beside: pool.lane) }
    }

    func enqueue(_ job: consuming ExecutorJob) { self.loop.enqueue(UnownedJob(job), on: self.lane) }
}

/// The threads of a simulated process that belong to no shard.
final class SimulatedPool: TaskExecutor, @unchecked Sendable {
    // As for ``SimulatedShard``.
    private unowned let loop: SimulationLoop
    private(set) var lane: JobLane!

    init(_ loop: SimulationLoop) {
        self.loop = loop
        self.lane = loop.lane { JobLane($0, pool: self.asUnownedTaskExecutor()) }
    }

    func enqueue(_ job: consuming ExecutorJob) { self.loop.enqueue(UnownedJob(job), on: self.lane) }
}
