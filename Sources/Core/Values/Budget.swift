/// Requests and tokens, together.
public struct BudgetAmount: Hashable, Sendable {
    public var requests: Int
    public var tokens: Int

    public static let zero = BudgetAmount()

    public init(requests: Int = 0, tokens: Int = 0) {
        self.requests = requests
        self.tokens = tokens
    }

    public static func + (left: Self, right: Self) -> Self {
        BudgetAmount(requests: left.requests + right.requests, tokens: left.tokens + right.tokens)
    }

    public static func - (left: Self, right: Self) -> Self {
        BudgetAmount(requests: left.requests - right.requests, tokens: left.tokens - right.tokens)
    }

    public static func += (left: inout Self, right: Self) { left = left + right }
    public static func -= (left: inout Self, right: Self) { left = left - right }
}

/// What may be used in a minute. `nil`: as much as one likes. From 1.
public struct BudgetLimits: Hashable, Sendable {
    public var requests: Int?
    public var tokens: Int?

    public init(requests: Int? = nil, tokens: Int? = nil) {
        self.requests = requests.map { max(1, $0) }
        self.tokens = tokens.map { max(1, $0) }
    }

    public var areNone: Bool { self.requests == nil && self.tokens == nil }

    /// The lower of both, for each.
    public func lowered(to other: BudgetLimits) -> BudgetLimits {
        func lower(_ left: Int?, _ right: Int?) -> Int? {
            guard let left, let right else { return left ?? right }
            return min(left, right)
        }
        return BudgetLimits(requests: lower(self.requests, other.requests), tokens: lower(self.tokens, other.tokens))
    }
}

/// What one worker tells the shared counter of a budget, and asks of it.
public struct BudgetLeaseRequest: Hashable, Sendable {
    /// Unlike that of any other worker.
    public var worker: String
    public var limits: BudgetLimits
    /// Calls that could begin now.
    public var calls: Int
    /// What they need together, by estimate.
    public var tokens: Int
    /// What the first of them needs. With any call, at least this is granted.
    public var firstTokens: Int
    /// Calls that wait at this worker, now and later: its weight among the others.
    public var demand: Int
    /// Not used after all, by the stamp of the lease it came with; below zero where more was used than reserved.
    public var returns: [Int64: BudgetAmount]
    /// How long nobody may begin a call, because the server said so.
    public var closedFor: Duration

    public init(
        worker: String, limits: BudgetLimits, calls: Int = 0, tokens: Int = 0, firstTokens: Int = 0, demand: Int = 0,
        returns: [Int64: BudgetAmount] = [:], closedFor: Duration = .zero
    ) {
        self.worker = worker
        self.limits = limits
        self.calls = calls
        self.tokens = tokens
        self.firstTokens = firstTokens
        self.demand = demand
        self.returns = returns
        self.closedFor = closedFor
    }
}

/// What the shared counter grants: calls that have to begin within ``BudgetLedger/leaseLife``.
public struct BudgetLease: Hashable, Sendable {
    public var calls: Int
    public var tokens: Int
    /// Names the slice of time to which it is charged.
    public var stamp: Int64
    /// This worker's share of all that wait; from 0 to 1.
    public var share: Double
    /// Workers heard of in the last ten minutes, this one included.
    public var workers: Int
    /// How long no further call is granted to anybody.
    public var opensIn: Duration
    /// How long the server wants to be left alone.
    public var closedFor: Duration

    public init(
        calls: Int, tokens: Int, stamp: Int64, share: Double, workers: Int, opensIn: Duration, closedFor: Duration
    ) {
        self.calls = calls
        self.tokens = tokens
        self.stamp = stamp
        self.share = share
        self.workers = workers
        self.opensIn = opensIn
        self.closedFor = closedFor
    }
}
