/// Chooses the server that carries a reply.
public struct GatewayRouter: Sendable {
    public enum Policy: String, Sendable, CaseIterable {
        /// A conversation stays with its server; see ``WeightedRendezvous``.
        case rendezvous
        /// Each reply takes the next server's turn; see ``SmoothRoundRobin``.
        case roundRobin = "round_robin"
    }

    public struct Server: Hashable, Sendable {
        /// `nil` for the only server of a channel that names none.
        public var name: String?
        /// From 1.
        public var weight: Int

        public init(name: String?, weight: Int) {
            self.name = name
            self.weight = weight
        }
    }

    /// What is known of a server at the moment.
    public enum Availability: Hashable, Sendable {
        case ready
        /// Nothing can go there now; ask again after `wait`.
        case away(cause: Blocker.Cause, wait: Duration)
    }

    public var policy: Policy
    public var servers: [Server]
    private var turns = SmoothRoundRobin<String?>()

    /// - Parameter servers: at least one, with different names.
    public init(policy: Policy, servers: [Server]) {
        self.policy = policy
        self.servers = servers
    }

    /// - Parameters:
    ///   - tried: servers that certainly did not send `intent`, just now.
    ///   - availability: asked at most once for each server.
    public mutating func route(
        _ intent: SendIntent, avoiding tried: Set<String?>, availability: (String?) -> Availability
    ) -> SendRoute {
        var candidates = self.servers
        // Only the server that may have sent it can tell, and another one would send it twice.
        if intent.ambiguousAttempts > 0, let own = candidates.first(where: { $0.name == intent.server }) {
            candidates = [own]
        }
        candidates.removeAll { tried.contains($0.name) }
        var shortest: (cause: Blocker.Cause, wait: Duration)?
        func isReady(_ server: Server) -> Bool {
            guard case .away(let cause, let wait) = availability(server.name) else { return true }
            if wait < shortest?.wait ?? .seconds(Int64.max) { shortest = (cause, wait) }
            return false
        }
        let chosen =
            switch self.policy {
            case .rendezvous:
                self.ranking(of: candidates, for: intent.id.conversation).first(where: isReady).map { $0.name }
            case .roundRobin:
                self.turns.next(among: candidates.filter(isReady).map { ($0.name, $0.weight) })
            }
        if let chosen { return .server(chosen) }
        guard tried.isEmpty, let shortest else { return .exhausted }
        return .postponed(cause: shortest.cause, delay: shortest.wait)
    }

    /// The server that a conversation belongs to among those that are ready; for what need not take turns.
    public func home(of conversation: Conversation.ID, where isReady: (String?) -> Bool) -> Server? {
        self.ranking(of: self.servers, for: conversation).first { isReady($0.name) }
    }

    private func ranking(of servers: [Server], for conversation: Conversation.ID) -> [Server] {
        guard servers.count > 1 else { return servers }
        return servers.map { server in
            (server, WeightedRendezvous.score(of: server.name ?? "", weight: server.weight, for: conversation))
        }.sorted { $0.1 > $1.1 }.map(\.0)
    }
}
