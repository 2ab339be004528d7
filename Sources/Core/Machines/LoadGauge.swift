/// A load level that does not flap: it rises at once, and falls only when the share is clearly below the level's bound.
public struct LoadGauge: Sendable {
    public private(set) var level = LoadLevel.low
    private let fallsBelow: Double

    /// - Parameter fallsBelow: the part of a level's lower bound that the share must be under for the level to end; 1 for no
    ///   hysteresis. Defaults to 0.9: critical, which begins at 100 %, ends below 90 %.
    public init(fallsBelow: Double = 0.9) {
        self.fallsBelow = fallsBelow
    }

    /// - Parameter share: see ``LoadCapacity/share(of:)``.
    public mutating func measured(_ share: Double) {
        self.level = max(LoadLevel(share: share), min(self.level, LoadLevel(share: share / self.fallsBelow)))
    }
}

/// The load of each assistant and of all, as it was measured last.
public struct LoadBoard: Sendable {
    public struct Reading: Hashable, Sendable {
        public var level: LoadLevel
        public var demand: LoadDemand
        /// Nothing more is to be taken.
        public var isFull: Bool

        public init(level: LoadLevel = .low, demand: LoadDemand = LoadDemand(), isFull: Bool = false) {
            self.level = level
            self.demand = demand
            self.isFull = isFull
        }
    }

    private struct Row {
        var gauge: LoadGauge
        var capacity: LoadCapacity
        var demand = LoadDemand()

        mutating func measured(_ demand: LoadDemand) {
            self.demand = demand
            self.gauge.measured(self.capacity.share(of: demand))
        }

        var isFull: Bool { self.capacity.isFull(with: self.demand) }
    }

    private var rows: [AssistantID: Row]
    private var total: Row

    /// - Parameter gauge: how levels rise and fall.
    public init(_ capacities: LoadCapacities, gauge: LoadGauge = LoadGauge()) {
        self.rows = capacities.assistants.mapValues { Row(gauge: gauge, capacity: $0) }
        self.total = Row(gauge: gauge, capacity: capacities.total)
    }

    /// From now on these count, against what was measured last, too.
    ///
    /// - Parameter capacities: of the assistants known from the start; others are passed over.
    public mutating func update(_ capacities: LoadCapacities) {
        for (assistant, capacity) in capacities.assistants { self.rows[assistant]?.capacity = capacity }
        self.total.capacity = capacities.total
        self.measured(self.rows.mapValues(\.demand))
    }

    /// - Parameter demands: who is missing has none.
    public mutating func measured(_ demands: [AssistantID: LoadDemand]) {
        for assistant in self.rows.keys { self.rows[assistant]?.measured(demands[assistant] ?? LoadDemand()) }
        self.total.measured(demands.values.reduce(LoadDemand(), +))
    }

    /// Of an assistant: its own level, or that of all together when it is higher. Who is unknown has no load of its own.
    public subscript(assistant: AssistantID) -> Reading {
        guard let row = self.rows[assistant] else {
            return Reading(level: self.total.gauge.level, isFull: self.total.isFull)
        }
        return Reading(
            level: max(row.gauge.level, self.total.gauge.level), demand: row.demand, isFull: row.isFull || self.total.isFull)
    }

    /// The highest level there is, and the sum of all demand.
    public var overall: Reading {
        Reading(
            level: self.rows.values.map(\.gauge.level).reduce(self.total.gauge.level, max), demand: self.total.demand,
            isFull: self.total.isFull || self.isEverybodyFull)
    }

    /// The lowest level that an assistant has, and whether even that one takes nothing more: what can be said of a message
    /// before anybody has looked where it goes.
    public var atBest: Reading {
        let least = self.rows.values.map(\.gauge.level).min() ?? .low
        return Reading(
            level: max(least, self.total.gauge.level), demand: self.total.demand,
            isFull: self.total.isFull || self.isEverybodyFull)
    }

    /// What each assistant is asked for.
    public var demands: [AssistantID: LoadDemand] { self.rows.mapValues(\.demand) }

    private var isEverybodyFull: Bool { !self.rows.isEmpty && self.rows.values.allSatisfy(\.isFull) }
}
