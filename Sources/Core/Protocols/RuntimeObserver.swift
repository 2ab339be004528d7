/// Something that happened in the runtime, for logs, counters and views.
public enum RuntimeEvent: Sendable {
    case turnSucceeded(Turn, elapsed: Duration)
    /// A turn that was journaled has answered several messages.
    case messagesMerged(Turn)
    /// A newer message has come while the model was being asked, for `elapsed`: it is asked anew, about that one, too.
    case turnSuperseded(Turn, elapsed: Duration)
    /// The turn's reply was ready only `elapsed` after its first message had arrived; what was done about it.
    case lateReply(Turn, elapsed: Duration, TurnPolicy.Late.Action)
    /// A turn, or the sending of its replies, has failed `elapsed` after it began. ``turnWillRetry(_:_:delay:)`` or
    /// ``deadLettered(_:)`` follows.
    case turnFailed(TurnFailure, elapsed: Duration)
    /// A conversation goes on after `delay`, or earlier when what it waits for comes.
    case conversationWaits(Blocker.Cause, delay: Duration)
    /// A message has left the queue: answered, or a dead letter.
    case finished(InboundMessage)
    /// Another attempt follows after `delay`.
    case turnWillRetry(Turn, TurnFailure, delay: Duration)
    case deadLettered(DeadLetter)
    /// A reply was taken by the gateway; `elapsed` since its message arrived.
    case replyAccepted(SendIntent, elapsed: Duration)
    /// Not sent, or not even tried; another attempt follows after `delay`.
    case sendWillRetry(SendIntent, Blocker.Cause, delay: Duration)
    /// The server before certainly did not send it; another one is asked.
    case sendFailedOver(SendIntent, from: String?)
    /// May have been sent.
    case sendInDoubt(SendIntent)
    /// A doubt ended: `accepted` (found), `sending` (sent again) or `parked`.
    case sendReconciled(SendIntent)
    case sendRefused(SendIntent)
    case breakerChanged(name: String, CircuitBreaker.Change)
    /// A gateway server's number has been found connected (`nil`), or not, and why.
    case gatewayChanged(ChannelID, server: String?, problem: String?)
    /// The log or journal did not answer; the call is repeated after `delay`.
    case storeUnavailable(StoreError, delay: Duration)
    /// Running this message may have killed the process `marks` times.
    case crashSuspected(InboundMessage, marks: Int)
    case conversationHeld(Conversation.ID)
    /// The conversation has gone to another queue: a turn has given it to another assistant, or it belongs to another lane.
    case conversationTransferred(Conversation.ID, to: QueueID)
    /// A timer has closed the conversation, after it had lasted so long; `nil` where the journal cannot say.
    case conversationClosed(Conversation.ID, lasted: Duration?)
    /// Partitions have come or are going; `owned` are left, among `members`.
    case ownershipChanged(opened: Int, handedBack: Int, lost: Int, owned: Int, members: Int)
    /// A partition's reader brought nothing although the log has something: it begins again.
    case readerRestarted(Partition.ID)
    /// A partition cannot go on: somebody else owns it, or the store is beyond repair.
    case partitionAbandoned(Partition.ID, StoreError)
}

/// Takes events as they happen, on the shard they happen on. Must not block.
///
/// An object, because it is called several times for each message: handing it around copies nothing.
public protocol RuntimeObserver: AnyObject, Sendable {
    /// - Parameter assistant: whose work it is; `nil` for what belongs to none.
    func record(_ event: RuntimeEvent, assistant: AssistantID?)
}

/// Hands every event to several observers, in order.
public final class CompositeObserver: RuntimeObserver {
    // A chain, not a list: going through a list counts references to it, for which all cores would write to the same place.
    private let first: (any RuntimeObserver)?
    private let rest: CompositeObserver?

    public init(_ observers: [any RuntimeObserver]) {
        self.first = observers.first
        self.rest = observers.count > 1 ? CompositeObserver(Array(observers.dropFirst())) : nil
    }

    public func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        self.first?.record(event, assistant: assistant)
        self.rest?.record(event, assistant: assistant)
    }
}
