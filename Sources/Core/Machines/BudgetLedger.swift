/// One budget as all workers share it: who may begin how many calls now. The embedded deployment keeps it in memory; in the
/// cluster, `lease.lua` does the same, number for number, on Redis' clock.
///
/// Servers count in fixed minutes, in minutes that slide, or with a bucket that fills by itself, some of them with one that
/// holds a second's worth. Two rules together are within all of these:
///
/// - *Pace*: what is granted flows evenly, `limit / 61.25 s`, with a burst of one second's worth (at least one call). A call
///   larger than the burst goes into debt, which the flow pays first.
/// - *Window*: what was granted in the latest 61 s, less what was returned, is never above the limit. Charges stay in the
///   slice of time in which they were granted; a return lowers that slice, so that the sum is that of real use.
///
/// 61 s and not 60, because a call reaches the server later than its grant: a lease is begun within ``leaseLife`` (600 ms), and
/// calls may differ by 400 ms in how long they travel. With slices of 250 ms that leaves 60 / 61.25 = 97.9 % to use.
public struct BudgetLedger: Sendable {
    /// How long after it was asked for a lease may be used.
    public static let leaseLife = Duration.milliseconds(600)
    /// In milliseconds, as all times here.
    static let slice: Int64 = 250
    /// Slices of the window, the current one included: more than 61 s and up to 61.25 s.
    static let slices: Int64 = 245
    static let window = Self.slice * Self.slices
    /// How long what a worker said of its demand counts.
    static let demandLife: Int64 = 1_000
    static let workerLife: Int64 = 600_000
    static let claimLife: Int64 = 1_000

    private struct Worker {
        var demand: Int
        var at: Int64
    }

    /// Room that a large call waits for: others leave it.
    private struct Claim {
        var worker: String
        var tokens: Int
        var until: Int64
    }

    /// What may flow at once.
    private struct Level {
        var requests = 0.0
        var tokens = 0.0
    }

    private var level = Level()
    /// When the level was computed; `nil` before the first request.
    private var at: Int64?
    private var current: Int64 = 0
    private var charges: [Int64: BudgetAmount] = [:]
    private var workers: [String: Worker] = [:]
    private var claim: Claim?
    private var closedUntil: Int64 = 0
    /// What is charged to the window.
    public private(set) var charged = BudgetAmount.zero

    public init() {}

    /// - Parameter now: milliseconds of any clock; one that goes back is taken to stand still, and one that goes back by more
    ///   than the window to be another: all begins anew.
    public mutating func lease(_ request: BudgetLeaseRequest, at now: Int64) -> BudgetLease {
        if let at = self.at, at - now > Self.window { self = BudgetLedger() }
        let now = max(now, self.at ?? now)
        let limits = request.limits
        self.flow(limits, until: now)
        self.takeBack(request.returns, limits)
        self.closedUntil = max(self.closedUntil, now + request.closedFor.milliseconds)
        let total = self.note(request, at: now)
        let share = Double(request.demand) / Double(max(total, 1))
        let paced = now < self.closedUntil ? 0 : self.paced(request, share)
        let calls = self.fitting(paced, request, at: now)
        let tokens = Self.tokens(for: calls, of: request)
        if calls > 0 {
            self.charges[self.current, default: .zero] += BudgetAmount(requests: calls, tokens: tokens)
            self.charged += BudgetAmount(requests: calls, tokens: tokens)
            self.level.requests -= Double(calls)
            self.level.tokens -= Double(tokens)
            if self.claim?.worker == request.worker { self.claim = nil }
        }
        var opensIn = max(
            0, self.closedUntil - now, Self.debt(self.level.requests, limits.requests),
            Self.debt(self.level.tokens, limits.tokens))
        if paced > 0, calls == 0 { opensIn = max(opensIn, Self.slice) }
        return BudgetLease(
            calls: calls, tokens: tokens, stamp: self.current, share: share, workers: self.workers.count,
            opensIn: .milliseconds(opensIn), closedFor: .milliseconds(max(0, self.closedUntil - now)))
    }

    private static func burst(_ limit: Int) -> Double { max(1, Double(limit) / 60) }

    /// How long until the level is above zero again.
    private static func debt(_ level: Double, _ limit: Int?) -> Int64 {
        guard let limit, level <= 0 else { return 0 }
        return Int64((-level * Double(Self.window) / Double(limit)).rounded(.up)) + 1
    }

    private static func tokens(for calls: Int, of request: BudgetLeaseRequest) -> Int {
        guard calls > 0 else { return 0 }
        return calls == request.calls ? request.tokens : max(request.firstTokens, request.tokens * calls / request.calls)
    }

    // MARK: Time

    private mutating func flow(_ limits: BudgetLimits, until now: Int64) {
        let slice = now / Self.slice
        guard let at = self.at else {
            (self.at, self.current) = (now, slice)
            self.level = Level(
                requests: limits.requests.map(Self.burst) ?? 0, tokens: limits.tokens.map(Self.burst) ?? 0)
            return
        }
        for leaving in (self.current - Self.slices + 1)..<max(self.current, slice) - Self.slices + 1 {
            guard slice - self.current < Self.slices else { break }
            if let charge = self.charges.removeValue(forKey: leaving) { self.charged -= charge }
        }
        if slice - self.current >= Self.slices { (self.charges, self.charged) = ([:], .zero) }
        let elapsed = Double(now - at)
        func raised(_ level: Double, _ limit: Int?) -> Double {
            guard let limit else { return 0 }
            return min(Self.burst(limit), level + elapsed * Double(limit) / Double(Self.window))
        }
        self.level.requests = raised(self.level.requests, limits.requests)
        self.level.tokens = raised(self.level.tokens, limits.tokens)
        (self.at, self.current) = (now, slice)
    }

    /// What left the window long ago only flows again.
    private mutating func takeBack(_ returns: [Int64: BudgetAmount], _ limits: BudgetLimits) {
        for (stamp, amount) in returns.sorted(by: { $0.key < $1.key }) {
            if let charge = self.charges[stamp] {
                self.charges[stamp] = charge - amount
                self.charged -= amount
            }
            if let limit = limits.requests {
                self.level.requests = min(Self.burst(limit), self.level.requests + Double(amount.requests))
            }
            if let limit = limits.tokens {
                self.level.tokens = min(Self.burst(limit), self.level.tokens + Double(amount.tokens))
            }
        }
    }

    /// Returns what all workers want together.
    private mutating func note(_ request: BudgetLeaseRequest, at now: Int64) -> Int {
        self.workers[request.worker] = Worker(demand: request.demand, at: now)
        self.workers = self.workers.filter { now - $0.value.at <= Self.workerLife }
        return self.workers.values.reduce(0) { now - $1.at <= Self.demandLife ? $0 + $1.demand : $0 }
    }

    // MARK: Granting

    /// Calls that the pace lets begin: the worker's share of what may flow, but one as long as anything may.
    private func paced(_ request: BudgetLeaseRequest, _ share: Double) -> Int {
        var calls = request.calls
        guard calls > 0 else { return 0 }
        if request.limits.requests != nil {
            guard self.level.requests > 0 else { return 0 }
            calls = min(calls, max(1, Int(self.level.requests * share)))
        }
        if request.limits.tokens != nil {
            guard self.level.tokens > 0 else { return 0 }
            let each = Double(max(request.tokens, 1)) / Double(request.calls)
            calls = min(calls, max(1, Int(self.level.tokens * share / each)))
        }
        return calls
    }

    /// Of them, those for which the window has room. A call that finds none claims it, so that smaller ones of other workers
    /// do not always come first.
    private mutating func fitting(_ paced: Int, _ request: BudgetLeaseRequest, at now: Int64) -> Int {
        var calls = paced
        if let limit = request.limits.requests { calls = min(calls, max(0, limit - self.charged.requests)) }
        guard calls > 0, let limit = request.limits.tokens else { return calls }
        let claim = self.claim.flatMap { $0.until > now ? $0 : nil }
        let isOthers = claim != nil && claim?.worker != request.worker
        let room = limit - self.charged.tokens - (isOthers ? claim?.tokens ?? 0 : 0)
        if Self.tokens(for: calls, of: request) > room {
            calls = min(calls, max(0, room) * request.calls / max(request.tokens, 1))
            if calls == 0 || Self.tokens(for: calls, of: request) > room { calls = request.firstTokens <= room ? 1 : 0 }
            if calls == 1, Self.tokens(for: 1, of: request) > room { calls = 0 }
        }
        if calls == 0, !isOthers {
            self.claim = Claim(worker: request.worker, tokens: request.firstTokens, until: now + Self.claimLife)
        }
        return calls
    }
}
