/// An autoscaler and the workers it scales, played over a load.
public struct AutoscalingTrial: Sendable {
    /// What the metric's query does with the same figure from several processes.
    public enum Aggregation: String, Sendable, CaseIterable {
        case max
        case sum
    }

    public struct Settings: Sendable {
        public var autoscaler: AutoscalerSettings
        public var fleet: WorkerFleet.Settings
        /// Between two looks of the metrics' collector at the workers, in seconds.
        public var scrape: Double
        /// How old the figure is that a worker shows, in seconds.
        public var metricAge: Double
        /// When the metric cannot be read, in seconds.
        public var missing: Range<Double>?
        /// Processes that show the figure.
        public var reporters: Int
        public var aggregation: Aggregation
        /// Replicas at the start; `nil` for the least there may be.
        public var replicas: Int?

        public init(
            autoscaler: AutoscalerSettings, fleet: WorkerFleet.Settings = WorkerFleet.Settings(), scrape: Double = 15,
            metricAge: Double = 5, missing: Range<Double>? = nil, reporters: Int = 1, aggregation: Aggregation = .max,
            replicas: Int? = nil
        ) {
            self.autoscaler = autoscaler
            self.fleet = fleet
            self.scrape = scrape
            self.metricAge = metricAge
            self.missing = missing
            self.reporters = reporters
            self.aggregation = aggregation
            self.replicas = replicas
        }
    }

    /// One moment of it.
    public struct Sample: Hashable, Sendable {
        public var second: Double
        public var rate: Double
        public var replicas: Int
        public var ready: Int
        public var inFlight: Int
        public var waiting: Int
        /// Of who waits longest, in seconds.
        public var oldest: Double
        public var demand: Double
    }

    public struct Rescale: Hashable, Sendable {
        public var second: Double
        public var from: Int
        public var to: Int
    }

    public struct Result: Hashable, Sendable {
        /// One for each second.
        public var samples: [Sample] = []
        public var rescales: [Rescale] = []
        public var waits = WaitTimes()
        /// Looks of the autoscaler at which a metric did not count.
        public var failures = 0
    }

    /// Steps of the model in a second.
    private static let resolution = 4
    /// The controller's clock and the collector's are not in step.
    private static let syncPhase = 7.0

    private let settings: Settings
    private let trace: LoadTrace

    public init(_ settings: Settings, _ trace: LoadTrace) {
        self.settings = settings
        self.trace = trace
    }

    public func run() -> Result {
        var autoscaler = HorizontalPodAutoscaler(self.settings.autoscaler)
        let replicas = self.settings.replicas ?? self.settings.autoscaler.minReplicas
        var fleet = WorkerFleet(self.settings.fleet, replicas: replicas)
        var result = Result()
        // For each second, what the workers showed then.
        var shown: [Double] = []
        var step = 0
        let sync = HorizontalPodAutoscaler.syncPeriod.seconds
        for second in 0..<Int(self.trace.end) {
            let now = Double(second)
            while step + 1 < self.trace.steps.count, self.trace.steps[step + 1].from <= now { step += 1 }
            let rate = self.trace.steps[step].rate
            for part in 0..<Self.resolution {
                fleet.step(
                    to: now + Double(part) / Double(Self.resolution), arrivals: rate / Double(Self.resolution))
            }
            shown.append(fleet.demand)
            result.samples.append(
                Sample(
                    second: now, rate: rate, replicas: fleet.replicas, ready: fleet.ready(at: now), inFlight: fleet.inFlight,
                    waiting: fleet.waiting, oldest: fleet.oldest(at: now), demand: fleet.demand))
            // Before the first scrape there is nothing to look at.
            guard now >= self.settings.scrape + Self.syncPhase,
                (now - Self.syncPhase).truncatingRemainder(dividingBy: sync) == 0
            else { continue }
            let decision = autoscaler.look(self.observation(of: fleet, shown, at: now), at: .seconds(now))
            if decision.problem != nil { result.failures += 1 }
            guard decision.replicas != fleet.replicas else { continue }
            result.rescales.append(Rescale(second: now, from: fleet.replicas, to: decision.replicas))
            fleet.scale(to: decision.replicas, at: now)
        }
        result.waits = fleet.allWaits(at: self.trace.end)
        return result
    }

    private func observation(
        of fleet: WorkerFleet, _ shown: [Double], at now: Double
    ) -> HorizontalPodAutoscaler.Observation {
        let values = self.values(shown, at: now)
        let metrics = self.settings.autoscaler.metrics.map { ($0.name, values) }
        return HorizontalPodAutoscaler.Observation(
            wanted: fleet.replicas, present: fleet.replicas,
            readiness: (0..<fleet.replicas).map { $0 < fleet.ready(at: now) },
            metrics: Dictionary(metrics) { first, _ in first })
    }

    /// What the provider hands on, in thousandths, cut off as prometheus-adapter does it.
    private func values(_ shown: [Double], at now: Double) -> [Int64]? {
        let scrapedAt = (now / self.settings.scrape).rounded(.down) * self.settings.scrape
        if self.settings.missing?.contains(scrapedAt) ?? false { return nil }
        let seen = scrapedAt - self.settings.metricAge
        // Nobody has looked yet.
        guard seen >= 0, Int(seen) < shown.count else { return nil }
        let value = Int64(shown[Int(seen)] * 1_000)
        switch self.settings.aggregation {
        case .max: return self.settings.reporters > 0 ? [value] : []
        case .sum: return Array(repeating: value, count: self.settings.reporters)
        }
    }
}

extension AutoscalingTrial.Result {
    public var meanReplicas: Double { self.mean { Double($0.replicas) } }
    public var peakReplicas: Int { self.samples.map(\.replicas).max() ?? 0 }
    public var peakWaiting: Int { self.samples.map(\.waiting).max() ?? 0 }

    /// For each hour of it; of less than an hour, as many as there were.
    public var rescalesPerHour: Double {
        Double(self.rescales.count) / max(Double(self.samples.count) / 3_600, 1)
    }

    /// Scalings against the direction of the one before, within ten minutes of it.
    public var reversals: Int {
        zip(self.rescales, self.rescales.dropFirst()).count { before, after in
            (before.to > before.from) != (after.to > after.from) && after.second - before.second <= 600
        }
    }

    private func mean(_ value: (AutoscalingTrial.Sample) -> Double) -> Double {
        self.samples.isEmpty ? 0 : self.samples.reduce(0) { $0 + value($1) } / Double(self.samples.count)
    }

    /// On flapping and on lag, a sentence for each.
    public var verdict: [String] {
        let pods = self.rescalesPerHour
        let (p95, worst) = (self.waits.percentile(0.95), self.waits.percentile(1))
        let flapping =
            self.reversals > 2 || pods > 12
            ? "flaps: \(Self.text(pods)) rescales an hour, \(self.reversals) of them soon taken back"
            : "calm: \(Self.text(pods)) rescales an hour, \(self.reversals) of them soon taken back"
        let lag =
            p95 > 60
            ? "lags: 95 % of the messages waited up to \(Self.text(p95)) s for a slot, the worst \(Self.text(worst)) s"
            : "keeps up: 95 % of the messages waited up to \(Self.text(p95)) s for a slot, the worst \(Self.text(worst)) s"
        return [flapping, lag]
            + (self.failures > 0 ? ["\(self.failures) looks without the metric: the number of pods stayed as it was"] : [])
    }

    /// With one decimal.
    public static func text(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
