public import CardumeCore

/// What the doors go by: queues, load levels, the spool.
public struct LoadSource: MetricSource {
    private let meter: LoadMeter
    private let demand: DemandReadings
    private let queues: [QueueID]
    private let spool: MessageSpool?

    /// - Parameters:
    ///   - demand: what `meter` measures.
    ///   - queues: those that exist; one that the log does not mention has nothing.
    public init(_ meter: LoadMeter, _ demand: DemandReadings, queues: [QueueID], spool: MessageSpool?) {
        self.meter = meter
        self.demand = demand
        self.queues = queues
        self.spool = spool
    }

    public func samples() async -> [MetricSample] {
        self.depths + self.levels + self.spooled
    }

    private var depths: [MetricSample] {
        var samples: [MetricSample] = []
        if let depths = self.demand.latestDepths {
            samples += self.queues.map { queue in
                MetricSample(
                    "cardume_queue_depth", ["assistant": queue.assistant.rawValue, "lane": queue.lane.rawValue],
                    Double(depths[queue] ?? 0))
            }
        }
        if let inFlight = self.demand.latestInFlight {
            samples += Set(self.queues.map(\.assistant)).map { assistant in
                MetricSample(
                    "cardume_turns_in_flight", ["assistant": assistant.rawValue], Double(inFlight[assistant] ?? 0))
            }
        }
        return samples
    }

    private var levels: [MetricSample] {
        let board = self.meter.board
        return LoadLevel.allCases.flatMap { level in
            [MetricSample("cardume_overall_load_level", ["level": level.rawValue], board.overall.level == level ? 1 : 0)]
                + board.demands.keys.map { assistant in
                    MetricSample(
                        "cardume_load_level", ["assistant": assistant.rawValue, "level": level.rawValue],
                        board[assistant].level == level ? 1 : 0)
                }
        }
    }

    private var spooled: [MetricSample] {
        guard let spool = self.spool else { return [] }
        let contents = spool.contents
        return [
            MetricSample("cardume_spool_messages", Double(contents.messages)),
            MetricSample("cardume_spool_bytes", Double(contents.bytes)),
            MetricSample("cardume_spool_limit_bytes", Double(spool.maximumBytes)),
        ]
    }
}

/// What was said last about the demand of the whole deployment, or that nobody says anything.
public final class DemandReadings: Sendable {
    private let depths = Live<[QueueID: Int]?>(nil)
    private let inFlight = Live<[AssistantID: Int]?>(nil)

    public init() {}

    /// `nil` while the log does not answer.
    var latestDepths: [QueueID: Int]? { self.depths.value }
    /// `nil` while nobody says.
    var latestInFlight: [AssistantID: Int]? { self.inFlight.value }

    /// Remembers what `measure` says.
    public func depths(_ measure: () async throws -> [QueueID: Int]) async throws -> [QueueID: Int] {
        try await Self.keep(self.depths, measure)
    }

    public func inFlight(_ measure: () async throws -> [AssistantID: Int]) async throws -> [AssistantID: Int] {
        try await Self.keep(self.inFlight, measure)
    }

    private static func keep<Value: Sendable>(_ live: Live<Value?>, _ measure: () async throws -> Value) async throws -> Value {
        do {
            let value = try await measure()
            live.set(value)
            return value
        } catch {
            live.set(nil)
            throw error
        }
    }
}
