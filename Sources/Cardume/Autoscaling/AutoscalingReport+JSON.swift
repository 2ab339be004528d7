import CardumeCore

extension AutoscalingReport {
    /// The outcome, for programs; `--format csv` has every second.
    struct Body: Encodable {
        struct Rescale: Encodable {
            let second: Double
            let from: Int
            let to: Int
        }

        struct Wait: Encodable {
            let p50: Double
            let p95: Double
            let p99: Double
            let max: Double
        }

        let messages: Double
        let seconds: Double
        let mean_replicas: Double
        let peak_replicas: Int
        let peak_waiting: Int
        let rescales: [Rescale]
        let wait_seconds: Wait
        let verdict: [String]
    }

    var body: Body {
        let waits = self.result.waits
        return Body(
            messages: self.trace.messages, seconds: self.trace.end, mean_replicas: self.result.meanReplicas,
            peak_replicas: self.result.peakReplicas, peak_waiting: self.result.peakWaiting,
            rescales: self.result.rescales.map { Body.Rescale(second: $0.second, from: $0.from, to: $0.to) },
            wait_seconds: Body.Wait(
                p50: waits.percentile(0.5), p95: waits.percentile(0.95), p99: waits.percentile(0.99), max: waits.percentile(1)),
            verdict: self.result.verdict)
    }
}
