import DequeModule

/// What a partition's owner keeps in memory of its log, and what it reads next.
///
/// Credits bound the messages in memory that run or could; those of conversations that wait for something to end (a pause, a
/// breaker, a budget) are counted apart, with a larger bound of their own, so that they do not keep the others from being read.
/// A conversation that has more than its share in memory keeps only the offsets of
/// the rest, so that a noisy one cannot fill the window; they are read again when its turn comes. The same holds for all
/// messages of a held conversation.
///
/// A conversation that comes from another assistant brings a ``LogNotice/hold``: messages after it stay in the log until
/// ``holdEnded(_:)``, while those that are moved over, and the release behind them, are delivered.
///
/// Two reads may be outstanding, each answered before the next of its sort is given: one of new entries, which waits at the
/// log's end, and one of entries that were left in the log.
public struct ReadAheadWindow {
    /// A read of new entries.
    public struct TailRead: Hashable, Sendable {
        public var after: LogOffset
        public var limit: Int

        public init(after: LogOffset, limit: Int) {
            self.after = after
            self.limit = limit
        }
    }

    private struct Load {
        var inMemory = 0
        /// Waits for something that may take long.
        var isParked = false
        /// Left in the log, to be read again in this order.
        var deferred: Deque<LogOffset> = []
        /// After a dead letter.
        var isHeld = false
        var isQueued = false
        /// Its deferred entries are being read: what arrives meanwhile comes after them.
        var isBeingRead = false

        /// Whether none of its entries is here or deferred.
        var isWorkedOff: Bool { self.inMemory == 0 && self.deferred.isEmpty && !self.isBeingRead }
        var isEmpty: Bool { self.isWorkedOff && !self.isHeld && !self.isQueued }
        var parked: Int { self.isParked ? self.inMemory : 0 }
    }

    /// A conversation that comes from another assistant, perhaps not for the first time: what belongs to a later stay waits
    /// until nothing of the one before it is left.
    private struct Journey {
        struct Stay {
            let hold: LogOffset
            var moved: Deque<LogOffset> = []
            var kept: Deque<LogOffset> = []
        }

        /// The present stay's hold, while its release has not been reached.
        var hold: LogOffset?
        /// What it keeps from being read.
        var kept: Deque<LogOffset> = []
        var laterStays: Deque<Stay> = []

        var isOver: Bool { self.hold == nil && self.laterStays.isEmpty }

        /// Keeps an entry that was just read, when it is not yet its turn. Returns whether it does.
        mutating func keeps(_ entry: LogEntry) -> Bool {
            if let hold = entry.wantedHold {
                // One whose hold is unknown has nothing to wait for.
                guard hold != self.hold, let stay = self.laterStays.firstIndex(where: { $0.hold == hold }) else {
                    return false
                }
                self.laterStays[stay].moved.append(entry.offset)
            } else if let last = self.laterStays.indices.last {
                self.laterStays[last].kept.append(entry.offset)
            } else if self.hold != nil {
                self.kept.append(entry.offset)
            } else {
                return false
            }
            return true
        }
    }

    public private(set) var credits: Int
    public private(set) var perConversation: Int

    /// The latest entry that was read.
    public private(set) var cursor = LogOffset.start
    private var isReadingTail = false
    private var deferredRead: (conversation: Conversation.ID, offsets: [LogOffset])?
    private var loads: [Conversation.ID: Load] = [:]
    private var journeys: [Conversation.ID: Journey] = [:]
    /// Conversations whose deferred entries may be read again, in the order in which they became so.
    private var refetches: Deque<Conversation.ID> = []
    /// Messages in memory.
    public private(set) var inMemory = 0
    /// Of them, messages of parked conversations.
    private var parked = 0

    /// Messages of parked conversations that use up no credits, at most: this many times the credits.
    public static let parkedFactor = 8

    /// - Parameters:
    ///   - credits: messages in memory at most, those of parked conversations apart, plus one conversation's share when left
    ///     entries come back. From 1.
    ///   - perConversation: of them, messages of one conversation at most. From 1.
    public init(credits: Int, perConversation: Int) {
        self.credits = credits
        self.perConversation = perConversation
    }

    /// Changes the limits. What is in memory stays there until it is finished.
    public mutating func resized(credits: Int, perConversation: Int) {
        self.credits = credits
        self.perConversation = perConversation
        // Conversations that were above the old low water mark may be below the new one.
        for conversation in self.loads.keys.sorted() { self.queueRefetch(of: conversation) }
    }

    /// Messages known of but left in the log.
    public var deferredCount: Int { self.loads.values.reduce(0) { $0 + $1.deferred.count } }

    /// What it keeps of one conversation.
    public struct Share: Hashable, Sendable {
        public var inMemory = 0
        /// Left in the log, to be read again.
        public var deferred = 0
        public var isHeld = false
        /// Whether it comes from another queue, where something of it is still left.
        public var awaitsArrival = false
    }

    public func share(of conversation: Conversation.ID) -> Share {
        var share = Share()
        if let load = self.loads[conversation] {
            (share.inMemory, share.deferred, share.isHeld) = (load.inMemory, load.deferred.count, load.isHeld)
        }
        if let read = self.deferredRead, read.conversation == conversation { share.deferred += read.offsets.count }
        if let journey = self.journeys[conversation] {
            share.awaitsArrival = true
            share.deferred += journey.laterStays.reduce(journey.kept.count) { $0 + $1.moved.count + $1.kept.count }
        }
        return share
    }

    /// Each conversation of which it keeps something, once.
    public func forEachShare(_ body: (Conversation.ID, Share) -> Void) {
        for conversation in self.loads.keys { body(conversation, self.share(of: conversation)) }
        for conversation in self.journeys.keys where self.loads[conversation] == nil {
            body(conversation, self.share(of: conversation))
        }
    }

    private var free: Int {
        self.credits - self.inMemory + min(self.parked, Self.parkedFactor * self.credits)
    }

    // MARK: New entries

    /// The read of new entries to begin now, if any.
    public mutating func nextTail() -> TailRead? {
        let free = self.free
        // Small top-ups would turn one read of many into many reads of one.
        guard !self.isReadingTail, free > 0, free >= self.credits / 4 || self.inMemory == 0 else { return nil }
        self.isReadingTail = true
        return TailRead(after: self.cursor, limit: free)
    }

    /// New entries were read. Returns those to deliver.
    ///
    /// - Parameter last: where the read ended, when further than its last message.
    public mutating func tailArrived(_ entries: [LogEntry], upTo last: LogOffset? = nil) -> [LogEntry] {
        precondition(self.isReadingTail, "no read of new entries was asked for")
        self.isReadingTail = false
        self.cursor = max(self.cursor, last ?? self.cursor, entries.last?.offset ?? self.cursor)
        let perConversation = self.perConversation
        return entries.filter { entry in
            if self.isKept(entry) { return false }
            return self.withLoad(of: entry.message.conversation) { load in
                // Its turn is before that of all that waits; there is one of a conversation at a time.
                let isReplayed = entry.message.replay != nil
                if !isReplayed, load.isHeld || load.isBeingRead || !load.deferred.isEmpty || load.inMemory >= perConversation {
                    load.deferred.append(entry.offset)
                    return false
                }
                load.inMemory += 1
                return true
            }
        }
    }

    /// Whether a hold, or an earlier stay, keeps an entry from its turn. Holds themselves are never delivered.
    private mutating func isKept(_ entry: LogEntry) -> Bool {
        let conversation = entry.message.conversation
        if entry.message.notice == .hold {
            self.journeys[conversation, default: Journey()].laterStays.append(Journey.Stay(hold: entry.offset))
            self.advance(conversation)
            return true
        }
        return !self.journeys.isEmpty && self.journeys[conversation]?.keeps(entry) ?? false
    }

    /// The read gave nothing; it may be asked for again.
    public mutating func tailFailed() {
        precondition(self.isReadingTail, "no read of new entries was asked for")
        self.isReadingTail = false
    }

    // MARK: Entries left in the log

    /// The read of entries that were left in the log to begin now, all of one conversation; `nil` for none.
    public mutating func nextDeferred() -> [LogOffset]? {
        guard self.deferredRead == nil else { return nil }
        while let conversation = self.refetches.popFirst() {
            let room = max(1, self.free)
            let perConversation = self.perConversation
            let offsets: [LogOffset] = self.withLoad(of: conversation) { load in
                load.isQueued = false
                guard !load.isHeld else { return [] }
                let count = max(0, min(load.deferred.count, perConversation - load.inMemory, room))
                let offsets = Array(load.deferred.prefix(count))
                load.deferred.removeFirst(count)
                load.isBeingRead = !offsets.isEmpty
                return offsets
            }
            if !offsets.isEmpty {
                self.deferredRead = (conversation, offsets)
                return offsets
            }
        }
        return nil
    }

    /// Deferred entries were read again. Returns those to deliver (none when the conversation was held meanwhile).
    public mutating func deferredArrived(_ entries: [LogEntry]) -> [LogEntry] {
        guard let (conversation, offsets) = self.deferredRead.take() else {
            preconditionFailure("no read of deferred entries was asked for")
        }
        // Held meanwhile: the offsets went back to their place then.
        let delivered = offsets.isEmpty ? [] : entries
        let isEmpty = self.withLoad(of: conversation) { load in
            load.isBeingRead = false
            load.inMemory += delivered.count
            return load.inMemory == 0
        }
        self.advance(conversation)
        // Nothing here whose end would ask for more.
        if isEmpty { self.queueRefetch(of: conversation) }
        return delivered
    }

    /// The read gave nothing; it is asked for again.
    public mutating func deferredFailed() {
        guard let (conversation, offsets) = self.deferredRead.take() else {
            preconditionFailure("no read of deferred entries was asked for")
        }
        self.withLoad(of: conversation) { load in
            load.isBeingRead = false
            load.deferred.prepend(contentsOf: offsets)
        }
        self.queueRefetch(of: conversation)
    }

    // MARK: Conversations

    /// A delivered entry of `conversation` has left memory.
    public mutating func finished(_ conversation: Conversation.ID) {
        let hasDeferred = self.withLoad(of: conversation) { load in
            precondition(load.inMemory > 0, "more entries finished than were delivered")
            load.inMemory -= 1
            return !load.deferred.isEmpty
        }
        if self.advance(conversation) || hasDeferred { self.queueRefetch(of: conversation) }
    }

    /// A conversation is held: its delivered entries not yet run (`returned`, in order) go back to being offsets.
    public mutating func held(_ conversation: Conversation.ID, returned: [LogOffset]) {
        // What is being read again stands between the returned entries and the deferred ones.
        var inFlight: [LogOffset] = []
        if let read = self.deferredRead, read.conversation == conversation {
            inFlight = read.offsets
            self.deferredRead = (conversation, [])
        }
        self.withLoad(of: conversation) { load in
            load.isHeld = true
            load.inMemory -= returned.count
            load.deferred.prepend(contentsOf: returned + inFlight)
        }
    }

    /// A held conversation goes on.
    public mutating func released(_ conversation: Conversation.ID) {
        self.withLoad(of: conversation) { load in load.isHeld = false }
        self.queueRefetch(of: conversation)
    }

    /// A conversation waits for something that may take long, or no longer does.
    public mutating func park(_ conversation: Conversation.ID, _ isParked: Bool) {
        self.withLoad(of: conversation) { load in load.isParked = isParked }
    }

    /// The release of a conversation's hold has been reached: what came after the hold may be delivered.
    public mutating func holdEnded(_ conversation: Conversation.ID, at offset: LogOffset) {
        guard var journey = self.journeys[conversation], journey.hold == offset else { return }
        journey.hold = nil
        let kept = journey.kept
        journey.kept = []
        self.journeys[conversation] = journey.isOver ? nil : journey
        self.withLoad(of: conversation) { load in load.deferred.append(contentsOf: kept) }
        self.queueRefetch(of: conversation)
    }

    /// Goes on to a conversation's next stay when nothing of the present one is left. Returns whether it did.
    @discardableResult
    private mutating func advance(_ conversation: Conversation.ID) -> Bool {
        guard !self.journeys.isEmpty, var journey = self.journeys[conversation], journey.hold == nil,
            self.loads[conversation]?.isWorkedOff ?? true, let next = journey.laterStays.popFirst()
        else { return false }
        journey.hold = next.hold
        journey.kept = next.kept
        self.journeys[conversation] = journey
        self.withLoad(of: conversation) { load in load.deferred = next.moved }
        return true
    }

    /// Gives memory back that a former crowd needed. Called now and then.
    public mutating func shrink() {
        self.loads.shrink()
        self.journeys.shrink()
    }

    private mutating func queueRefetch(of conversation: Conversation.ID) {
        let lowWater = self.perConversation / 2
        let isReady = self.withLoad(of: conversation) { load in
            let isReady = !load.isQueued && !load.isHeld && !load.deferred.isEmpty && load.inMemory <= lowWater
            if isReady { load.isQueued = true }
            return isReady
        }
        if isReady { self.refetches.append(conversation) }
    }

    /// Changes a conversation's load, keeps the sum, and forgets the load when nothing is left to remember.
    private mutating func withLoad<Result>(
        of conversation: Conversation.ID, _ change: (inout Load) -> Result
    ) -> Result {
        let (result, difference, isEmpty) = {
            (load: inout Load) in
            let before = (load.inMemory, load.parked)
            let result = change(&load)
            return (result, (load.inMemory - before.0, load.parked - before.1), load.isEmpty)
        }(&self.loads[conversation, default: Load()])
        self.inMemory += difference.0
        self.parked += difference.1
        if isEmpty { self.loads[conversation] = nil }
        return result
    }
}

extension LogEntry {
    /// The hold for which it comes from another assistant's log.
    fileprivate var wantedHold: LogOffset? {
        if case .release(let hold) = self.message.notice { return hold }
        return self.message.movedTo
    }
}
