import ArgumentParser
import CardumeCore

struct RecoveryCommand: AsyncParsableCommand {
    enum How: String, CaseIterable, ExpressibleByArgument {
        case kill
        case term
        case stop
    }

    static let configuration = CommandConfiguration(
        commandName: "recovery",
        abstract: "Three workers under load, one of which dies, leaves or freezes.",
        discussion: """
            `cardume gateway` and three `cardume worker`, with Redis and PostgreSQL, defaults throughout (lease.ttl 6 s); a \
            fake model and gateway. A quarter into the load one worker gets SIGKILL (--how kill), SIGTERM (term), or SIGSTOP and, \
            after the lease's time and 4 s more, SIGCONT (stop).

            "longest gap": of all messages of conversations that belonged to that worker, the longest time after the signal (or \
            after the message, when it came later) until its turn was run, that is, until its reply less the model's time. \
            Conversations whose reply was just being sent are in doubt: they wait for the gateway's record, which is complete after \
            the channel's timeout (70 s) and record delay (3 s). Their gap is told apart.

            Lost messages and replies out of order make the command fail.
            """)

    @Option(help: "How the worker goes: kill, term or stop.")
    var how = How.kill
    @Option(help: "Messages per second.")
    var rate = 180.0
    @Option(help: "Seconds of load.")
    var seconds = 40
    @Option(help: "Conversations the messages are spread over, in turns.")
    var conversations = 2_000
    @Option(help: "Seconds that a model call takes.")
    var modelLatency = 1.0
    @Option(help: "Fail when the median gap, in seconds, is above this.")
    var maximumGap: Double?
    @OptionGroup var options: RunOptions

    private static let timeToLive = Duration.seconds(6)
    /// Replies in doubt come after 73 s.
    private static let patience = Duration.seconds(90)

    func validate() throws {
        guard self.rate > 0, self.seconds >= 20, self.conversations > 0, self.modelLatency >= 0 else {
            throw ValidationError("--seconds must be at least 20, --rate and --conversations more than 0")
        }
    }

    func run() async throws {
        let title =
            "recovery: one of three workers (\(self.how.rawValue)), \(self.rate) messages/s over "
            + "\(self.conversations) conversations, a model of \(self.modelLatency) s"
        let report = try await self.options.report("recovery", title) { _, progress in
            let deployment = try await BenchDeployment(model: .seconds(self.modelLatency))
            let figures = try await self.measure(deployment, progress)
            await deployment.end()
            return figures
        }
        try report.require("gap_seconds", atMost: self.maximumGap)
    }

    private func measure(_ deployment: BenchDeployment, _ progress: ProgressBar) async throws -> [Figure] {
        let gateway = try await deployment.start("gateway", name: "gateway")
        var workers: [CardumeInstance] = []
        var members: [String] = []
        for number in 1...3 {
            workers.append(try await deployment.start("worker", name: "worker-\(number)"))
            let present = try await deployment.servers.query("SELECT id FROM cardume.members").split(separator: "\n")
            members += present.map(String.init).filter { !members.contains($0) }
        }
        guard members.count == 3 else { throw BenchFailure("there are \(members.count) members instead of 3") }
        // Until the partitions have found their places.
        try await ContinuousClock().sleep(for: .seconds(3))
        let count = Int(self.rate * Double(self.seconds))
        async let loading = deployment.load(
            rate: self.rate, count: count, conversations: self.conversations, to: gateway, progress)
        try await ContinuousClock().sleep(for: .seconds(Double(self.seconds) / 4))
        let owned = try await self.partitions(of: members[1], deployment)
        let signalled = IntendedTimes(count: 1)
        signalled.note(0, MonotonicTime.now)
        try await self.strike(workers[1])
        let times = try await loading
        try await deployment.sandbox.wait(for: count, patience: Self.patience) {
            progress.show("replies", $0, of: count)
        }
        // Duplicates may come late.
        try await ContinuousClock().sleep(for: .seconds(2))
        let check = try DeliveryCheck(
            try await deployment.sandbox.sends(), messages: count, conversations: self.conversations)
        let doubts = try await deployment.servers.query(
            "SELECT conversation FROM cardume.sends WHERE ambiguous_attempts > 0"
        ).split(separator: "\n")
        let inDoubt = Set(doubts.map(String.init))
        let waits = self.waits(check, times.milliseconds, since: signalled.milliseconds[0], owned)
        let (doubtful, others) = (waits.filter { inDoubt.contains($0.key) }, waits.filter { !inDoubt.contains($0.key) })
        let refused = workers[1].log.count { $0.contains("\"message\":\"partition given up\"") }
        for instance in workers + [gateway] { await instance.end() }
        guard check.lost + check.outOfOrder == 0 else {
            throw BenchFailure("\(check.lost) lost, \(check.outOfOrder) out of order, \(check.duplicates) sent twice")
        }
        return [
            Figure("gap_seconds", "longest gap", Double(others.values.max() ?? 0) / 1_000, .seconds),
            Figure("conversations_hit", "conversations that waited over 1 s", others.values.count { $0 > 1_000 }),
            Figure("sends_in_doubt", "sends in doubt", doubts.count),
            Figure("doubt_gap_seconds", "longest gap of those", Double(doubtful.values.max() ?? 0) / 1_000, .seconds),
            Figure("partitions", "partitions of that worker", owned.count),
        ] + check.figures + [
            Figure("partitions_given_up", "partitions it found taken", refused),
            Figure("webhooks_repeated", "webhooks repeated", deployment.client.repeated),
        ]
    }

    private func strike(_ worker: CardumeInstance) async throws {
        switch self.how {
        case .kill: try await worker.process.kill9()
        case .term: await worker.end()
        case .stop:
            worker.process.pause()
            try await ContinuousClock().sleep(for: Self.timeToLive + .seconds(4))
            worker.process.resume()
        }
    }

    private func partitions(of member: String, _ deployment: BenchDeployment) async throws -> Set<Int> {
        let rows = try await deployment.servers.query("SELECT partition FROM cardume.leases WHERE member = '\(member)'")
        return Set(rows.split(separator: "\n").compactMap { Int($0) })
    }

    /// - Parameters:
    ///   - times: when each message came.
    ///   - partitions: those whose owner went at `signal`.
    /// - Returns: each of their conversations' longest wait, in milliseconds.
    private func waits(
        _ check: DeliveryCheck, _ times: [Int64], since signal: Int64, _ partitions: Set<Int>
    ) -> [String: Int64] {
        let model = Int64(self.modelLatency * 1_000)
        var waits: [String: Int64] = [:]
        for (index, came) in times.enumerated() {
            let conversation = WebhookClient.conversation(index % self.conversations)
            guard let arrival = check.arrivals[index], arrival > signal,
                partitions.contains(conversation.partitionNumber(of: 64))
            else { continue }
            waits[conversation.rawValue] = max(waits[conversation.rawValue] ?? 0, arrival - model - max(came, signal))
        }
        return waits
    }
}
