/// One worker's part of a budget that all workers share: it takes calls in blocks from the shared counter (``BudgetLedger``),
/// ahead of need, and hands them out, first come, first served.
///
/// Reserve, then settle: a call reserves one request and an estimate of its tokens before it begins, and says afterwards what
/// it used. What it did not use goes back to where it was charged. Who cannot begin within ``patience`` is sent away with a
/// place of its own in time: behind `n` others, at a rate of `r` calls per second, after four fifths of `n / r`, so that an
/// estimate that is a little wrong lets nothing stand idle. The last second is waited here.
///
/// When the counter does not answer for a second, the worker goes on with half of its last share, but no less than half of an
/// equal part among all workers known then: together they stay within the limit.
public struct ModelBudget: Sendable {
    /// The right to one call, to be given back with ``ended(_:_:at:)``, once.
    public struct Reservation: Hashable, Sendable {
        /// `nil`: charged to nothing, either because there is no limit or because the counter was away.
        public var stamp: Int64?
        public var tokens: Int
    }

    public enum Answer: Hashable, Sendable {
        case granted(Reservation)
        case waiting
        /// To ask again after this time; the place is kept when asked for.
        case postponed(Duration)
    }

    /// What became of somebody who waited.
    public struct Resumption: Hashable, Sendable {
        public var caller: UInt64
        public var answer: Answer
    }

    /// How a call ended.
    public enum End: Hashable, Sendable {
        /// It used this many tokens; `nil` when nobody knows, and then as many as were reserved.
        case used(tokens: Int?)
        /// It was refused before the model did anything: the server counts it as a request all the same.
        case refused
        /// It was never sent.
        case unused
    }

    /// The longest wait here that is expected of anybody.
    public static let patience = Duration.seconds(1)
    /// The longest wait here that happens.
    static let longestStay = Duration.milliseconds(1_500)
    /// The longest time anybody is sent away: limits may rise meanwhile.
    static let longestAbsence = Duration.seconds(60)
    /// Between two requests to the counter, give or take a quarter: who always came just after another would always find less.
    static let interval = Duration.milliseconds(200)

    /// What the counter said last.
    private struct Answered {
        var at: Duration
        var share: Double
        var workers: Int
        var opensAt: Duration
    }

    public let worker: String
    /// What is in force: configured, and lowered to what the server says.
    public private(set) var limits: BudgetLimits
    private var configured: BudgetLimits
    private var learned = BudgetLimits()
    private var queue = BudgetQueue()
    private var blocks = BudgetBlocks()
    private var latest: Answered?
    private var askedAt: Duration?
    private var questions: UInt64 = 0
    private var closedUntil = Duration.zero
    private var refusals = 0
    /// `nil` while the counter answers.
    private var alone: LoneBudget?
    private var calls = CallRate()
    private var sweptAt = Duration.zero

    /// Sums since the beginning, for tests and metrics: reserved = settled + returned + still out.
    public private(set) var reserved = BudgetAmount.zero
    public private(set) var settled = BudgetAmount.zero
    public private(set) var returned = BudgetAmount.zero

    public init(worker: String, limits: BudgetLimits) {
        self.worker = worker
        self.configured = limits
        self.limits = limits
    }

    public var waiting: Int { self.queue.count }

    // MARK: What happens

    /// Somebody wants to call.
    ///
    /// - Parameters:
    ///   - key: names who; asking again with the same key after having been sent away takes up the same place.
    ///   - caller: unlike that of anybody who waits here.
    ///   - keepsPlace: whether a place is kept for somebody who is sent away.
    ///   - now: monotonic time since any fixed origin.
    /// - Returns: ``Answer/waiting``, when a ``Resumption`` follows.
    public mutating func requested(
        _ key: String, caller: UInt64, tokens: Int, keepsPlace: Bool, at now: Duration
    ) -> Answer {
        self.calls.called(tokens, at: now)
        let isOpen = now >= self.closedUntil
        if self.limits.areNone, isOpen { return .granted(self.count(Reservation(stamp: nil, tokens: tokens))) }
        let need = self.need(tokens)
        self.flow(until: now)
        let rank = self.queue.came(key, caller: caller, tokens: need, until: now + Self.longestStay)
        if isOpen, self.queue.rank(ofCallerHere: caller) == 0, let reservation = self.take(need) {
            self.queue.left(caller)
            return .granted(reservation)
        }
        let wait = self.expectedWait(behind: rank, at: now)
        guard wait > Self.patience else { return .waiting }
        return .postponed(self.sendAway(caller, wait, keepsPlace: keepsPlace, at: now))
    }

    /// Somebody who waited here has given up.
    public mutating func cancelled(_ caller: UInt64) { self.queue.left(caller) }

    public mutating func ended(_ reservation: Reservation, _ end: End, at now: Duration) {
        let spent =
            switch end {
            case .used(let tokens): BudgetAmount(requests: 1, tokens: max(0, tokens ?? reservation.tokens))
            case .refused: BudgetAmount(requests: 1)
            case .unused: BudgetAmount.zero
            }
        if case .used = end { self.refusals = 0 }
        let rest = BudgetAmount(requests: 1, tokens: reservation.tokens) - spent
        self.settled += spent
        self.returned += rest
        if let stamp = reservation.stamp, rest != .zero { self.blocks.giveBack(rest, to: stamp) }
    }

    /// The server refused a call because there were too many: nobody calls for as long as it says, or, when it does not say,
    /// for a second, doubled with each further refusal up to 32 s. Refusals of calls that were on their way when the first of them
    /// came are no further ones.
    public mutating func refused(retryAfter: Duration?, at now: Duration) {
        let isFurther = now >= self.closedUntil
        if isFurther { self.refusals += 1 }
        guard isFurther || retryAfter != nil else { return }
        self.close(for: retryAfter ?? .seconds(1 << min(self.refusals - 1, 5)), at: now)
    }

    /// The server said what it allows and what is left.
    public mutating func learned(_ report: ModelLimitReport, at now: Duration) {
        self.learned = BudgetLimits(
            requests: report.requests.limit ?? self.learned.requests, tokens: report.tokens.limit ?? self.learned.tokens)
        self.limits = self.configured.lowered(to: self.learned)
        // A bucket's reset says when it is full again, which is not when the next call is allowed: a short look away suffices.
        for side in [report.requests, report.tokens] where side.remaining == 0 {
            self.close(for: min(side.reset ?? .seconds(1), .seconds(1)), at: now)
        }
    }

    public mutating func update(_ limits: BudgetLimits) {
        self.configured = limits
        self.limits = limits.lowered(to: self.learned)
    }

    private mutating func close(for pause: Duration, at now: Duration) {
        self.closedUntil = max(self.closedUntil, now + pause)
    }

    // MARK: The shared counter

    /// When the counter is to be asked next, from now; `nil` while there is nothing to ask or to give back.
    public func nextLease(at now: Duration) -> Duration? {
        guard !self.limits.areNone || self.queue.hereCount > 0 else { return nil }
        guard !self.calls.isIdle(at: now) || self.queue.hereCount > 0 || !self.blocks.isEmpty else { return nil }
        let seed = UInt64(StableHash.crc32(self.worker.utf8)) << 32
        let jitter = (seed &+ self.questions &* 0x9E37_79B9_7F4A_7C15) >> 54
        let interval = Self.interval * (768 + Int(jitter) / 2) / 1_024
        return self.askedAt.map { max(.zero, $0 + interval - now) } ?? .zero
    }

    /// What to ask the counter. Followed by ``leased(_:askedAt:at:)`` or ``leaseFailed(at:)``.
    public mutating func leaseRequest(at now: Duration) -> BudgetLeaseRequest {
        self.blocks.expire(at: now)
        self.askedAt = now
        self.questions &+= 1
        let here = self.queue.hereCount
        let isOpen = now >= self.closedUntil
        var request = BudgetLeaseRequest(worker: self.worker, limits: self.limits)
        request.closedFor = max(.zero, self.closedUntil - now)
        if here > 0 {
            // What is held does not fit the first of them, or they would not be waiting.
            request.calls = isOpen ? here : 0
            request.tokens = self.queue.first(here).reduce(0) { $0 + $1.tokens }
            request.firstTokens = self.queue.first?.tokens ?? 0
        } else if isOpen {
            request.calls = max(0, self.calls.expected(in: Self.interval * 2, at: now) - self.blocks.calls)
            request.firstTokens = self.need(Int(self.calls.tokens ?? 0))
            request.tokens = request.calls * request.firstTokens
        }
        request.demand = max(self.queue.count, request.calls)
        request.returns = self.blocks.takeReturns()
        return request
    }

    /// - Parameter start: when the counter was asked.
    /// - Returns: what became of those who waited here, in order.
    public mutating func leased(_ lease: BudgetLease, askedAt start: Duration, at now: Duration) -> [Resumption] {
        self.alone = nil
        self.latest = Answered(
            at: now, share: lease.share, workers: max(1, lease.workers), opensAt: now + lease.opensIn)
        if lease.closedFor > .zero { self.close(for: lease.closedFor, at: now) }
        self.blocks.add(lease, until: start + BudgetLedger.leaseLife)
        return self.elapsed(at: now)
    }

    /// The counter did not answer. What was returned with the question is lost rather than returned twice.
    public mutating func leaseFailed(at now: Duration) -> [Resumption] {
        if self.alone == nil {
            self.alone = LoneBudget(since: now, share: self.latest?.share, workers: self.latest?.workers)
        }
        return self.elapsed(at: now)
    }

    /// Time has passed: serves and sends away.
    private mutating func elapsed(at now: Duration) -> [Resumption] {
        self.flow(until: now)
        if now - self.sweptAt > .seconds(5) {
            self.queue.forgetLost(at: now)
            self.sweptAt = now
        }
        var resumptions: [Resumption] = []
        while now >= self.closedUntil, let first = self.queue.first, let caller = first.caller,
            let reservation = self.limits.areNone
                ? self.count(Reservation(stamp: nil, tokens: first.tokens)) : self.take(first.tokens)
        {
            self.queue.left(caller)
            resumptions.append(Resumption(caller: caller, answer: .granted(reservation)))
        }
        for caller in self.queue.overdue(at: now) {
            let wait = max(self.expectedWait(behind: self.queue.rank(of: caller), at: now), Self.interval)
            let delay = self.sendAway(caller, wait, keepsPlace: true, at: now)
            resumptions.append(Resumption(caller: caller, answer: .postponed(delay)))
        }
        return resumptions
    }

    // MARK: Waiting

    /// A caller that finds the counter not asked for a while waits for its answer, which takes a round trip.
    private func expectedWait(behind rank: Int, at now: Duration) -> Duration {
        let closed = max(.zero, self.closedUntil - now)
        let isFresh = self.latest.map { now - $0.at <= .seconds(1) } ?? false
        let rate = self.rate
        let place = isFresh || self.alone?.isInForce(at: now) ?? false ? Double(rank) + 0.5 : Double(rank)
        let queue = Duration.seconds(min(86_400, place / max(rate, 1e-9)))
        let opens = isFresh ? (self.latest?.opensAt ?? now) - now : .zero
        return closed + max(queue, opens)
    }

    /// Calls per second that this worker gets while it and others wait.
    private var rate: Double {
        let share = self.alone?.share ?? self.latest?.share ?? 1
        return max(share, 1e-6) * self.wholeRate
    }

    /// Of all workers together.
    private var wholeRate: Double {
        let seconds = Double(BudgetLedger.window) / 1_000
        let requests = self.limits.requests.map { Double($0) / seconds } ?? .greatestFiniteMagnitude
        let tokens =
            self.limits.tokens.map { Double($0) / seconds / max(1, self.calls.tokens ?? 1) } ?? .greatestFiniteMagnitude
        return min(requests, tokens)
    }

    private mutating func sendAway(
        _ caller: UInt64, _ wait: Duration, keepsPlace: Bool, at now: Duration
    ) -> Duration {
        let delay = min(wait * 4 / 5, Self.longestAbsence)
        if keepsPlace { self.queue.sentAway(caller, until: now + delay) } else { self.queue.left(caller) }
        return delay
    }

    // MARK: What is held

    /// A call larger than a quarter of the limit would have to wait until hardly anybody else calls: the rest is settled later.
    private func need(_ tokens: Int) -> Int {
        guard let limit = self.limits.tokens else { return max(0, tokens) }
        return min(max(1, tokens), max(1, limit / 4))
    }

    private mutating func take(_ tokens: Int) -> Reservation? {
        if let stamp = self.blocks.take(tokens) { return self.count(Reservation(stamp: stamp, tokens: tokens)) }
        guard self.alone?.take(tokens) ?? false else { return nil }
        return self.count(Reservation(stamp: nil, tokens: tokens))
    }

    private mutating func count(_ reservation: Reservation) -> Reservation {
        self.reserved += BudgetAmount(requests: 1, tokens: reservation.tokens)
        return reservation
    }

    private mutating func flow(until now: Duration) {
        self.blocks.expire(at: now)
        self.alone?.flow(self.limits, until: now)
    }
}
