public import CardumeCore

/// The way in for every message, whatever door it came through: routes it and makes it durable.
public struct MessageIntake: Sendable {
    private let log: any PartitionLog
    private let routes: Live<RouteTable>

    public init(log: any PartitionLog, routes: Live<RouteTable>) {
        self.log = log
        self.routes = routes
    }

    /// Appends messages, all or none. Returning means that they are durable.
    ///
    /// - Throws: ``UnknownChannel`` when nobody serves some message's channel (the others are durable then, and duplicates
    ///   when the sender repeats them all), else a ``StoreError``.
    func accept(_ messages: [InboundMessage]) async throws -> [AppendOutcome] {
        let routes = self.routes.value
        let appends = messages.compactMap { routes.append(for: $0) }
        let outcomes = appends.isEmpty ? [] : try await self.log.append(appends)
        if appends.count < messages.count,
            let unknown = messages.first(where: { routes[$0.conversation.channel] == nil })
        {
            throw UnknownChannel(channel: unknown.conversation.channel)
        }
        return outcomes
    }
}

struct UnknownChannel: Error {
    let channel: ChannelID
}
