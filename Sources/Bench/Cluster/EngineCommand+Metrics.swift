/// What it costs to count.
extension EngineCommand {
    /// Drains twice in each run, with and without metrics, in turns, and compares.
    func compareMetrics(_ workload: ClusterWorkload, _ servers: BenchServers, _ ceiling: Ceiling) async throws {
        let title =
            "engine: \(workload.messages) messages over \(workload.conversations) conversations, "
            + "\(workload.partitions) partitions, journal in \(self.journal.rawValue), with metrics and without"
        let report = try await self.options.report("engine-metrics", title) { run, progress in
            let isMeteredFirst = run.isMultiple(of: 2)
            let steps = "run \(run + 1) of \(self.options.runs)"
            progress.show(steps, 0, of: 2)
            let first = try await self.engine(workload, metrics: isMeteredFirst).measure(servers, ceiling)
            progress.show(steps, 1, of: 2)
            let second = try await self.engine(workload, metrics: !isMeteredFirst).measure(servers, ceiling)
            let (metered, plain) = isMeteredFirst ? (first, second) : (second, first)
            let (meteredRate, plainRate) = (workload.rate(in: metered.news.seconds), workload.rate(in: plain.news.seconds))
            return [
                Figure("drain_per_second", "drain without metrics", plainRate, .messagesPerSecond),
                Figure("metered_drain_per_second", "drain with metrics", meteredRate, .messagesPerSecond),
                Figure("metrics_ratio", "ratio of the rates", meteredRate / plainRate, .share),
                Figure("worker_cpu_seconds", "CPU without metrics", plain.worker.seconds, .seconds),
                Figure("metered_worker_cpu_seconds", "CPU with metrics", metered.worker.seconds, .seconds),
                Figure("metrics_cpu_ratio", "ratio of the CPU", metered.worker.seconds / plain.worker.seconds, .share),
            ]
        }
        try report.require("metrics_ratio", atLeast: self.minimumMetricsRatio)
    }
}

extension ClusterWorkload {
    fileprivate func rate(in seconds: Double) -> Double { Double(self.messages) / seconds }
}
