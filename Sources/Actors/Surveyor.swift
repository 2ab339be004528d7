public import CardumeCore
import Synchronization

/// Looks, again and again, what this process has to do, whether its threads still turn, and whether its readers go on.
public final class Surveyor: Sendable {
    /// When something is the matter.
    public struct Settings: Hashable, Sendable {
        /// How long a reader may bring nothing although the log has something. Defaults to 4 s.
        public var readerPatience: Duration
        /// How long a shard may not answer. Defaults to 10 s.
        public var shardPatience: Duration

        public init(readerPatience: Duration = .seconds(4), shardPatience: Duration = .seconds(10)) {
            self.readerPatience = readerPatience
            self.shardPatience = shardPatience
        }
    }

    private struct Place {
        var survey = ShardProbe.Survey()
        var askedAt: Duration?
        var answeredAt: Duration?
    }

    private struct State {
        var places: [Place]
        var watch = ConsumptionWatch()
        var shardPatience = Settings().shardPatience
        var turns: [AssistantID: TurnMean] = [:]
        var served: [AssistantID: ServedTurns] = [:]
        var measuredAt: Duration
    }

    /// Between two looks at a shard: a few microseconds, and some tens of nanoseconds for each conversation with work.
    private static let surveyInterval: Duration = .seconds(1)
    /// How old what a shard has said of its readers may be.
    private static let surveyAge: Duration = .seconds(3)
    /// Between two looks at the readers: a command for each that waits.
    private static let watchInterval: Duration = .seconds(2)

    private let dispatcher: Dispatcher
    private let probes: [ShardProbe]
    private let state: Mutex<State>
    private var clock: any RuntimeClock { self.dispatcher.environment.clock }

    init(_ dispatcher: Dispatcher) {
        self.dispatcher = dispatcher
        self.probes = dispatcher.probes
        self.state = Mutex(
            State(
                places: Array(repeating: Place(), count: self.probes.count), measuredAt: dispatcher.environment.clock.uptime))
    }

    /// From now on these count.
    public func update(_ settings: Settings) {
        self.state.withLock { state in
            state.watch.patience = settings.readerPatience
            state.shardPatience = settings.shardPatience
        }
    }

    /// Looks until the task is cancelled. Called once.
    ///
    /// - Parameter onStuck: starts a reader again.
    func run(onStuck: @escaping @Sendable (Fence) -> Void) async {
        await withDiscardingTaskGroup { group in
            for number in self.probes.indices { group.addTask { await self.survey(number) } }
            group.addTask { await self.watch(onStuck) }
        }
    }

    private func survey(_ number: Int) async {
        repeat {
            let now = self.clock.uptime
            self.state.withLock { $0.places[number].askedAt = now }
            let survey = await self.probes[number].survey(self.dispatcher.open(onShard: number))
            let end = self.clock.uptime
            self.state.withLock { state in
                state.places[number].survey = survey
                state.places[number].answeredAt = end
            }
        } while (try? await self.clock.sleep(for: Self.surveyInterval)) != nil
    }

    private func watch(_ onStuck: @Sendable (Fence) -> Void) async {
        while (try? await self.clock.sleep(for: Self.watchInterval)) != nil {
            self.measureTurns()
            let time = self.clock.uptime
            let (readers, candidates) = self.state.withLock { state in
                // A shard that does not answer says nothing of its readers.
                let answering = state.places.filter { ($0.answeredAt ?? .zero) + Self.surveyAge >= time }
                let readers = answering.flatMap(\.survey.readers)
                return (readers, state.watch.candidates(readers))
            }
            let behind = try? await self.dispatcher.environment.log.peek(candidates)
            let now = self.clock.uptime
            let restarts = self.state.withLock { $0.watch.looked(readers, behind: behind.map { Set($0.keys) }, at: now) }
            for fence in restarts { onStuck(fence) }
        }
    }

    private func measureTurns() {
        let served = self.dispatcher.slots.mapValues(\.served)
        let now = self.clock.uptime
        self.state.withLock { state in
            let elapsed = now - state.measuredAt
            for (assistant, total) in served {
                let before = state.served[assistant] ?? ServedTurns()
                let count = total.count - before.count
                guard count > 0 || state.turns[assistant] != nil else { continue }
                state.turns[assistant, default: TurnMean(seconds: 0, weight: 0)]
                    .ended(count, total: total.time - before.time, after: elapsed)
            }
            (state.served, state.measuredAt) = (served, now)
        }
    }

    // MARK: What it has found

    /// What is known of each queue that is served here; nothing before all shards have been looked at.
    public var reports: [QueueID: QueueReport] {
        let now = self.clock.uptime
        return self.state.withLock { state in
            let answers = state.places.compactMap(\.answeredAt)
            guard answers.count == state.places.count, let oldest = answers.min() else { return [:] }
            var reports = Dictionary(uniqueKeysWithValues: self.dispatcher.queues.map { ($0, QueueReport()) })
            for (queue, report) in state.places.flatMap(\.survey.reports) {
                reports[queue, default: QueueReport()].merge(report)
            }
            for queue in Array(reports.keys) {
                reports[queue]?.age = (now - oldest).seconds
                reports[queue]?.turn = state.turns[queue.assistant]
            }
            return reports
        }
    }

    /// Shards and readers, for probes and for people.
    public var status: [WatchStatus] {
        let now = self.clock.uptime
        return self.state.withLock { state in
            [Self.shards(state, at: now), Self.consumption(state.watch)]
        }
    }

    private static func shards(_ state: State, at now: Duration) -> WatchStatus {
        let silent = state.places.enumerated().compactMap { number, place -> String? in
            guard let askedAt = place.askedAt, place.answeredAt.map({ $0 < askedAt }) ?? true,
                now - askedAt > state.shardPatience
            else { return nil }
            return "shard \(number) has not answered for \((now - askedAt).components.seconds) s"
        }
        return WatchStatus(
            name: "shards", grade: silent.isEmpty ? .healthy : .unhealthy,
            problem: silent.isEmpty ? nil : silent.joined(separator: "; "))
    }

    private static func consumption(_ watch: ConsumptionWatch) -> WatchStatus {
        func names(_ partitions: [Partition.ID]) -> String {
            partitions.prefix(3).map(\.description).joined(separator: ", ") + (partitions.count > 3 ? ", …" : "")
        }
        if !watch.stuck.isEmpty {
            return WatchStatus(
                name: "consumption", grade: .unhealthy,
                problem: "messages wait and are not read, although the reader was started again: \(names(watch.stuck))")
        }
        if !watch.restarted.isEmpty {
            return WatchStatus(
                name: "consumption", grade: .degraded,
                problem: "messages waited and were not read; the reader was started again: \(names(watch.restarted))")
        }
        return WatchStatus(name: "consumption")
    }
}

extension Coordinator {
    /// Looks after what this process owns, until the task is cancelled: without it nothing is known of the queues, and readers
    /// that bring nothing are not started again. Called once.
    public func survey() async {
        await self.surveyor.run { self.restart($0) }
    }
}
