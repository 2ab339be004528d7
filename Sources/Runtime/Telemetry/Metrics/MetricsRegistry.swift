import Synchronization

/// All metrics of a process: what is recorded, and who is asked at each scrape. Makes the page that `GET /metrics` answers.
///
/// One for each process; tests make their own. It is also what swift-metrics records into, where a program says so once:
/// `MetricsSystem.bootstrap(registry)`.
public final class MetricsRegistry: Sendable {
    /// Label sets of one family; see ``MetricVector``.
    public static let labelSetLimit = 500
    /// A source that takes longer is left out of the page.
    public static let sourceLimit: Duration = .seconds(1)

    let vectors: [any AnyMetricVector]
    private let byName: [String: any AnyMetricVector]
    private let labelSetLimit: Int
    private let sourceLimit: Duration
    private let sources = Mutex<[MetricSourceRunner]>([])
    private let overflows: Overflows

    /// - Parameters:
    ///   - families: what may be recorded, with different names. Defaults to all that are declared. Those that count this
    ///     registry's own troubles are added where they are missing.
    ///   - labelSetLimit: from 1.
    public init(
        _ families: [MetricFamily] = MetricFamily.all, labelSetLimit: Int = MetricsRegistry.labelSetLimit,
        sourceLimit: Duration = MetricsRegistry.sourceLimit
    ) {
        let own = MetricFamily.registry.filter { mine in !families.contains { $0.name == mine.name } }
        let overflows = Overflows()
        self.vectors = (families + own).map { family -> any AnyMetricVector in
            let onOverflow: @Sendable () -> Void = { overflows.add(family.name) }
            switch family.kind {
            case .counter: return MetricVector<MetricCounter>(family, limit: labelSetLimit, onOverflow: onOverflow)
            case .gauge: return MetricVector<MetricGauge>(family, limit: labelSetLimit, onOverflow: onOverflow)
            case .histogram: return MetricVector<MetricHistogram>(family, limit: labelSetLimit, onOverflow: onOverflow)
            }
        }
        self.byName = Dictionary(uniqueKeysWithValues: self.vectors.map { ($0.family.name, $0) })
        self.labelSetLimit = labelSetLimit
        self.sourceLimit = sourceLimit
        self.overflows = overflows
    }

    // MARK: Recording

    /// Takes a family of that name and kind; else it crashes: what is recorded has to be declared.
    public func counters(_ name: String) -> MetricVector<MetricCounter> { self.declared(name) }
    public func gauges(_ name: String) -> MetricVector<MetricGauge> { self.declared(name) }
    public func histograms(_ name: String) -> MetricVector<MetricHistogram> { self.declared(name) }

    private func declared<Cell: MetricCell>(_ name: String) -> MetricVector<Cell> {
        guard let vector: MetricVector<Cell> = self.vector(name) else {
            preconditionFailure("\(name) is not declared as a \(Cell.kind.rawValue)")
        }
        return vector
    }

    /// `nil` when there is none of that name and kind.
    func vector<Cell: MetricCell>(_ name: String) -> MetricVector<Cell>? { self.byName[name] as? MetricVector<Cell> }

    /// From now on `source` is asked at each scrape.
    ///
    /// - Parameter name: for the count of its failures.
    public func add(_ source: any MetricSource, as name: String) {
        self.sources.withLock { $0.append(MetricSourceRunner(name, source)) }
    }

    // MARK: The page

    /// All that there is, at this moment, in Prometheus' text format. Takes no longer than the slowest source, nor than the
    /// limit for sources. Several callers at a time share the sources' answers.
    public func page() async -> String {
        let asked = await self.ask()
        self.countOverflows()
        var page = PrometheusText()
        for vector in self.vectors {
            var series = Dictionary(vector.series.map { ($0.labels, $0.reading) }, uniquingKeysWith: +)
            for (labels, value) in asked[vector.family.name] ?? [:] { series[labels] = .value(value) }
            page.write(vector.family, series.map { ($0.key, $0.value) })
        }
        return page.text
    }

    /// The sources' samples, by family and label set.
    private func ask() async -> [String: [[String]: Double]] {
        let sources = self.sources.withLock { $0 }
        let answers: [(String, [MetricSample]?)] = await withTaskGroup(of: (String, [MetricSample]?).self) { group in
            for source in sources { group.addTask { (source.name, await source.samples(within: self.sourceLimit)) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let timeouts = self.counters("cardume_metrics_source_timeouts_total")
        var result: [String: [[String]: Double]] = [:]
        for (name, samples) in answers {
            // There with 0, so that its first failure is an increase.
            timeouts[name].add(samples == nil ? 1 : 0)
            for sample in samples ?? [] { self.add(sample, to: &result) }
        }
        return result
    }

    /// Adds up samples of one label set.
    private func add(_ sample: MetricSample, to result: inout [String: [[String]: Double]]) {
        guard let family = self.byName[sample.name]?.family, family.kind != .histogram else {
            preconditionFailure("\(sample.name) is not declared as a counter or gauge")
        }
        precondition(Set(sample.labels.keys) == Set(family.labels), "\(family.name) has other labels: \(sample.labels)")
        var labels = family.labels.map { MetricLabel.bounded(sample.labels[$0] ?? "") }
        let known = result[family.name] ?? [:]
        if known[labels] == nil, known.count >= self.labelSetLimit {
            labels = MetricLabel.other(family)
            self.overflows.add(family.name)
        }
        result[family.name, default: [:]][labels, default: 0] += sample.value
    }

    private func countOverflows() {
        let counters = self.counters("cardume_metrics_overflow_total")
        for (family, count) in self.overflows.take() { counters[family].add(Double(count)) }
    }

    /// Kept apart from their counters, which may be full themselves.
    private final class Overflows: Sendable {
        private let counts = Mutex<[String: Int]>([:])

        func add(_ family: String) { self.counts.withLock { $0[family, default: 0] += 1 } }

        func take() -> [String: Int] {
            self.counts.withLock { counts in
                defer { counts = [:] }
                return counts
            }
        }
    }
}
