import CardumeCore
import CardumeRuntime

/// A page of metrics, by name.
struct MetricFigures: Sendable {
    typealias Labels = [String: String]

    private var values: [String: [Labels: Double]] = [:]

    /// - Parameter page: what a process answered at /metrics.
    init(_ page: String) {
        for series in PrometheusPage(page).series where !series.value.isNaN {
            self.values[series.name, default: [:]][series.labels] = series.value
        }
    }

    subscript(name: String) -> [Labels: Double] { self.values[name] ?? [:] }

    /// The sum over all series of this name with at least these labels; `nil` for none.
    func value(_ name: String, _ labels: Labels = [:]) -> Double? {
        let matching = self[name].filter { series in labels.allSatisfy { series.key[$0.key] == $0.value } }
        return matching.isEmpty ? nil : matching.values.reduce(0, +)
    }

    /// The value of a label of the first series of this name that is 1: how states are told.
    func state(_ name: String, _ label: String) -> String? {
        self[name].first { $0.value == 1 }?.key[label]
    }
}

/// How much counters have grown between two readings, in all processes that are in both.
struct MetricGrowth: Sendable {
    /// Of a histogram.
    struct Distribution: Equatable, Sendable {
        /// How many were at most as large as the bound, by bound.
        var counts: [Double: Double] = [:]

        var count: Double { self.counts[.infinity] ?? 0 }

        /// Between the bounds of its bucket in proportion, as Prometheus reckons; the highest finite bound for what lies beyond.
        ///
        /// - Parameter share: from 0 to 1.
        /// - Returns: `nil` when there was nothing.
        func quantile(_ share: Double) -> Double? {
            guard self.count > 0 else { return nil }
            let rank = share * self.count
            var (lower, below) = (0.0, 0.0)
            for (bound, count) in self.counts.sorted(by: { $0.key < $1.key }) {
                guard count < rank else {
                    return bound.isInfinite ? lower : lower + (bound - lower) * (rank - below) / (count - below)
                }
                if bound.isFinite { (lower, below) = (bound, count) }
            }
            return lower
        }
    }

    /// Between the two readings.
    let seconds: Double
    private let pairs: [(address: String, now: MetricFigures, before: MetricFigures)]

    /// - Returns: `nil` when nothing can be said: no time has passed, or no process answered twice.
    init?(_ now: TopReading, since before: TopReading) {
        self.seconds = (now.uptime - before.uptime).seconds
        self.pairs = now.processes.compactMap { process in
            guard let figures = process.figures,
                let earlier = before.processes.first(where: { $0.address == process.address })?.figures
            else { return nil }
            return (process.address, figures, earlier)
        }
        guard self.seconds > 0, !self.pairs.isEmpty else { return nil }
    }

    /// By the values of `labels`. A counter that is lower than it was counts from 0: its process has started anew.
    func growth(
        _ name: String, by labels: [String] = [], where isMeant: (MetricFigures.Labels) -> Bool = { _ in true }
    ) -> [[String]: Double] {
        var growth: [[String]: Double] = [:]
        for (_, now, before) in self.pairs {
            let earlier = before[name]
            for (series, value) in now[name] where isMeant(series) {
                let old = earlier[series] ?? 0
                growth[labels.map { series[$0] ?? "" }, default: 0] += value < old ? value : value - old
            }
        }
        return growth
    }

    /// In a second, all together.
    func rate(_ name: String, where isMeant: (MetricFigures.Labels) -> Bool = { _ in true }) -> Double {
        self.growth(name, where: isMeant).values.reduce(0, +) / self.seconds
    }

    /// Processor time of the process at an address, in a second.
    func cpu(at address: String) -> Double? {
        let name = "cardume_process_cpu_seconds_total"
        guard let pair = self.pairs.first(where: { $0.address == address }), let now = pair.now.value(name),
            let before = pair.before.value(name), now >= before
        else { return nil }
        return (now - before) / self.seconds
    }

    func distributions(_ name: String, by labels: [String]) -> [[String]: Distribution] {
        var distributions: [[String]: Distribution] = [:]
        for (key, count) in self.growth(name + "_bucket", by: labels + ["le"]) {
            guard let text = key.last, let bound = text == "+Inf" ? Double.infinity : Double(text) else { continue }
            distributions[Array(key.dropLast()), default: Distribution()].counts[bound, default: 0] += count
        }
        return distributions
    }
}
