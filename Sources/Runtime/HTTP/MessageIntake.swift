public import CardumeCore

/// What became of a message at the door.
public enum IntakeOutcome: Hashable, Sendable {
    /// Durable in the log, with the assistant that has its conversation.
    case appended(AssistantID)
    /// Seen before.
    case duplicate
    /// Durable in the spool. It goes into the log later, if it was not seen before.
    case spooled

    public init(_ outcome: AppendOutcome) {
        switch outcome {
        case .appended(let partition, _): self = .appended(partition.queue.assistant)
        case .duplicate: self = .duplicate
        }
    }
}

/// The way in for every message, whatever door it came through: routes it, looks whether there is room, makes it durable.
public struct MessageIntake: Sendable {
    private let routes: Live<RouteTable>
    private let door: FrontDoor
    private let append: @Sendable ([LogAppend]) async throws -> [IntakeOutcome]

    /// - Parameter append: makes messages durable, one outcome for each.
    public init(
        routes: Live<RouteTable>, door: FrontDoor, append: @escaping @Sendable ([LogAppend]) async throws -> [IntakeOutcome]
    ) {
        self.routes = routes
        self.door = door
        self.append = append
    }

    /// Appends messages. Returning means that all are durable.
    ///
    /// - Throws: ``UnknownChannel`` when nobody serves some message's channel, an ``APIError`` when some conversation is not let
    ///   in: the others are durable then, and duplicates when the sender repeats them all. Else a ``StoreError``.
    func accept(_ messages: [InboundMessage], from source: FrontDoorSettings.Source) async throws -> [IntakeOutcome] {
        var (appends, refused, refusal) = self.sorted(messages, source)
        var passes: [FrontDoor.Pass] = []
        // A conversation counts once, however many messages a gateway brings of it at a time.
        for conversation in appends.conversations {
            do {
                passes.append(try await self.door.take([RateKey(.phone, FrontDoor.name(conversation.contact.rawValue))]))
            } catch {
                refused.insert(conversation)
                refusal = refusal ?? error
            }
        }
        appends.removeAll { refused.contains($0.message.conversation) }
        guard !appends.isEmpty else {
            if let refusal { throw refusal }
            return []
        }
        do {
            let outcomes = try await self.append(appends)
            for case (let append, .appended(let assistant)) in zip(appends, outcomes) {
                self.door.note(assistant, append.message.conversation)
            }
            if let refusal { throw refusal }
            return outcomes
        } catch let error as StoreError {
            for pass in passes { await self.door.giveBack(pass) }
            throw error
        }
    }

    /// Those that may be appended, conversations of which none may, and why.
    private func sorted(
        _ messages: [InboundMessage], _ source: FrontDoorSettings.Source
    ) -> (appends: [LogAppend], refused: Set<Conversation.ID>, refusal: (any Error)?) {
        let routes = self.routes.value
        var appends: [LogAppend] = []
        var refused: Set<Conversation.ID> = []
        var refusal: (any Error)?
        for message in messages where !refused.contains(message.conversation) {
            guard let append = routes.append(for: message) else {
                refused.insert(message.conversation)
                refusal = refusal ?? UnknownChannel(channel: message.conversation.channel)
                continue
            }
            if let error = self.door.refusal(of: append, from: source) {
                refused.insert(message.conversation)
                refusal = refusal ?? error
            } else {
                appends.append(append)
            }
        }
        appends.removeAll { refused.contains($0.message.conversation) }
        return (appends, refused, refusal)
    }
}

struct UnknownChannel: Error {
    let channel: ChannelID
}

extension [LogAppend] {
    /// Each once.
    fileprivate var conversations: Set<Conversation.ID> { Set(self.map(\.message.conversation)) }
}
