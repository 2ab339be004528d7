/// The connections of some pools.
package struct PostgresPoolSource: MetricSource {
    private let pools: [(name: String, pool: PostgresPool)]

    package init(_ pools: [(name: String, pool: PostgresPool)]) { self.pools = pools }

    package func samples() async -> [MetricSample] {
        self.pools.flatMap { name, pool in
            let (now, limit) = (pool.statistics, pool.settings.maximumConnections)
            return [
                MetricSample("cardume_postgres_connections", ["pool": name, "state": "busy"], Double(now.open - now.idle)),
                MetricSample("cardume_postgres_connections", ["pool": name, "state": "idle"], Double(now.idle)),
                MetricSample("cardume_postgres_connections_limit", ["pool": name], Double(limit)),
                MetricSample("cardume_postgres_waiting", ["pool": name], Double(now.waiting)),
            ]
        }
    }
}
