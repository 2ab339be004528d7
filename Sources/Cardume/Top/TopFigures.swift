import CardumeCore
import CardumeRuntime

/// Everything that is shown of a deployment at one moment; `--json` prints it. What nobody knows is missing, never 0.
struct TopFigures: Encodable, Sendable {
    /// Of all assistants together.
    struct Totals: Encodable, Sendable {
        var loadLevel: String?
        var depth: Double?
        var inFlight: Double?
        /// Messages that came through the doors.
        var receivedPerSecond: Double?
        /// Messages that left their queues.
        var finishedPerSecond: Double?
        var repliesPerSecond: Double?
        var retriesPerSecond: Double?
        var deadLettersPerSecond: Double?
        var deadLetters: Int?
        var deadLettersLatestHour: Int?
        var runningReplays: Int?
    }

    struct Queue: Encodable, Sendable {
        var queue: String
        var assistant: String
        var depth: Double?
        var oldestSeconds: Double?
        /// Of the assistant, in its first queue.
        var running: Double?
        var waiting: Double?
        var processes: Int?
        /// What left, and what the depth grew by.
        var inPerSecond: Double?
        var outPerSecond: Double?
        var paused: Bool
    }

    struct Slots: Encodable, Sendable {
        var assistant: String
        var lane: String
        var inUse: Double
        var waiting: Double
        /// The lane's own where it has one, else the assistant's.
        var limit: Double?
        var adaptiveLimit: Double?
        var baselineSeconds: Double?
        var latencySeconds: Double?
        var paused: Bool
    }

    struct Gateway: Encodable, Sendable {
        var channel: String
        var server: String
        /// Processes that find it connected, of those that look.
        var up: Int
        var of: Int
        var share: Double?
        var sendsPerSecond: Double?
        /// Of them, those that were not accepted.
        var failuresPerSecond: Double?
    }

    struct Breaker: Encodable, Sendable {
        var breaker: String
        /// The worst that a process says.
        var state: String
        /// Processes that say so, of those that have it.
        var processes: Int
        var of: Int
    }

    /// What a model takes at once.
    struct Endpoint: Encodable, Sendable {
        var endpoint: String
        var limit: Double
        var inFlight: Double
    }

    struct Budget: Encodable, Sendable {
        var budget: String
        var kind: String
        /// A minute's.
        var limit: Double?
        var usedPerMinute: Double?
        var waiting: Double?
    }

    struct Latency: Encodable, Sendable {
        /// `wait`, `turn`, `reply`, `model`, `send` or `commit`.
        var what: String
        /// Whose: an assistant, a model or a channel.
        var of: String
        var perSecond: Double
        var p50: Double
        var p95: Double
        var p99: Double
    }

    struct Failure: Encodable, Sendable {
        /// `dead letter`, `retry`, `model`, `send`, `refused` or `store`.
        var what: String
        var of: String
        var category: String
        /// Since the processes started.
        var total: Double
        var perMinute: Double?
    }

    /// Dead letters of the last hour with the same error.
    struct TopError: Encodable, Sendable {
        var fingerprint: String
        var count: Int
        var conversations: Int
        var lastAt: String
        var exampleID: Int64
    }

    struct Pool: Encodable, Sendable {
        var pool: String
        var demandSlots: Double
        var slots: Int
        var waitingMessages: Int
        var oldestSeconds: Double
        var pods: Int
        var suggestedPods: Int
        var verdict: String
    }

    struct Process: Encodable, Sendable {
        var process: String
        var address: String
        var role: String?
        var version: String?
        var phase: String?
        /// Of one core.
        var cpu: Double?
        var memoryBytes: Double?
        var partitions: Double?
        var conversations: Double?
        var turns: Double?
        var problem: String?
    }

    var at: String
    /// Between the two readings that rates, shares of time and quantiles are made of; missing in the first.
    var windowSeconds: Double?
    var totals = Totals()
    var queues: [Queue] = []
    var slots: [Slots] = []
    var gateways: [Gateway] = []
    var breakers: [Breaker] = []
    var endpoints: [Endpoint] = []
    var budgets: [Budget] = []
    var latencies: [Latency] = []
    var failures: [Failure] = []
    var topErrors: [TopError] = []
    var pools: [Pool] = []
    var processes: [Process] = []
    var problems: [String]
}
