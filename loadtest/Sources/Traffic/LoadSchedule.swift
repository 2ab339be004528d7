import CardumeTesting

/// A stretch of time with one rate.
struct LoadStep: Hashable, Sendable, Codable {
    var name: String
    /// Messages per second; 0 for silence.
    var rate: Double
    var seconds: Double
}

/// The messages of a run with their intended times, step by step. The same seed gives the same schedule.
struct LoadSchedule: Sendable {
    private let arrivals: ArrivalProcess
    private let usesAPI: Bool
    private var traffic: ConversationTraffic
    private var generator: SeededGenerator
    private var time = 0.0
    private var end = 0.0
    private var rate = 0.0
    /// Of the present step.
    private var step = -1
    /// Messages so far.
    private(set) var count = 0

    init(_ profile: TrafficProfile, arrivals: ArrivalProcess, maximumOpen: Int, usesAPI: Bool = false, seed: UInt64) {
        self.arrivals = arrivals
        self.usesAPI = usesAPI
        self.traffic = ConversationTraffic(profile, maximumOpen: maximumOpen, seed: seed)
        self.generator = SeededGenerator(seed: seed ^ 0x5DEE_CE66)
    }

    var conversations: Int { self.traffic.begun }

    /// - Parameter time: seconds since the run began; at or after the end of the step before.
    mutating func begin(_ step: LoadStep, at time: Double) {
        precondition(time >= self.end, "steps follow one another")
        self.step += 1
        (self.time, self.end, self.rate) = (time, time + step.seconds, step.rate)
    }

    /// The next message of the present step and when it is to be sent, in seconds since the run began; `nil` when the step is
    /// over.
    mutating func next() -> (message: PlannedMessage, time: Double)? {
        guard self.rate > 0 else { return nil }
        self.time += self.arrivals.gap(rate: self.rate, using: &self.generator)
        guard self.time < self.end else { return nil }
        let line = self.traffic.next(at: self.time)
        defer { self.count += 1 }
        let message = PlannedMessage(
            index: self.count, step: self.step, conversation: line.conversation, position: line.position, kind: line.kind,
            assistant: line.assistant, source: self.usesAPI ? .api : line.isMeta ? .meta : .evolution)
        return (message, self.time)
    }
}
