import ArgumentParser
import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation
import NIOCore
import NIOPosix

/// What this program starts itself as: a worker whose CPU and memory are its own. Told `go` and `snapshot` on standard input,
/// it answers with ``WorkerNews`` on standard output; ends with its input.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "worker", shouldDisplay: false)

    @OptionGroup var options: WorkerOptions

    func run() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let worker = try MeasuredWorker(self.options, loops: loops)
        try await worker.run(commands: Self.commands())
        try await loops.shutdownGracefully()
    }

    private static func commands() -> AsyncStream<String> {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        Thread.detachNewThread {
            while let line = readLine() { continuation.yield(line) }
            continuation.finish()
        }
        return lines
    }
}

private struct MeasuredWorker: Sendable {
    private let options: WorkerOptions
    private let redis: RedisLog
    private let pool: PostgresPool?
    private let latency: LatencyLog?
    private let turn: MeasuredTurn
    private let counter: FinishCounter
    private let dispatcher: Dispatcher
    private let coordinator: Coordinator

    init(_ options: WorkerOptions, loops: MultiThreadedEventLoopGroup) throws {
        var log = RedisLog.Settings(queues: [QueueID(ClusterWorkload.assistant)])
        log.partitionCount = options.partitions
        self.options = options
        let metrics = options.metrics ? MetricsRegistry() : nil
        let meters = metrics.map { StoreMeters($0) }
        self.redis = RedisLog(
            settings: log, connector: try RedisConnector(RedisSettings(url: options.redis), meter: meters?.redis),
            eventLoops: Array(loops.makeIterator()))
        self.latency = options.latency ? LatencyLog(self.redis) : nil
        self.turn = MeasuredTurn(
            options.workload, duration: .milliseconds(options.turnMilliseconds), latency: self.latency)
        self.counter = FinishCounter(expected: options.messages)
        let memory = MemoryJournal(turns: options.messages)
        var (journal, leases): (any Journal, any LeaseStore) = (memory, memory)
        if let database = options.database {
            var settings = try PostgresSettings(url: database)
            // As the real program's defaults.
            (settings.maximumConnections, settings.waiterLimit) = (6, 65_536)
            let pool = PostgresPool(settings)
            self.pool = pool
            journal = PostgresJournal(pool) { meters?.committed($0, in: $1) }
            leases = PostgresLeaseStore(pool)
        } else {
            self.pool = nil
        }
        var observer: any RuntimeObserver = self.counter
        if let metrics {
            observer = CompositeObserver([
                self.counter, MetricsObserver(metrics, assistants: [ClusterWorkload.assistant]),
            ])
        }
        var settings = Dispatcher.Settings()
        settings.credits = options.credits
        settings.idleTime = .seconds(options.idleSeconds)
        self.dispatcher = Dispatcher(
            assistants: [Assistant(id: ClusterWorkload.assistant, slots: options.slots)],
            shards: loops.makeIterator().map { Shard(executor: $0.executor) }, settings: settings,
            environment: RuntimeEnvironment(
                log: self.latency ?? self.redis, journal: journal, handler: self.turn, channel: { _ in nil },
                observer: observer))
        self.coordinator = Coordinator(
            member: Member.ID("bench-\(UUID().uuidString)"), leases: leases, dispatcher: self.dispatcher)
    }

    func run(commands: AsyncStream<String>) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await self.redis.run() }
            _ = try await self.redis.start()
            WorkerNews(.ready).send()
            var begin = ContinuousClock.now
            var coordinating: Task<Void, Never>?
            for await command in commands {
                switch command {
                case "go" where coordinating == nil:
                    let began = ContinuousClock.now
                    begin = began
                    coordinating = Task { _ = await self.coordinator.run { WorkerNews(.open).send() } }
                    group.addTask { try await self.tellWhenSettled(since: began) }
                case "snapshot": await self.news(.snapshot, at: .now - begin).send()
                default: throw BenchFailure("a worker does not know the command \(command)")
                }
            }
            self.coordinator.shutDown(within: .seconds(5))
            await coordinating?.value
            group.cancelAll()
        }
        self.pool?.close()
    }

    private func tellWhenSettled(since begin: ContinuousClock.Instant) async throws {
        await self.counter.all()
        while try await self.depth() > 0 {
            guard (try? await ContinuousClock().sleep(for: .milliseconds(1))) != nil else { return }
        }
        await self.news(.settled, at: .now - begin).send()
    }

    private func depth() async throws -> Int {
        var depth = 0
        for number in 0..<self.options.partitions {
            depth += try await self.redis.depth(of: Partition.ID(assistant: ClusterWorkload.assistant, number: number))
        }
        return depth
    }

    private func news(_ state: WorkerNews.State, at elapsed: Duration) async -> WorkerNews {
        var news = WorkerNews(state)
        news.seconds = elapsed.seconds
        news.finished = self.counter.count
        news.running = self.dispatcher.load.values.reduce(0) { $0 + $1.running }
        news.conversations = await self.dispatcher.conversationCount()
        news.violations = self.turn.violations(isOver: state == .settled)
        news.troubles = self.counter.troubles
        (news.repeatedCalls, news.unavailable) = self.counter.repeatedCalls
        news.latency = self.latency?.percentiles ?? [:]
        news.latency["finished"] = self.counter.milestones(since: .now - elapsed)
        return news
    }
}
