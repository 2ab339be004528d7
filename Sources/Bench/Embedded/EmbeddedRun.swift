import CardumeActors
import CardumeCore
import CardumeRuntime
import CardumeTesting
import Histogram
import NIOCore
import NIOPosix
import Synchronization

/// The engine's side of the comparison.
enum EmbeddedRun {
    struct Result: Sendable {
        var append: Duration
        var drain: Duration
        /// Append to settle, in milliseconds.
        var p50: Double
        var p99: Double
        var memory: Memory
    }

    /// With every conversation idle in memory.
    struct Memory: Sendable {
        /// Of the process, in bytes.
        var resident: Int
        /// What of it the conversations added since the log was filled, in bytes.
        var residentPerConversation: Int
        var conversations: Int
    }

    static func run(
        _ workload: Workload, folder: String, shards: Int?, progress: ProgressBar
    ) async throws -> Result {
        let store = try SQLiteStore(settings: SQLiteStore.Settings(folder: folder))
        let log = MeasuringLog(store, capacity: workload.messages)
        let wall = SystemClock()
        let clock = ContinuousClock()
        let append = try await clock.measure {
            for batch in workload.batches {
                let appends = batch.map {
                    LogAppend(
                        message: workload.message($0, at: wall.wallTime), route: Route(assistant: Workload.assistant))
                }
                _ = try await log.append(appends)
                progress.show("engine append", batch.upperBound, of: workload.messages)
            }
        }
        let before = ProcessUsage.residentHere
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: shards ?? System.coreCount)
        var settings = Dispatcher.Settings()
        settings.idleTime = .seconds(3600)
        let dispatcher = Dispatcher(
            assistants: [Assistant(id: Workload.assistant)],
            shards: loops.makeIterator().map { Shard(executor: $0.executor) },
            settings: settings,
            environment: RuntimeEnvironment(
                log: log, journal: store, handler: NoOperation(), channel: { _ in nil }, observer: CompositeObserver([])))
        let coordinator = Coordinator(member: "bench", leases: store, dispatcher: dispatcher)
        let running = Task { await coordinator.run() }
        let begin = clock.now
        var settled = 0
        while settled < workload.messages {
            try await Task.sleep(for: .milliseconds(5))
            settled = log.settled
            progress.show("engine drain", settled, of: workload.messages)
        }
        let drain = log.latest - begin
        let inMemory = await dispatcher.conversationCount()
        let resident = ProcessUsage.residentHere
        coordinator.shutDown(within: .seconds(10))
        _ = await running.value
        store.close()
        try await loops.shutdownGracefully()
        let (p50, p99) = log.percentiles()
        return Result(
            append: append, drain: drain, p50: p50, p99: p99,
            memory: Memory(
                resident: resident, residentPerConversation: max(0, resident - before) / max(1, inMemory),
                conversations: inMemory))
    }
}

/// A turn that says nothing.
private struct NoOperation: TurnHandler {
    func respond(to turn: Turn) async throws -> TurnResult { TurnResult() }
}

/// Notes when each entry was appended and when it was settled.
private final class MeasuringLog: ForwardingLog {
    private struct Times {
        var appendedAt: [ContinuousClock.Instant?]
        var histogram = Histogram<UInt64>(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .three)
        var settled = 0
        var latest = ContinuousClock.now
    }

    let log: any PartitionLog
    private let times: Mutex<Times>

    init(_ log: any PartitionLog, capacity: Int) {
        self.log = log
        self.times = Mutex(Times(appendedAt: Array(repeating: nil, count: capacity + 2)))
    }

    var settled: Int { self.times.withLock { $0.settled } }
    var latest: ContinuousClock.Instant { self.times.withLock { $0.latest } }

    /// Milliseconds.
    func percentiles() -> (p50: Double, p99: Double) {
        self.times.withLock {
            (Double($0.histogram.valueAtPercentile(50)) / 1_000, Double($0.histogram.valueAtPercentile(99)) / 1_000)
        }
    }

    func append(_ messages: [LogAppend]) async throws(StoreError) -> [AppendOutcome] {
        let outcomes = try await self.log.append(messages)
        let now = ContinuousClock.now
        self.times.withLock { times in
            for case .appended(_, let offset) in outcomes { times.appendedAt[Int(offset.major)] = now }
        }
        return outcomes
    }

    func settle(_ offsets: [LogOffset], _ fence: Fence) async throws(StoreError) {
        try await self.log.settle(offsets, fence)
        let now = ContinuousClock.now
        self.times.withLock { times in
            for offset in offsets {
                guard let begin = times.appendedAt[Int(offset.major)] else { continue }
                let microseconds = (now - begin).components.attoseconds / 1_000_000_000_000
                times.histogram.record(UInt64((now - begin).components.seconds * 1_000_000 + microseconds))
            }
            times.settled += offsets.count
            times.latest = now
        }
    }
}
