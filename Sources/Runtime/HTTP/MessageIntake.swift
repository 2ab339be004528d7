public import CardumeCore

/// The way in for every message, whatever door it came through: routes it and makes it durable.
public struct MessageIntake: Sendable {
    private let log: any PartitionLog
    private let routes: RouteTable

    public init(log: any PartitionLog, routes: RouteTable) {
        self.log = log
        self.routes = routes
    }

    /// Appends messages, all or none. Returning means that they are durable.
    ///
    /// - Throws: ``UnknownChannel`` when nobody serves a message's channel, else a ``StoreError``.
    func accept(_ messages: [InboundMessage]) async throws -> [AppendOutcome] {
        guard !messages.isEmpty else { return [] }
        let appends = try messages.map { message in
            guard let append = self.routes.append(for: message) else {
                throw UnknownChannel(channel: message.conversation.channel)
            }
            return append
        }
        return try await self.log.append(appends)
    }
}

struct UnknownChannel: Error {
    let channel: ChannelID
}
