/// How much of a capacity is in demand.
public enum LoadLevel: String, Sendable, CaseIterable {
    /// Below half.
    case low
    /// Below 80 %.
    case medium
    /// Below all of it.
    case high
    /// All of it, or more.
    case critical

    /// - Parameter share: demand divided by capacity, from 0.
    public init(share: Double) {
        self = share < 0.5 ? .low : share < 0.8 ? .medium : share < 1 ? .high : .critical
    }
}

extension LoadLevel: Comparable {
    private var rank: Int {
        switch self {
        case .low: 0
        case .medium: 1
        case .high: 2
        case .critical: 3
        }
    }

    public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rank < rhs.rank }
}

/// What there is to do for one assistant, or for all.
public struct LoadDemand: Hashable, Sendable {
    /// Unsettled messages, those in flight included.
    public var depth: Int
    /// Turns that run or wait for a slot, in all processes.
    public var inFlight: Int

    public init(depth: Int = 0, inFlight: Int = 0) {
        self.depth = depth
        self.inFlight = inFlight
    }

    public static func + (left: Self, right: Self) -> Self {
        LoadDemand(depth: left.depth + right.depth, inFlight: left.inFlight + right.inFlight)
    }
}

/// How much demand is all that one wants. In each, 0 stands for no limit.
public struct LoadCapacity: Hashable, Sendable {
    /// Unsettled messages at which the load is critical. Defaults to 1,000.
    public var queueThreshold: Int
    /// Turns in flight at which the load is critical. Defaults to 500.
    public var pendingThreshold: Int
    /// Unsettled messages beyond which nothing more is taken. Defaults to 10,000.
    public var maximumQueueLength: Int

    public init(queueThreshold: Int = 1_000, pendingThreshold: Int = 500, maximumQueueLength: Int = 10_000) {
        self.queueThreshold = queueThreshold
        self.pendingThreshold = pendingThreshold
        self.maximumQueueLength = maximumQueueLength
    }

    public static let unlimited = LoadCapacity(queueThreshold: 0, pendingThreshold: 0, maximumQueueLength: 0)

    /// The largest share that `demand` has of any limit.
    public func share(of demand: LoadDemand) -> Double {
        let shares = [
            (demand.depth, self.queueThreshold), (demand.inFlight, self.pendingThreshold),
            (demand.depth, self.maximumQueueLength),
        ].map { $1 > 0 ? Double($0) / Double($1) : 0 }
        return shares.max() ?? 0
    }

    /// Whether nothing more is to be taken.
    public func isFull(with demand: LoadDemand) -> Bool {
        self.maximumQueueLength > 0 && demand.depth >= self.maximumQueueLength
    }
}

/// The capacities of each assistant and of all together.
public struct LoadCapacities: Hashable, Sendable {
    public var assistants: [AssistantID: LoadCapacity]
    /// Held against the sums.
    public var total: LoadCapacity

    public init(assistants: [AssistantID: LoadCapacity], total: LoadCapacity = .unlimited) {
        self.assistants = assistants
        self.total = total
    }
}
