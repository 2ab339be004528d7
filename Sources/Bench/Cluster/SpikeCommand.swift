import ArgumentParser
import CardumeActors
import CardumeCore
import CardumeRuntime
import NIOCore
import NIOPosix
import Synchronization

struct SpikeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "spike")
    @Option var url = "redis://127.0.0.1:7777"
    @Option var messages = 400_000
    @Option var conversations = 15_000
    @Option var shards = 2
    @Option var credits = 512
    @Flag var append = false

    func run() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: self.shards)
        let connector = try RedisConnector(RedisSettings(url: self.url))
        let log = RedisLog(
            settings: RedisLog.Settings(assistants: [Workload.assistant]), connector: connector,
            eventLoops: loops.makeIterator().map { $0 })
        let running = Task { await log.run() }
        print(try await log.start())
        let workload = Workload(messages: self.messages, conversations: self.conversations)
        let wall = SystemClock()
        let clock = ContinuousClock()
        let runID = wall.wallTime.milliseconds
        let append =
            try await self.append
            ? .seconds(1)
            : clock.measure {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    var index = 0
                    let size = 1000
                    func add() {
                        let range = index..<min(index + size, self.messages)
                        index += size
                        group.addTask {
                            let appends = range.map { index -> LogAppend in
                                var message = workload.message(index, at: wall.wallTime)
                                message.id = MessageID("\(runID)-\(index)")
                                return LogAppend(message: message, route: Route(assistant: Workload.assistant))
                            }
                            _ = try await log.append(appends)
                        }
                    }
                    for _ in 0..<4 where index < self.messages { add() }
                    while try await group.next() != nil { if index < self.messages { add() } }
                }
            }
        print("append", Double(self.messages) / append.seconds)
        let journal = MemoryJournal(turns: self.messages)
        let counter = CountingObserver()
        let dispatcher = Dispatcher(
            assistants: [Assistant(id: Workload.assistant, slots: 10_000)],
            shards: loops.makeIterator().map { Shard(executor: $0.executor) },
            settings: {
                var s = Dispatcher.Settings(); s.credits = self.credits; s.idleTime = .seconds(3600); return s
            }(),
            environment: RuntimeEnvironment(
                log: log, journal: journal, handler: Nothing(), channel: { _ in nil }, observer: counter))
        let coordinator = Coordinator(member: "bench", leases: journal, dispatcher: dispatcher)
        let begin = clock.now
        let run = Task { await coordinator.run() }
        while true {
            var depth = 0
            if counter.count >= self.messages {
                for number in 0..<64 {
                    depth += try await log.depth(of: Partition.ID(assistant: Workload.assistant, number: number))
                }
                if depth == 0 { break }
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        let drain = clock.now - begin
        print(
            "drain", Double(self.messages) / drain.seconds, "memory", ProcessMemory.resident >> 20, AllocatorStatistics.current)
        coordinator.shutDown(within: .seconds(5))
        _ = await run.value
        running.cancel()
        await running.value
    }
}

private struct Nothing: TurnHandler {
    func respond(to turn: Turn) async throws -> TurnResult { TurnResult() }
}

private final class CountingObserver: RuntimeObserver {
    private let counter = Atomic(0)
    var count: Int { self.counter.load(ordering: .relaxed) }
    func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        if case .finished = event { self.counter.add(1, ordering: .relaxed) }
        if case .storeUnavailable(let e, _) = event { print(e) }
        if case .partitionAbandoned(let p, let e) = event { print(p, e) }
    }
}
