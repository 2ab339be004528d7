/// Looks for the highest rate that keeps the objectives: doubles the rate until one does not, then halves the distance between
/// the highest that did and the lowest that did not. A rate has failed when it failed twice: a machine hiccups.
struct LimitSearch: Sendable {
    struct Trial: Sendable, Codable, Equatable {
        let rate: Double
        let passed: Bool
    }

    enum Next: Equatable {
        case attempt(rate: Double)
        /// - Parameters:
        ///   - rate: the highest that kept the objectives; `nil` when not even the lowest allowed one did.
        ///   - isCeiling: whether it is the highest that may be tried.
        case done(rate: Double?, isCeiling: Bool)
    }

    private let least: Double
    private let most: Double
    private let precision: Double
    private var passed: Double?
    private var failed: Double?
    private var rate: Double
    private var hasFailedOnce = false
    private(set) var trials: [Trial] = []

    /// - Parameters:
    ///   - start: the first rate, in messages per second.
    ///   - least: lower rates are not tried.
    ///   - most: higher rates are not tried.
    ///   - precision: the search ends when the lowest failure is no more than this share above the limit.
    init(start: Double, least: Double = 1, most: Double, precision: Double = 0.05) {
        precondition(
            least > 0 && least <= start && start <= most && precision > 0, "a search from \(start) in \(least)...\(most)")
        self.least = least
        self.most = most
        self.precision = precision
        self.rate = start
    }

    var next: Next {
        if let passed, passed >= self.most { return .done(rate: passed, isCeiling: true) }
        if let passed, let failed, failed <= passed * (1 + self.precision) { return .done(rate: passed, isCeiling: false) }
        if let failed, failed <= self.least { return .done(rate: nil, isCeiling: false) }
        return .attempt(rate: self.rate)
    }

    /// What the attempt that ``next`` asked for has shown.
    mutating func attempted(passed: Bool) {
        self.trials.append(Trial(rate: self.rate, passed: passed))
        if !passed, !self.hasFailedOnce {
            self.hasFailedOnce = true
            return
        }
        self.hasFailedOnce = false
        if passed { self.passed = self.rate } else { self.failed = self.rate }
        switch (self.passed, self.failed) {
        case (let passed?, let failed?): self.rate = (passed + failed) / 2
        case (let passed?, nil): self.rate = min(passed * 2, self.most)
        case (nil, let failed?): self.rate = max(failed / 2, self.least)
        case (nil, nil): break
        }
    }
}
