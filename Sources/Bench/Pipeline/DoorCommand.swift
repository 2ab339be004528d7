import ArgumentParser
import CardumeCore

struct DoorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "door",
        abstract: "The front door at three times the capacity, and while Redis is away.",
        discussion: """
            Overload: `cardume gateway` and one `cardume worker` with --slots slots and a model of one second, so that as many \
            messages a second are answered; three times as many webhooks come, each once. The queue is critical at five seconds' \
            worth, and webhooks are then rejected. Whatever was accepted must be answered.

            Outage: the same processes with enough slots and a spool; in the middle of the load Redis gets SIGSTOP for \
            --outage seconds. Each webhook is posted once and must be accepted; all must be answered, in order.

            "health" is the time of GET /health at the gateway, which asks Redis and PostgreSQL, too, twenty times a second. \
            Something lost, or refused without Retry-After, makes the command fail.
            """)

    @Option(help: "Slots of the worker: messages per second that it can answer.")
    var slots = 100
    @Option(help: "Seconds of overload.")
    var seconds = 60
    @Option(help: "Seconds without Redis.")
    var outage = 60
    @Option(help: "Messages per second during the outage.")
    var rate = 100.0
    @Option(help: "Conversations the messages are spread over, in turns.")
    var conversations = 2_000
    @Option(help: "Fail when the p99 of /health under overload, in milliseconds, is above this.")
    var maximumHealth: Double?
    @OptionGroup var options: RunOptions

    func validate() throws {
        guard self.slots > 0, self.seconds >= 10, self.outage > 0, self.rate > 0, self.conversations > 0 else {
            throw ValidationError("--seconds must be at least 10, all other numbers more than 0")
        }
    }

    func run() async throws {
        let title =
            "door: \(self.seconds) s of \(3 * self.slots) webhooks/s for \(self.slots) slots and a model of 1 s; "
            + "\(self.outage) s without Redis at \(self.rate) webhooks/s"
        let report = try await self.options.report("door", title) { _, progress in
            try await self.overload(progress) + self.absence(progress)
        }
        try report.require("overload_health_p99_milliseconds", atMost: self.maximumHealth)
    }

    // MARK: Overload

    private func overload(_ progress: ProgressBar) async throws -> [Figure] {
        let threshold = 5 * self.slots
        let deployment = try await BenchDeployment(
            model: .seconds(1), slots: self.slots,
            door: [
                "load: { queue_threshold: \(threshold), pending_threshold: 0, on_critical: { evolution: reject } }",
                "rate_limits: { per_minute: 0 }",
            ])
        let gateway = try await deployment.start("gateway", name: "gateway")
        let worker = try await deployment.start("worker", name: "worker")
        let watch = Task { await Self.watch(gateway, worker, deployment.client) }
        let count = 3 * self.slots * self.seconds
        let answers = try await self.post(
            count, rate: Double(3 * self.slots), to: gateway, deployment.client, progress)
        watch.cancel()
        let observed = await watch.value
        let accepted = answers.indices.filter { answers[$0].status == 200 }
        let refused = answers.filter { $0.status != 200 }
        guard refused.allSatisfy({ $0.status == 503 && $0.hasRetryAfter }) else {
            let statuses = Set(refused.map { $0.status ?? 0 })
            throw BenchFailure("refused with the statuses \(statuses), not all with Retry-After")
        }
        try await deployment.sandbox.wait(for: accepted.count, patience: .seconds(20)) {
            progress.show("replies", $0, of: accepted.count)
        }
        let check = try DeliveryCheck(
            try await deployment.sandbox.sends(), messages: count, conversations: self.conversations)
        for instance in [worker, gateway] { await instance.end() }
        await deployment.end()
        let lost = accepted.count { check.arrivals[$0] == nil }
        guard lost + check.duplicates == 0 else { throw BenchFailure("\(lost) lost, \(check.duplicates) sent twice") }
        return [
            Figure("overload_accepted", "overload: webhooks accepted", accepted.count),
            Figure("overload_refused", "overload: refused with 503 and Retry-After", refused.count),
            Figure("overload_lost", "overload: accepted and lost", lost),
            Figure("overload_depth", "overload: longest queue seen", answers.compactMap(\.depth).max() ?? 0),
            Figure("overload_threshold", "overload: critical at", threshold),
        ] + Percentiles.figures(observed.health.milliseconds, "overload_health", "overload: health") + [
            Figure("overload_health_silent", "overload: health without an answer", observed.silences),
            Figure("gateway_first_bytes", "overload: memory of gateway, a third in", observed.gateway.third, .bytes),
            Figure("gateway_last_bytes", "overload: memory of gateway, at the end", observed.gateway.last, .bytes),
            Figure("worker_first_bytes", "overload: memory of worker, a third in", observed.worker.third, .bytes),
            Figure("worker_last_bytes", "overload: memory of worker, at the end", observed.worker.last, .bytes),
        ]
    }

    private struct Observed: Sendable {
        struct Memory: Sendable {
            var samples: [Int] = []

            var third: Double { Double(self.samples.dropFirst(self.samples.count / 3).first ?? 0) }
            var last: Double { Double(self.samples.last ?? 0) }
        }

        var health = Percentiles()
        var silences = 0
        var gateway = Memory()
        var worker = Memory()
    }

    /// Looks until it is cancelled.
    private static func watch(
        _ gateway: CardumeInstance, _ worker: CardumeInstance, _ client: WebhookClient
    ) async -> Observed {
        var observed = Observed()
        while (try? await ContinuousClock().sleep(for: .milliseconds(50))) != nil {
            if let elapsed = await client.health(port: gateway.port) {
                observed.health.record(nanoseconds: elapsed)
            } else if !Task.isCancelled {
                observed.silences += 1
            }
            observed.gateway.samples.append(gateway.usage.resident)
            observed.worker.samples.append(worker.usage.resident)
        }
        return observed
    }

    /// Each message once, at its time.
    private func post(
        _ count: Int, rate: Double, to gateway: CardumeInstance, _ client: WebhookClient, _ progress: ProgressBar
    ) async throws -> [WebhookClient.Answer] {
        let answers = AnswerList(count: count)
        let conversations = self.conversations
        try await OpenLoop.run(rate: rate, count: count) { index, intended in
            let answer = await client.post(index, of: conversations, to: gateway.port)
            answers.note(index, answer, after: MonotonicTime.now - intended)
            if index.isMultiple(of: 50) { progress.show("webhooks", index, of: count) }
        }
        progress.clear()
        return answers.all
    }

    // MARK: Outage

    private func absence(_ progress: ProgressBar) async throws -> [Figure] {
        let deployment = try await BenchDeployment(
            model: .zero, door: BenchDeployment.openDoor + ["spool: { folder: spool }"])
        let gateway = try await deployment.start("gateway", name: "gateway")
        let worker = try await deployment.start("worker", name: "worker")
        let count = Int(self.rate * Double(self.outage + 20))
        let answers = AnswerList(count: count)
        let conversations = self.conversations
        async let loading: Void = OpenLoop.run(rate: self.rate, count: count) { index, intended in
            let answer = await deployment.client.post(index, of: conversations, to: gateway.port)
            answers.note(index, answer, after: MonotonicTime.now - intended)
            if index.isMultiple(of: 50) { progress.show("webhooks", index, of: count) }
        }
        try await ContinuousClock().sleep(for: .seconds(10))
        deployment.servers.redis.pause()
        try await ContinuousClock().sleep(for: .seconds(self.outage))
        deployment.servers.redis.resume()
        let resumed = ContinuousClock.now
        let spooled = gateway.log.count { $0.contains("message spooled") }
        var replay: Duration?
        while replay == nil, .now - resumed < .seconds(60) {
            try await ContinuousClock().sleep(for: .milliseconds(100))
            if gateway.log.contains(where: { $0.contains("the spool is empty again") }) { replay = .now - resumed }
        }
        try await loading
        try await deployment.sandbox.wait(for: count, patience: .seconds(90)) { progress.show("replies", $0, of: count) }
        let check = try DeliveryCheck(try await deployment.sandbox.sends(), messages: count, conversations: conversations)
        for instance in [worker, gateway] { await instance.end() }
        await deployment.end()
        let refused = answers.all.count { $0.status != 200 }
        guard refused + check.lost + check.outOfOrder == 0, let replay else {
            throw BenchFailure(
                "\(refused) webhooks refused, \(check.lost) lost, \(check.outOfOrder) out of order; replayed: \(replay != nil)")
        }
        return [
            Figure("outage_webhooks", "outage: webhooks, each posted once", count),
            Figure("outage_refused", "outage: refused", refused),
            Figure("outage_spooled", "outage: over the disk", spooled),
            Figure("outage_lost", "outage: lost", check.lost),
            Figure("outage_duplicates", "outage: sent twice", check.duplicates),
            Figure("outage_out_of_order", "outage: out of order", check.outOfOrder),
            Figure("outage_replay_seconds", "outage: until the spool was empty", replay.seconds, .seconds),
        ] + Percentiles.figures(answers.percentiles, "outage_accepted", "outage: webhook accepted")
    }
}
