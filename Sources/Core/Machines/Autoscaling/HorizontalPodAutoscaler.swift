/// Kubernetes' HorizontalPodAutoscaler controller for external metrics: what it does to the number of replicas at each of its
/// looks. Follows `pkg/controller/podautoscaler` of Kubernetes 1.33, with `behavior.*.tolerance`.
///
/// What it knows it knows since it was started: recommendations and scalings of the past, as the controller has them in memory.
public struct HorizontalPodAutoscaler: Sendable {
    /// Between two looks.
    public static let syncPeriod: Duration = .seconds(15)
    private static let tolerance = 0.1
    private static let legacyDownscaleWindow: Duration = .seconds(300)

    /// What a look finds.
    public struct Observation: Sendable {
        /// `spec.replicas`, as it was set last.
        public var wanted: Int
        /// `status.replicas`: pods that there are, those that start included.
        public var present: Int
        /// Of each pod, whether it is running and ready.
        public var readiness: [Bool]
        /// By metric, the values of all series in thousandths; `nil` when the provider failed.
        public var metrics: [String: [Int64]?]

        public init(wanted: Int, present: Int, readiness: [Bool] = [], metrics: [String: [Int64]?]) {
            self.wanted = wanted
            self.present = present
            self.readiness = readiness
            self.metrics = metrics
        }
    }

    public struct Decision: Hashable, Sendable {
        public var replicas: Int
        /// Why a metric, or all scaling, did not count.
        public var problem: String?

        public init(replicas: Int, problem: String? = nil) {
            self.replicas = replicas
            self.problem = problem
        }
    }

    private struct Recommendation {
        var at: Duration
        /// Before stabilisation and rate limits.
        var replicas: Int
    }

    private struct Scaling {
        var at: Duration
        var change: Int
    }

    public let settings: AutoscalerSettings
    private var recommendations: [Recommendation] = []
    private var added: [Scaling] = []
    private var removed: [Scaling] = []

    public init(_ settings: AutoscalerSettings) {
        self.settings = settings
    }

    /// Looks once.
    ///
    /// - Parameter now: later than at the look before.
    public mutating func look(_ seen: Observation, at now: Duration) -> Decision {
        if self.recommendations.isEmpty { self.recommendations = [Recommendation(at: now, replicas: seen.wanted)] }
        if seen.wanted == 0, self.settings.minReplicas != 0 {
            return Decision(replicas: 0, problem: "scaling is disabled since the replica count of the target is zero")
        }
        let decision: Decision
        if seen.wanted > self.settings.maxReplicas {
            decision = Decision(replicas: self.settings.maxReplicas)
        } else if seen.wanted < self.settings.minReplicas {
            decision = Decision(replicas: self.settings.minReplicas)
        } else {
            let (desired, problem) = self.proposal(seen)
            // Nothing is recorded either.
            guard let desired else { return Decision(replicas: seen.wanted, problem: problem) }
            let replicas =
                self.settings.behavior.map { self.normalised(desired, seen.wanted, $0, at: now) }
                ?? self.normalisedWithoutBehavior(desired, seen.wanted, at: now)
            decision = Decision(replicas: replicas, problem: problem)
        }
        self.record(decision.replicas - seen.wanted, at: now)
        return decision
    }

    private mutating func record(_ change: Int, at now: Duration) {
        guard let behavior = self.settings.behavior, change != 0 else { return }
        let longest = (behavior.up.policies + behavior.down.policies).map(\.period).max() ?? .zero
        self.added.removeAll { $0.at <= now - longest }
        self.removed.removeAll { $0.at <= now - longest }
        if change > 0 {
            self.added.append(Scaling(at: now, change: change))
        } else {
            self.removed.append(Scaling(at: now, change: -change))
        }
    }

    // MARK: Metrics

    /// The largest that a metric asks for; `nil` when none can be relied on: all failed, or one did and the others would
    /// scale in.
    private func proposal(_ seen: Observation) -> (Int?, String?) {
        var (desired, problem): (Int?, String?) = (nil, nil)
        for metric in self.settings.metrics {
            switch self.proposal(of: metric, seen) {
            case .success(let replicas): desired = max(desired ?? replicas, replicas)
            case .failure(let failure): problem = problem ?? failure.message
            }
        }
        if problem != nil, (desired ?? 0) < seen.wanted || desired == nil { return (nil, problem) }
        return (desired, problem)
    }

    private struct MetricFailure: Error {
        var message: String
    }

    private func proposal(of metric: AutoscalerSettings.Metric, _ seen: Observation) -> Result<Int, MetricFailure> {
        guard let values = seen.metrics[metric.name] ?? nil else {
            return .failure(MetricFailure(message: "unable to fetch metrics from external metrics API"))
        }
        guard !values.isEmpty else {
            return .failure(MetricFailure(message: "no metrics returned from external metrics API"))
        }
        let sum = Double(
            values.reduce(Int64(0)) { sum, value in
                let (result, isOverflow) = sum.addingReportingOverflow(value)
                return isOverflow ? (value > 0 ? .max : .min) : result
            })
        switch metric.target {
        case .averageValue(let target):
            let ratio = sum / (Double(target) * Double(seen.present))
            return .success(self.isTolerable(ratio) ? seen.present : Self.ceil(sum / Double(target)))
        case .value(let target):
            let ratio = sum / Double(target)
            if seen.wanted == 0 { return .success(Self.ceil(ratio)) }
            if self.isTolerable(ratio) { return .success(seen.wanted) }
            guard !seen.readiness.isEmpty else {
                return .failure(MetricFailure(message: "no pods returned by selector while calculating replica count"))
            }
            return .success(Self.ceil(ratio * Double(seen.readiness.count { $0 })))
        }
    }

    private func isTolerable(_ ratio: Double) -> Bool {
        let (up, down) = (self.settings.behavior?.up.tolerance, self.settings.behavior?.down.tolerance)
        return 1 - (down ?? Self.tolerance) <= ratio && ratio <= 1 + (up ?? Self.tolerance)
    }

    private static func ceil(_ value: Double) -> Int { Int(min(max(value.rounded(.up), 0), Double(Int32.max))) }

    // MARK: Behavior

    private mutating func normalised(
        _ desired: Int, _ wanted: Int, _ behavior: AutoscalerSettings.Behavior, at now: Duration
    ) -> Int {
        let stable = self.stabilised(desired, wanted, behavior, at: now)
        let isUp = stable > wanted
        guard stable != wanted else { return wanted }
        let limit = self.limit(isUp ? behavior.up : behavior.down, wanted, isUp: isUp, at: now)
        return isUp
            ? min(stable, min(self.settings.maxReplicas, max(limit, wanted)))
            : max(stable, max(self.settings.minReplicas, min(limit, wanted)))
    }

    private mutating func stabilised(
        _ desired: Int, _ wanted: Int, _ behavior: AutoscalerSettings.Behavior, at now: Duration
    ) -> Int {
        let (upCutoff, downCutoff) = (now - behavior.up.window, now - behavior.down.window)
        let lower = self.recommendations.filter { $0.at > upCutoff }.map(\.replicas).reduce(desired, min)
        let upper = self.recommendations.filter { $0.at > downCutoff }.map(\.replicas).reduce(desired, max)
        self.recommendations.removeAll { $0.at < min(upCutoff, downCutoff) }
        self.recommendations.append(Recommendation(at: now, replicas: desired))
        return min(max(wanted, lower), upper)
    }

    /// How far the policies let it go now. Scalings in the other direction give back what they took.
    private func limit(_ rules: AutoscalerSettings.Rules, _ wanted: Int, isUp: Bool, at now: Duration) -> Int {
        let limits = rules.policies.map { policy in
            let start =
                wanted - self.changes(self.added, within: policy.period, at: now)
                + self.changes(self.removed, within: policy.period, at: now)
            switch (policy.kind, isUp) {
            case (.pods, true): return start + policy.value
            case (.pods, false): return start - policy.value
            case (.percent, true): return Self.ceil(Double(start) * (1 + Double(policy.value) / 100))
            case (.percent, false): return Int(Double(start) * (1 - Double(policy.value) / 100))
            }
        }
        switch rules.select {
        case .disabled: return wanted
        // "Max" is the most change, in either direction.
        case .max: return (isUp ? limits.max() : limits.min()) ?? wanted
        case .min: return (isUp ? limits.min() : limits.max()) ?? wanted
        }
    }

    private func changes(_ scalings: [Scaling], within period: Duration, at now: Duration) -> Int {
        scalings.reduce(0) { $1.at > now - period ? $0 + $1.change : $0 }
    }

    private mutating func normalisedWithoutBehavior(_ desired: Int, _ wanted: Int, at now: Duration) -> Int {
        let cutoff = now - Self.legacyDownscaleWindow
        let stable = self.recommendations.filter { $0.at > cutoff }.map(\.replicas).reduce(desired, max)
        self.recommendations.removeAll { $0.at < cutoff }
        self.recommendations.append(Recommendation(at: now, replicas: desired))
        let highest = min(self.settings.maxReplicas, max(2 * wanted, 4))
        return min(max(stable, self.settings.minReplicas), highest)
    }
}
