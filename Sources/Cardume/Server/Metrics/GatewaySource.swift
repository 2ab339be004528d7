import CardumeActors
import CardumeCore
import CardumeRuntime

/// Circuit breakers, and the gateway servers of every number in use.
struct GatewaySource: MetricSource {
    let breakers: Breakers
    let channels: Channels?

    func samples() async -> [MetricSample] {
        let breakers = self.breakers.status
        let states = breakers.flatMap { breaker in
            CircuitBreaker.Phase.allCases.map { phase in
                MetricSample(
                    "cardume_breaker_state", ["breaker": breaker.name, "state": phase.rawValue], breaker.phase == phase ? 1 : 0)
            }
        }
        let open = Set(breakers.filter { $0.phase == .open }.map(\.name))
        let servers = Dictionary(grouping: self.channels?.status ?? [], by: \.channel)
        return states + servers.values.flatMap { Self.samples($0, open: open) }
    }

    /// - Parameters:
    ///   - servers: one number's.
    ///   - open: names of breakers.
    private static func samples(_ servers: [RoutedChannel.Status], open: Set<String>) -> [MetricSample] {
        let usable = servers.filter { $0.problem == nil && !open.contains($0.breaker) }
        let sum = usable.reduce(0) { $0 + $1.weight }
        return servers.flatMap { server in
            let labels = ["channel": server.channel.rawValue, "server": server.server ?? ""]
            let weight = usable.contains(server) ? server.weight : 0
            return [
                MetricSample("cardume_gateway_server_up", labels, server.problem == nil ? 1 : 0),
                MetricSample("cardume_gateway_server_weight", labels, Double(server.weight)),
                MetricSample("cardume_gateway_server_share", labels, sum > 0 ? Double(weight) / Double(sum) : 0),
            ]
        }
    }
}
