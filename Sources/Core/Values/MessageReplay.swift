/// A dead letter's return into the log.
///
/// A replayed message runs as a turn of its own, never merged with others nor superseded, and goes before what waits in its
/// conversation, which it is older than. A held conversation runs it all the same: what is parked behind the letter waits for
/// the hold to be lifted, so that the contact is answered in order.
public struct MessageReplay: Hashable, Sendable, Codable {
    /// Counts the letter's returns, from 1. Names this one in the log's deduplication, so that appending it twice is once.
    public var number: Int
    /// Whether the first failure makes it a dead letter again.
    public var isSingleAttempt: Bool

    public init(number: Int, isSingleAttempt: Bool = false) {
        self.number = number
        self.isSingleAttempt = isSingleAttempt
    }
}

extension InboundMessage {
    /// As it goes back into the log: received now, so that neither lateness nor session are counted from the first time; rid of
    /// where it has been moved since.
    public func replayed(_ replay: MessageReplay, at now: Timestamp) -> InboundMessage {
        var message = self
        message.receivedAt = now
        message.details.movedTo = nil
        message.details.transfers = nil
        message.details.replay = replay
        return message
    }
}
