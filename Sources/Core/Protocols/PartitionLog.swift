/// A message on its way into the log, with the assistant it starts with.
public struct LogAppend: Sendable {
    public var message: InboundMessage
    public var route: Route

    public init(message: InboundMessage, route: Route) {
        self.message = message
        self.route = route
    }
}

/// What became of one message handed to ``PartitionLog/append(_:)``.
public enum AppendOutcome: Hashable, Sendable {
    /// Durable in the log of `partition`.
    case appended(Partition.ID, LogOffset)
    /// The same conversation and message id were appended within the deduplication window.
    case duplicate
}

/// What a new owner finds.
public struct LogOpening: Hashable, Sendable {
    /// Timers that one call of ``PartitionLog/fire(dueBy:_:)`` takes at most.
    public static let firingLimit = 100

    /// The latest entry; ``LogOffset/start`` when there is none. What comes later was begun by nobody else.
    public var latest: LogOffset
    /// When the next timer is due.
    public var nextTimer: Timestamp?
    /// Drains that the log has, in order. What stands before them must not be run here: others of the same conversation may
    /// have been moved over already.
    public var drains: [LogEntry]

    public init(latest: LogOffset, nextTimer: Timestamp? = nil, drains: [LogEntry] = []) {
        self.latest = latest
        self.nextTimer = nextTimer
        self.drains = drains
    }
}

/// An unsettled message and its place.
///
/// An object, because it goes from hand to hand a dozen times while its message is run, and copying a message's many parts
/// each time was a fifth of what that costs.
public final class LogEntry: Sendable {
    public let offset: LogOffset
    public let message: InboundMessage

    public init(offset: LogOffset, message: InboundMessage) {
        self.offset = offset
        self.message = message
    }
}

extension LogEntry {
    /// Whether it says that its conversation has gone to another queue.
    public var isDrain: Bool {
        if case .drain = self.message.notice { true } else { false }
    }
}

extension LogEntry: Hashable {
    public static func == (lhs: LogEntry, rhs: LogEntry) -> Bool {
        lhs.offset == rhs.offset && lhs.message == rhs.message
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.offset)
    }
}

/// Where a conversation is.
public struct ConversationWhereabouts: Hashable, Sendable {
    /// The queue that its next message goes to, as long as its session lasts.
    public var queue: QueueID
    /// Whether something of it is unsettled there.
    public var hasUnsettled: Bool

    public init(queue: QueueID, hasUnsettled: Bool) {
        self.queue = queue
        self.hasUnsettled = hasUnsettled
    }
}

/// The durable, ordered lists of unsettled messages, one for each partition of each queue.
///
/// What is in the log is what is unsettled: its length is the queue's depth, in flight included. Reading changes nothing,
/// so a former owner that still reads does no harm. All calls may come from any task, at any time, concurrently.
public protocol PartitionLog: Sendable {
    /// Fixed when the log was created.
    var partitionCount: Int { get }

    /// Appends messages, all or none, and returns one outcome for each, in order, once they are durable.
    ///
    /// In one atomic step for each message: drops it when its conversation and id were seen within the deduplication
    /// window; resolves its route against who holds the conversation (``Route/resolved(heldBy:at:session:hasUnsettled:)``)
    /// and remembers the outcome; marks it with ``InboundMessage/Details/showsMenu`` when no assistant is chosen yet;
    /// appends it to the route's partition. Messages of one call keep their order within a conversation.
    func append(_ messages: [LogAppend]) async throws(StoreError) -> [AppendOutcome]

    /// Puts a notice into the logs of `queues` for the owner of the conversation's partition, who settles it at once.
    ///
    /// - Parameter notice: ``LogNotice/lift`` or ``LogNotice/park``, once the journal says the same.
    func announce(_ notice: LogNotice, of conversation: Conversation.ID, to queues: [QueueID]) async throws(StoreError)

    /// Makes `fence` the partition's: settles with an earlier epoch are refused from now on. Called by a new owner before it
    /// reads.
    ///
    /// - Throws: ``StoreError/Code/fenced`` when there is a later owner.
    func open(_ fence: Fence) async throws(StoreError) -> LogOpening

    /// Up to `limit` entries after `offset`, oldest first. Waits until there is at least one; empty only when the task is
    /// cancelled. One call for a partition at a time.
    func next(_ partition: Partition.ID, after offset: LogOffset, limit: Int) async throws(StoreError) -> [LogEntry]

    /// The entries at `offsets` (ascending) that are still unsettled, oldest first.
    func read(_ partition: Partition.ID, at offsets: [LogOffset]) async throws(StoreError) -> [LogEntry]

    /// Removes entries. Called only after the journal has committed their turns. Unknown offsets are no error, so a call
    /// whose outcome was lost may be repeated.
    ///
    /// - Throws: ``StoreError/Code/fenced`` when `fence` is no longer the owner's.
    func settle(_ offsets: [LogOffset], _ fence: Fence) async throws(StoreError)

    // MARK: Transfers

    /// Gives a conversation to another queue, in the middle of things and in order; see ``LogNotice``. One atomic step.
    ///
    /// - Throws: ``StoreError/Code/fenced`` when the turn's fence is no longer the owner's.
    func transfer(_ transfer: LogTransfer) async throws(StoreError) -> TransferOutcome

    /// Moves entries of one conversation, in order, to the same partition of another queue, as
    /// ``InboundMessage/moved(along:)`` makes them. One atomic step. Those that are gone are no error.
    ///
    /// - Throws: ``StoreError/Code/fenced`` when `fence` is no longer the owner's.
    func move(
        _ offsets: [LogOffset], along drain: LogDrain, _ fence: Fence
    ) async throws(StoreError)

    // MARK: Timers

    /// Sets timers, each in the place of the one that its conversation had in this partition. Setting again changes nothing.
    ///
    /// - Throws: ``StoreError/Code/fenced`` when `fence` is no longer the owner's.
    func set(_ timers: [ConversationTimer], _ fence: Fence) async throws(StoreError)

    /// Appends the messages of timers that are due by `now` (``ConversationTimer/message(at:)``), earliest first, at most
    /// ``LogOpening/firingLimit`` at once, and takes the timers away. One is taken away without a message when its contact has
    /// written since or when another queue holds its conversation.
    ///
    /// - Returns: when the next is due, by `now` perhaps, too; `nil` when there is none.
    /// - Throws: ``StoreError/Code/fenced`` when `fence` is no longer the owner's.
    func fire(dueBy now: Timestamp, _ fence: Fence) async throws(StoreError) -> Timestamp?

    /// Makes the partition's queue let go of conversations, unless their contacts have written since: the next message of
    /// each goes where its route says.
    ///
    /// - Throws: ``StoreError/Code/fenced`` when `fence` is no longer the owner's.
    func end(_ sessions: [SessionEnd], _ fence: Fence) async throws(StoreError)

    // MARK: Looking

    /// Where a conversation is; `nil` when the log knows nothing of it. Called when somebody asks about it.
    func whereabouts(of conversation: Conversation.ID) async throws(StoreError) -> ConversationWhereabouts?

    /// Unsettled entries of a partition, in flight included. Timers are none.
    func depth(of partition: Partition.ID) async throws(StoreError) -> Int

    /// Unsettled entries by queue, in flight included. One that has none may be missing. Called about once a second by every
    /// process: entries are not read.
    func depths() async throws(StoreError) -> [QueueID: Int]

    /// When the first message after each offset was received; partitions that have none there are missing. Waits for nothing,
    /// changes nothing, and goes another way than ``next(_:after:limit:)``, to find out when that brings nothing. Called every
    /// two seconds by owners, and with ``LogOffset/start`` for partitions that nobody reports on.
    func peek(_ cursors: [Partition.ID: LogOffset]) async throws(StoreError) -> [Partition.ID: Timestamp]

    /// Returns when the log answers. Called before each renewal of a lease, because an owner that cannot reach its log must
    /// let others have it.
    ///
    /// - Returns: a number that changes whenever the log may have lost entries or brought settled ones back (its server was
    ///   restarted or replaced): owners then read from the start again.
    func check() async throws(StoreError) -> Int
}

extension PartitionLog {
    /// The conversation's hold has been lifted.
    public func announceLift(of conversation: Conversation.ID, to queues: [QueueID]) async throws(StoreError) {
        try await self.announce(.lift, of: conversation, to: queues)
    }
}

extension InboundMessage {
    /// A notice about a conversation as it stands in a log.
    package init(_ notice: LogNotice, of conversation: Conversation.ID) {
        self.init(
            id: MessageID(notice.rawValue), conversation: conversation, kind: .system, text: nil,
            receivedAt: Timestamp(milliseconds: 0), replyAddress: "", traceID: "", details: Details(notice: notice))
    }
}
