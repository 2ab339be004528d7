import CardumeCore
import FoundationEssentials

/// One run's figures, for people and for programs.
struct EmbeddedReport: Sendable {
    let workload: Workload
    let plain: PlainLoop.Result
    let engine: EmbeddedRun.Result
    var memory: EmbeddedRun.Memory

    init(workload: Workload, plain: PlainLoop.Result, engine: EmbeddedRun.Result) {
        self.workload = workload
        self.plain = plain
        self.engine = engine
        self.memory = engine.memory
    }

    /// The plain loop's time divided by the engine's: 1 when the engine costs nothing.
    var ratio: Double { (self.plain.append + self.plain.drain) / (self.engine.append + self.engine.drain) }

    func text(runs: Int) -> String {
        func rate(_ time: Duration) -> String { "\(Int(Double(self.workload.messages) / time.seconds)) messages/s" }
        return """
            \(self.workload.messages) messages over \(self.workload.conversations) conversations (median of \(runs) runs)

            plain GRDB loop   append \(rate(self.plain.append))   drain \(rate(self.plain.drain))
            engine            append \(rate(self.engine.append))   drain \(rate(self.engine.drain))

            ratio             \(Self.short(self.ratio)) (append \(Self.short(self.plain.append / self.engine.append)), \
            drain \(Self.short(self.plain.drain / self.engine.drain)))
            append to settle  p50 \(Int(self.engine.p50)) ms   p99 \(Int(self.engine.p99)) ms (the wait in the preloaded log \
            included)
            memory            \(self.memory.resident >> 20) MiB resident with \(self.memory.conversations) idle \
            conversations (\(self.memory.residentPerConversation) bytes each above the preloaded process)
            """
    }

    func json(runs: Int) throws -> String {
        struct JSON: Encodable {
            let messages, conversations, runs: Int
            let plainAppendPerSecond, plainDrainPerSecond, engineAppendPerSecond, engineDrainPerSecond: Double
            let ratio, appendRatio, drainRatio, appendToSettleP50Milliseconds, appendToSettleP99Milliseconds: Double
            let residentBytes, idleConversations, residentBytesPerConversation: Int
        }
        let count = Double(self.workload.messages)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        let json = JSON(
            messages: self.workload.messages, conversations: self.workload.conversations, runs: runs,
            plainAppendPerSecond: count / self.plain.append.seconds,
            plainDrainPerSecond: count / self.plain.drain.seconds,
            engineAppendPerSecond: count / self.engine.append.seconds,
            engineDrainPerSecond: count / self.engine.drain.seconds,
            ratio: self.ratio, appendRatio: self.plain.append / self.engine.append,
            drainRatio: self.plain.drain / self.engine.drain,
            appendToSettleP50Milliseconds: self.engine.p50, appendToSettleP99Milliseconds: self.engine.p99,
            residentBytes: self.memory.resident, idleConversations: self.memory.conversations,
            residentBytesPerConversation: self.memory.residentPerConversation)
        return String(decoding: try encoder.encode(json), as: UTF8.self)
    }

    private static func short(_ value: Double) -> String { String((value * 100).rounded() / 100) }
}
