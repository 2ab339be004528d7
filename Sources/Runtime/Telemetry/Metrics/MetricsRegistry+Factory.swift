public import CoreMetrics

/// What swift-metrics records into. Labels are the names of declared families; dimensions are their labels, in any order, and
/// those that are missing are empty.
///
/// What is not declared, or declared as another kind, is not published: libraries may record what they like.
extension MetricsRegistry: MetricsFactory {
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        guard let cell: MetricCounter = self.cell(label, dimensions) else { return NOOPMetricsHandler.instance }
        return cell
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        guard let cell: MetricCounter = self.cell(label, dimensions) else { return NOOPMetricsHandler.instance }
        return cell
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        guard let cell: MetricGauge = self.cell(label, dimensions) else { return NOOPMetricsHandler.instance }
        return cell
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate, let cell: MetricHistogram = self.cell(label, dimensions) { return cell }
        if !aggregate, let cell: MetricGauge = self.cell(label, dimensions) { return cell }
        return NOOPMetricsHandler.instance
    }

    /// In seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        guard let cell: MetricHistogram = self.cell(label, dimensions) else { return NOOPMetricsHandler.instance }
        return cell
    }

    // A series stays: what was counted once must not disappear from the page.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    /// Makes it what swift-metrics records into in this process. Called at most once, by a program.
    public func receiveFromLibraries() { MetricsSystem.bootstrap(self) }

    private func cell<Cell: MetricCell>(_ name: String, _ dimensions: [(String, String)]) -> Cell? {
        guard let vector: MetricVector<Cell> = self.vector(name) else { return nil }
        let values = Dictionary(dimensions, uniquingKeysWith: { _, last in last })
        return vector[vector.family.labels.map { values[$0] ?? "" }]
    }
}
