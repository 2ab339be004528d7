/// What an assistant may cost on one day, and what it has cost: what the journal has, read every few seconds, and what this
/// process has spent since. Spending around the time of a reading may be counted twice for a few seconds, but never not at all;
/// what other processes spend is known a reading later.
public struct CostCeiling: Sendable {
    /// How long before a reading began a turn's cost may not have been journaled yet.
    static let journalDelay = Duration.seconds(3)

    /// What was spent within one second.
    private struct Spending {
        let beganAt: Duration
        var micros: Int64

        func isOpen(at now: Duration) -> Bool { now - self.beganAt < .seconds(1) }
    }

    /// In millionths; `nil` for none.
    public var limit: Int64?
    private var day: CivilDay?
    private var journaled: Int64 = 0
    /// At most one for each second since the latest reading.
    private var own: [Spending] = []

    public init(limit: Int64?) {
        self.limit = limit
    }

    public func spent(on day: CivilDay) -> Int64 {
        guard self.day == day else { return 0 }
        return self.own.reduce(self.journaled) { $0 + $1.micros }
    }

    public func isReached(on day: CivilDay) -> Bool {
        self.limit.map { self.spent(on: day) >= $0 } ?? false
    }

    public mutating func spent(_ micros: Int64, on day: CivilDay, at now: Duration) {
        self.begin(day)
        // Without a ceiling nobody reads the journal, and nobody asks.
        guard self.limit != nil, self.day == day, micros > 0 else { return }
        if let last = self.own.indices.last, self.own[last].isOpen(at: now) {
            self.own[last].micros += micros
        } else {
            self.own.append(Spending(beganAt: now, micros: micros))
        }
    }

    /// - Parameter start: when the reading began.
    public mutating func read(_ micros: Int64, of day: CivilDay, begunAt start: Duration) {
        self.begin(day)
        guard self.day == day else { return }
        self.journaled = micros
        self.own.removeAll { !$0.isOpen(at: start - Self.journalDelay) }
    }

    /// A new day begins with nothing.
    private mutating func begin(_ day: CivilDay) {
        guard self.day.map({ $0 < day }) ?? true else { return }
        self.day = day
        self.journaled = 0
        self.own = []
    }
}

/// What happens to an assistant's turns once its day has cost what it may.
public enum CostLimitPolicy: String, Sendable, CaseIterable {
    /// They go to the smallest model of its tiers.
    case smaller
    /// They are answered with a fixed text; no model is called.
    case message
    /// They wait for the next day.
    case pause
}
