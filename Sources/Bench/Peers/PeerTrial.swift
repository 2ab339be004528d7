import CardumeActors
import CardumeCore
import CardumeRuntime

extension PeerScenario {
    var needsDatabase: Bool {
        if case .drain(_, .postgres) = self.shape { true } else { false }
    }
}

/// Runs scenarios on this machine.
struct PeerTrial: Sendable {
    private static let conversations = 15_000
    private static let partitions = 64

    let servers: BenchServers
    let ceiling: Ceiling

    func run(_ scenario: PeerScenario) async throws -> [Figure] {
        try await self.servers.reset()
        let workload = ClusterWorkload(
            messages: scenario.messages, conversations: min(Self.conversations, scenario.messages),
            partitions: Self.partitions)
        let outcome =
            switch scenario.shape {
            case .append(let batch, let characters): try await self.append(workload, batch: batch, characters: characters)
            case .drain(let slots, let journal): try await self.drain(workload, slots: slots, journal)
            }
        let rate = Double(scenario.messages) / outcome.seconds
        var figures = [Figure("\(scenario.name)_per_second", scenario.label, rate, .messagesPerSecond)]
        figures += ["p50", "p95", "p99"].map {
            Figure("\(scenario.name)_\($0)_milliseconds", "– \($0)", outcome.percentiles[$0] ?? 0, .milliseconds)
        }
        if scenario.needsDatabase {
            figures.append(
                Figure(
                    "\(scenario.name)_repeated_calls", "– calls without an answer, repeated", Double(outcome.repeatedCalls),
                    .count))
        }
        return figures
    }

    private struct Outcome {
        var seconds: Double
        var percentiles: [String: Double]
        var repeatedCalls = 0
    }

    private func append(
        _ workload: ClusterWorkload, batch: Int, characters: Int
    ) async throws -> Outcome {
        let text = String(repeating: "Bom dia! ", count: characters / 9 + 1)
        let calls = workload.calls(of: batch, at: SystemClock().wallTime).map { call in
            call.map { append in
                var append = append
                append.message.text = text
                return append
            }
        }
        return try await BenchLog.with(workload, self.servers) { log in
            var percentiles = Percentiles()
            let begin = ContinuousClock.now
            var before = begin
            for call in calls {
                try await log.appendNew(call)
                let now = ContinuousClock.now
                percentiles.record(nanoseconds: Int64(before.duration(to: now).seconds * 1e9))
                before = now
            }
            return Outcome(seconds: begin.duration(to: before).seconds, percentiles: percentiles.milliseconds)
        }
    }

    private func drain(
        _ workload: ClusterWorkload, slots: Int, _ journal: JournalKind
    ) async throws -> Outcome {
        _ = try await self.ceiling.append(workload, batch: 64, inFlight: 64)
        var options = WorkerOptions(
            workload, redis: self.servers.redis.url,
            database: journal == .postgres ? try self.servers.databaseURL : nil)
        options.slots = slots
        let worker = try await BenchWorker(options)
        try await worker.go()
        // A disk that must write a million turns may keep PostgreSQL from answering for seconds.
        let news = try await worker.settled(mayRepeat: journal == .postgres)
        await worker.end()
        return Outcome(
            seconds: news.seconds, percentiles: news.latency["finished"] ?? [:], repeatedCalls: news.repeatedCalls)
    }
}
