import CardumeCore

/// What simulations see and do of a store that no client may.
extension MemoryStore {
    /// What a log's server keeps, at one moment.
    struct LogImage {
        fileprivate var queues: [Partition.ID: [LogEntry]]
        fileprivate var seen: [Key: Timestamp]
        fileprivate var holders: [Conversation.ID: ConversationHolder]
        fileprivate var timers: [Partition.ID: [Conversation.ID: ConversationTimer]]
    }

    /// What a log has lost and got back when another server took over.
    struct Rollback {
        /// Messages that are gone, wherever they were.
        var lost: Set<MessageID> = []
        /// Messages that had been settled.
        var back: Set<MessageID> = []
        /// Messages that had gone to another queue, whose owner may still be at work on them, and are where they came from.
        var displaced: Set<MessageID> = []
        /// Messages that would be taken again.
        var forgotten: Set<MessageID> = []
    }

    var logImage: LogImage {
        self.state.withLock { LogImage(queues: $0.queues, seen: $0.seen, holders: $0.holders, timers: $0.timers) }
    }

    /// A replica that knows only `image` takes the log over. Offsets go on: they are made of the time.
    func failOver(to image: LogImage) -> Rollback {
        self.state.withLock { state in
            let (before, after) = (Self.messages(state.queues), Self.messages(image.queues))
            let rollback = Rollback(
                lost: Set(before.keys).subtracting(after.keys), back: Set(after.keys).subtracting(before.keys),
                displaced: Set(after.filter { before[$0.key].map { [place = $0.value] in $0 != place } ?? false }.keys),
                forgotten: Set(state.seen.keys.filter { image.seen[$0] == nil }.map(\.message)))
            (state.queues, state.seen, state.holders, state.timers) = (image.queues, image.seen, image.holders, image.timers)
            state.incarnation += 1
            return rollback
        }
    }

    /// Messages, and in which partition each is.
    private static func messages(_ queues: [Partition.ID: [LogEntry]]) -> [MessageID: Partition.ID] {
        var places: [MessageID: Partition.ID] = [:]
        for (partition, entries) in queues.sorted(by: { $0.key < $1.key }) {
            for entry in entries where entry.message.notice == nil { places[entry.message.id] = partition }
        }
        return places
    }

    /// Of the latest owner.
    func epoch(of partition: Partition.ID) -> Epoch {
        self.state.withLock { $0.leases[partition]?.epoch ?? Epoch(rawValue: 0) }
    }

    func leaseHolder(of partition: Partition.ID) -> Member.ID? { self.state.withLock { $0.leases[partition]?.holder } }

    func unsettled(in partition: Partition.ID) -> Int { self.state.withLock { $0.queues[partition]?.count ?? 0 } }

    func entries(in partition: Partition.ID, after offset: LogOffset, limit: Int) -> [LogEntry] {
        self.state.withLock { Array(($0.queues[partition] ?? []).lazy.filter { $0.offset > offset }.prefix(limit)) }
    }

    func hasEntries(in partition: Partition.ID, after offset: LogOffset) -> Bool {
        self.state.withLock { $0.queues[partition]?.last.map { $0.offset > offset } ?? false }
    }

    /// All that is unsettled, in the order of partitions and offsets.
    var entries: [(partition: Partition.ID, entry: LogEntry)] {
        let queues = self.state.withLock { $0.queues }
        return queues.sorted { $0.key < $1.key }.flatMap { queue in queue.value.map { (queue.key, $0) } }
    }

    func intent(_ id: SendIntent.ID) -> SendIntent? { self.state.withLock { $0.sends[id] } }

    /// The turn that answered a message, on its own or together with others.
    func turn(over message: MessageID, of conversation: Conversation.ID) -> TurnCommit? {
        self.state.withLock { state in
            let key = Key(conversation: conversation, message: message)
            if let turn = state.turns[key] { return turn }
            return state.merged[key].flatMap { state.turns[Key(conversation: conversation, message: $0)] }
        }
    }

    func deadLetter(of message: MessageID, in conversation: Conversation.ID) -> DeadLetter? {
        self.state.withLock { $0.deadLetters[Key(conversation: conversation, message: message)] }
    }

    var heldConversations: [Conversation.ID] { self.state.withLock { $0.holds.sorted() } }

    func hold(_ conversation: Conversation.ID) { _ = self.state.withLock { $0.holds.insert(conversation) } }

    /// Forgets that a message was ever appended.
    func forget(seen message: InboundMessage) {
        let key = Key(
            conversation: message.conversation, message: message.id, replay: message.replay?.number ?? 0)
        self.state.withLock { $0.seen[key] = nil }
    }

    /// Forgets that a message was ever answered.
    func forget(turn id: Turn.ID, of conversation: Conversation.ID) {
        self.state.withLock { state in
            let key = Key(conversation: conversation, message: id)
            (state.turns[key], state.merged[key]) = (nil, nil)
        }
    }
}
