import DequeModule

/// What a partition's owner keeps in memory of its log, and what it reads next.
///
/// Credits bound the messages in memory. A conversation that has more than its share in memory keeps only the offsets of
/// the rest, so that a noisy one cannot fill the window; they are read again when its turn comes. The same holds for all
/// messages of a held conversation.
///
/// One read is outstanding at a time: a returned request other than `none` must be answered by ``tailArrived(_:)`` or
/// ``deferredArrived(_:)`` (or ``readFailed()``) before the next is given.
public struct ReadAheadWindow {
    /// What to read from the log.
    public enum Request: Hashable, Sendable {
        case none
        /// New entries.
        case tail(after: LogOffset, limit: Int)
        /// Entries of one conversation that were left in the log.
        case deferred([LogOffset])
    }

    private enum Reading {
        case nothing
        case tail(limit: Int)
        case deferred(Conversation.ID, [LogOffset])
    }

    private struct Load {
        var inMemory = 0
        var deferred: Deque<LogOffset> = []
        var isHeld = false
        var isQueued = false
    }

    public let credits: Int
    public let perConversation: Int

    private var cursor = LogOffset.start
    private var reading = Reading.nothing
    private var mayHaveMore = true
    private var loads: [Conversation.ID: Load] = [:]
    /// Conversations whose deferred entries may be read again, in the order in which they became so.
    private var refetches: Deque<Conversation.ID> = []
    /// Messages in memory.
    public private(set) var inMemory = 0

    /// - Parameters:
    ///   - credits: messages in memory at most. From 1.
    ///   - perConversation: of them, messages of one conversation at most. From 1.
    public init(credits: Int, perConversation: Int) {
        self.credits = credits
        self.perConversation = perConversation
    }

    /// Messages known of but left in the log.
    public var deferredCount: Int { self.loads.values.reduce(0) { $0 + $1.deferred.count } }

    /// The log may hold new entries.
    public mutating func rang() -> Request {
        self.mayHaveMore = true
        return self.next()
    }

    /// New entries were read. Returns those to deliver; ask ``nextRequest()`` afterwards.
    public mutating func tailArrived(_ entries: [LogEntry]) -> [LogEntry] {
        guard case .tail(let limit) = self.reading else { preconditionFailure("no read of the tail was asked for") }
        self.reading = .nothing
        if entries.count == limit { self.mayHaveMore = true }
        if let last = entries.last { self.cursor = last.offset }
        let perConversation = self.perConversation
        return entries.filter { entry in
            self.withLoad(of: entry.message.conversation) { load in
                if load.isHeld || !load.deferred.isEmpty || load.inMemory >= perConversation {
                    load.deferred.append(entry.offset)
                    return false
                }
                load.inMemory += 1
                return true
            }
        }
    }

    /// Deferred entries were read again. Returns those to deliver (none when the conversation was held meanwhile).
    public mutating func deferredArrived(_ entries: [LogEntry]) -> [LogEntry] {
        guard case .deferred(let conversation, let offsets) = self.reading else {
            preconditionFailure("no read of deferred entries was asked for")
        }
        self.reading = .nothing
        // Held meanwhile: the offsets went back to their place then.
        let delivered = offsets.isEmpty ? [] : entries
        let isEmpty = self.withLoad(of: conversation) { load in
            load.inMemory += delivered.count
            return load.inMemory == 0
        }
        // Nothing here whose end would ask for more.
        if isEmpty { self.queueRefetch(of: conversation) }
        return delivered
    }

    /// The read did not succeed; what it was for is asked for again.
    public mutating func readFailed() {
        switch self.reading {
        case .nothing: preconditionFailure("no read was asked for")
        case .tail: self.mayHaveMore = true
        case .deferred(let conversation, let offsets):
            self.withLoad(of: conversation) { load in load.deferred.prepend(contentsOf: offsets) }
            self.queueRefetch(of: conversation)
        }
        self.reading = .nothing
    }

    /// A delivered entry of `conversation` has left memory.
    public mutating func finished(_ conversation: Conversation.ID) -> Request {
        self.withLoad(of: conversation) { load in
            precondition(load.inMemory > 0, "more entries finished than were delivered")
            load.inMemory -= 1
        }
        self.queueRefetch(of: conversation)
        return self.next()
    }

    /// A conversation is held: its delivered entries not yet run (`returned`, in order) go back to being offsets.
    public mutating func held(_ conversation: Conversation.ID, returned: [LogOffset]) -> Request {
        // What is being read again stands between the returned entries and the deferred ones.
        var inFlight: [LogOffset] = []
        if case .deferred(conversation, let offsets) = self.reading {
            inFlight = offsets
            self.reading = .deferred(conversation, [])
        }
        self.withLoad(of: conversation) { load in
            load.isHeld = true
            load.inMemory -= returned.count
            load.deferred.prepend(contentsOf: returned + inFlight)
        }
        return self.next()
    }

    /// A held conversation goes on.
    public mutating func released(_ conversation: Conversation.ID) -> Request {
        self.withLoad(of: conversation) { load in load.isHeld = false }
        self.queueRefetch(of: conversation)
        return self.next()
    }

    /// What to read now. Calls that return a request have asked already.
    public mutating func next() -> Request {
        guard case .nothing = self.reading else { return .none }
        while let conversation = self.refetches.popFirst() {
            let room = max(1, self.credits - self.inMemory)
            let perConversation = self.perConversation
            let offsets: [LogOffset] = self.withLoad(of: conversation) { load in
                load.isQueued = false
                guard !load.isHeld else { return [] }
                let count = min(load.deferred.count, perConversation - load.inMemory, room)
                let offsets = Array(load.deferred.prefix(count))
                load.deferred.removeFirst(count)
                return offsets
            }
            if !offsets.isEmpty {
                self.reading = .deferred(conversation, offsets)
                return .deferred(offsets)
            }
        }
        // Small top-ups would turn one read of many into many reads of one.
        let free = self.credits - self.inMemory
        if self.mayHaveMore, free > 0, free >= self.credits / 4 || self.inMemory == 0 {
            self.mayHaveMore = false
            self.reading = .tail(limit: free)
            return .tail(after: self.cursor, limit: free)
        }
        return .none
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
        var load = self.loads.removeValue(forKey: conversation) ?? Load()
        let before = load.inMemory
        let result = change(&load)
        self.inMemory += load.inMemory - before
        if load.inMemory > 0 || !load.deferred.isEmpty || load.isHeld || load.isQueued {
            self.loads[conversation] = load
        }
        return result
    }
}
