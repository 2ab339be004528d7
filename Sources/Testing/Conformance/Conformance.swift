import CardumeCore

/// A broken promise of a log or a journal.
public struct ConformanceFailure: Error, CustomStringConvertible {
    public let description: String
}

func expect(_ condition: Bool, _ promise: String) throws {
    if !condition { throw ConformanceFailure(description: "broken promise: \(promise)") }
}

/// Builds messages for the suites.
enum Sample {
    static let assistant: AssistantID = "suporte"
    static let queue = QueueID(Self.assistant)

    static func message(
        _ id: String, from contact: String = "5534999990001", text: String? = "oi", at milliseconds: Int64 = 1_795_176_000_000
    ) -> InboundMessage {
        InboundMessage(
            id: MessageID(id), conversation: Conversation.ID(channel: "loja", contact: ContactID(contact)), text: text,
            sentAt: milliseconds / 1_000, receivedAt: Timestamp(milliseconds: milliseconds), contactName: "Marina",
            replyAddress: "\(contact)@s.whatsapp.net", traceID: "0af7651916cd43dd8448eb211c80319c")
    }

    static func append(_ message: InboundMessage, to assistant: AssistantID = Self.assistant) -> LogAppend {
        LogAppend(message: message, route: Route(assistant: assistant))
    }

    static func partition(_ outcome: AppendOutcome) throws -> (Partition.ID, LogOffset) {
        guard case .appended(let partition, let offset) = outcome else {
            throw ConformanceFailure(description: "a new message was taken for a duplicate")
        }
        return (partition, offset)
    }

    /// The partition in which the suites commit.
    static let partition = Partition.ID(assistant: Self.assistant, number: 0)

    /// Makes `member` the first owner ever of ``partition``.
    static func claim(from leases: any LeaseStore, for member: Member.ID) async throws -> Fence {
        _ = try await leases.renew(Member(id: member, queues: [Self.queue]))
        guard let ownership = try await leases.claim([Self.partition], for: member)[Self.partition] else {
            throw ConformanceFailure(description: "broken promise: what nobody holds can be claimed")
        }
        try expect(!ownership.followsCrash, "what nobody ever held follows no crash")
        return Fence(Self.partition, ownership.epoch)
    }
}

extension Fence {
    var earlier: Fence { Fence(self.partition, Epoch(rawValue: self.epoch.rawValue - 1)) }
}
