import NIOCore

/// What is measured of Redis. Called on the connections' event loops, once for each command.
package struct RedisMeter: Sendable {
    private let duration: MetricHistogram
    private let failures: MetricVector<MetricCounter>
    private let connections: MetricVector<MetricCounter>

    package init(_ registry: MetricsRegistry) {
        self.duration = registry.histograms("cardume_redis_command_duration_seconds")[]
        self.failures = registry.counters("cardume_redis_command_failures_total")
        self.connections = registry.counters("cardume_redis_connections_total")
        for event in ["made", "lost", "failed"] { _ = self.connections[event] }
    }

    func answered(_ result: Result<RedisReply, RedisError>, after time: TimeAmount) {
        self.duration.observe(Double(time.nanoseconds) / 1e9)
        if case .failure(let error) = result { self.failed(error) }
    }

    func failed(_ error: RedisError) { self.failures[error.code.description].add() }

    /// A connection was made or lost, or could not be made.
    package func record(_ event: RedisLink.Event) {
        switch event {
        case .connected: self.connections["made"].add()
        case .lost: self.connections["lost"].add()
        case .failed: self.connections["failed"].add()
        }
    }
}
