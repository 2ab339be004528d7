import CardumeCore
import CardumeTesting

/// suporte's load beside one kind of trouble of financeiro's, in a deployment of its own.
struct IsolationRun: Sendable {
    enum Trouble: String, CaseIterable, CustomStringConvertible {
        case alone
        case hung
        case crashing
        case flooded

        var description: String { self.rawValue }

        fileprivate var model: SandboxOptions {
            switch self {
            case .alone, .flooded: SandboxOptions(model: .seconds(1))
            case .hung: SandboxOptions(model: .seconds(3600))
            // What every message says.
            case .crashing: SandboxOptions(model: .milliseconds(20), poison: "Oi")
            }
        }

        fileprivate var slots: Int { self == .flooded ? 4 : 64 }
    }

    struct Result: Sendable {
        /// Replies of suporte.
        var perSecond: Double
        /// Milliseconds.
        var p50: Double
        var p99: Double
        var unanswered: Int
        /// Replies of financeiro.
        var otherPerSecond: Double
    }

    private static let conversations = 200
    private static let instanceOfOther = "cobranca-uberlandia"
    /// Until the load is a steady one.
    private static let warmUp = 5
    private static let patience = Duration.seconds(10)

    let trouble: Trouble
    let rate: Double
    let seconds: Int
    let hasBulkheads: Bool

    private var duration: Int { Self.warmUp + self.seconds }
    private var count: Int { Int(self.rate * Double(self.duration)) }

    /// - Throws: a ``BenchFailure`` when suporte's replies came twice or out of order, or when financeiro had no trouble.
    func measure(_ progress: ProgressBar) async throws -> Result {
        let sandbox = try await BenchSandbox(SandboxOptions(model: .milliseconds(500)))
        let other = try await BenchSandbox(self.trouble.model)
        let configuration = BenchDeployment.openDoor + self.configuration(sandbox.url, other.url)
        let deployment = try await BenchDeployment(sandbox) { _ in configuration }
        let cardume = try await deployment.start("run", name: "run")
        async let troubling: Void = self.makeTrouble(cardume.port)
        let times = try await deployment.load(
            rate: self.rate, count: self.count, conversations: Self.conversations, to: cardume, progress)
        try await troubling
        let otherCount = try await other.count()
        try await deployment.sandbox.wait(for: self.count, patience: Self.patience) {
            progress.show("\(self.trouble)", $0, of: self.count)
        }
        let check = try DeliveryCheck(
            try await deployment.sandbox.sends(), messages: self.count, conversations: Self.conversations)
        // Turns that hang would keep it from ending in good order.
        try await cardume.process.kill9()
        await deployment.end()
        await other.end()
        guard check.duplicates + check.outOfOrder == 0 else {
            throw BenchFailure("\(self.trouble): \(check.duplicates) sent twice, \(check.outOfOrder) out of order")
        }
        try self.requireTrouble(replies: otherCount)
        return self.result(check, times.milliseconds, otherCount)
    }

    private func configuration(_ gateway: String, _ other: String) -> [String] {
        let slots = self.hasBulkheads ? [64, self.trouble.slots] : [64, 64]
        return (self.hasBulkheads ? [] : ["slots: 64"]) + [
            "assistants:",
            "  suporte: { slots: \(slots[0]), model: { base_url: \"\(gateway)/v1\", keyless: true } }",
            "  financeiro: { slots: \(slots[1]), model: { base_url: \"\(other)/v1\", keyless: true } }",
            "channels:",
            "  \(WebhookClient.instance): { kind: evolution, base_url: \"\(gateway)\", key: qualquer, assistant: suporte }",
            "  \(Self.instanceOfOther): { kind: evolution, base_url: \"\(other)\", key: qualquer, assistant: financeiro }",
        ]
    }

    private func makeTrouble(_ port: Int) async throws {
        guard self.trouble != .alone else { return }
        let rate = self.trouble == .flooded ? Double(100 * self.trouble.slots) : self.rate
        let client = WebhookClient(instance: Self.instanceOfOther)
        try await OpenLoop.run(rate: rate, count: Int(rate * Double(self.duration))) { index, _ in
            _ = await client.post(index, of: Self.conversations, to: port)
        }
        await client.shutDown()
    }

    private func requireTrouble(replies: Int) throws {
        // What its slots can do, with a second before and after.
        let most = self.hasBulkheads && self.trouble == .flooded ? self.trouble.slots * (self.duration + 2) : 0
        let isInTrouble =
            switch self.trouble {
            case .alone, .hung, .crashing: replies == 0
            case .flooded: !self.hasBulkheads || (replies > most / 2 && replies <= most)
            }
        guard !isInTrouble else { return }
        throw BenchFailure("\(self.trouble): financeiro sent \(replies) replies, which is no trouble")
    }

    private func result(_ check: DeliveryCheck, _ intended: [Int64], _ otherCount: Int) -> Result {
        let begin = (intended.first ?? 0) + Int64(Self.warmUp * 1_000)
        let end = begin + Int64(self.seconds * 1_000)
        // Not left out: that they took so long at least is known.
        let latest = max(end, check.arrivals.values.max() ?? end) + Self.patience.milliseconds
        var percentiles = Percentiles()
        for (index, time) in intended.enumerated() where time >= begin {
            percentiles.record(nanoseconds: ((check.arrivals[index] ?? latest) - time) * 1_000_000)
        }
        let milliseconds = percentiles.milliseconds
        return Result(
            perSecond: Double(check.arrivals.values.count { (begin..<end).contains($0) }) / Double(self.seconds),
            p50: milliseconds["p50"] ?? 0, p99: milliseconds["p99"] ?? 0, unanswered: check.lost,
            otherPerSecond: Double(otherCount) / Double(self.duration))
    }
}
