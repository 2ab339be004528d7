import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation

extension Server {
    /// A name for this start of this process, for people and other processes.
    static func makeProcessName() -> String {
        "\(ProcessInfo.processInfo.hostName.prefix { $0 != "." })-\(UUID().uuidString.lowercased().prefix(8))"
    }
}

extension ProcessSight {
    /// - Parameters:
    ///   - name: of this process.
    ///   - channels: `nil` without conversations.
    ///   - metrics: `nil` where nothing is counted.
    init(
        of name: String, role: Server.Role, startedAt: Timestamp, leases: any LeaseStore, client: SharedHTTPClient,
        breakers: Breakers, channels: Channels?, metrics: MetricsRegistry?
    ) {
        self.init(
            name: name, role: role.rawValue, startedAt: startedAt, leases: leases, client: client,
            gateways: {
                (channels?.status ?? []).map { GatewayServerBody($0) }
                    .sorted { ($0.channel, $0.server ?? "") < ($1.channel, $1.server ?? "") }
            },
            breakers: { breakers.status.map { BreakerBody($0) } }, traffic: { metrics.map { TrafficBody($0) } })
    }
}

extension GatewayServerBody {
    fileprivate init(_ status: RoutedChannel.Status) {
        self.init(
            channel: status.channel, server: status.server, problem: status.problem, weight: status.weight,
            policy: status.policy, repliesPerMinute: status.repliesPerMinute, breaker: status.breaker)
    }
}

extension BreakerBody {
    fileprivate init(_ status: Breaker.Status) {
        self.init(
            name: status.name, phase: status.phase, since: status.changedAt, nextProbe: status.nextProbe,
            calls: status.calls, errors: status.errors, running: status.running, opening: status.opening.map(Opening.init),
            latestFailure: status.latestFailure.map { Failure(at: $0.at, reason: $0.reason) },
            limits: Limits(status.settings))
    }
}
