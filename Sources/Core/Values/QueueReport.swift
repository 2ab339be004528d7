/// Why work waits that no further process could speed up.
public enum Exclusion: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
    /// A circuit breaker is open.
    case breaker
    /// A budget of requests, tokens or money is used up.
    case budget
    /// Somebody has paused an assistant, a lane or a channel.
    case paused
    /// A dead letter holds the conversation.
    case held
    /// The gateway is asked again, asked about a doubt, or sends no faster.
    case gateway
    /// Another attempt, or more of a burst, is waited for.
    case delay
    /// The log or the journal does not answer.
    case store

    /// `nil` for what more slots would end.
    public init?(_ cause: Blocker.Cause) {
        switch cause {
        case .slot: return nil
        case .breaker: self = .breaker
        case .budget: self = .budget
        case .paused: self = .paused
        case .held: self = .held
        case .gateway, .doubt, .pacing: self = .gateway
        case .retry, .debounce: self = .delay
        case .store: self = .store
        }
    }
}

/// What one process knows of one queue, as it publishes it with its membership. Looked up a few times in each ten seconds.
public struct QueueReport: Hashable, Sendable, Codable {
    /// A part of a queue.
    public struct Share: Hashable, Sendable, Codable {
        public var conversations: Int
        public var messages: Int

        public init(conversations: Int = 0, messages: Int = 0) {
            self.conversations = conversations
            self.messages = messages
        }

        public static func + (left: Self, right: Self) -> Self {
            Share(conversations: left.conversations + right.conversations, messages: left.messages + right.messages)
        }
    }

    /// How old a report may be that still counts.
    public static let lifetime: Duration = .seconds(10)

    /// Turns that have a slot.
    public var running: Int
    /// Unsettled messages that the process has read or knows of, whatever becomes of them.
    public var known: Int
    /// Conversations that want a slot and have none.
    public var waiting: Share
    /// Conversations that more slots would not help.
    public var excluded: [Exclusion: Share]
    /// When the first message of those that wait was received; `nil` when none does.
    public var oldest: Timestamp?
    /// Of the queue's assistant in this process; `nil` when it has had no turn.
    public var turn: TurnMean?
    /// How old this was when it was published, in seconds.
    public var age: Double

    public init(
        running: Int = 0, known: Int = 0, waiting: Share = Share(), excluded: [Exclusion: Share] = [:],
        oldest: Timestamp? = nil, turn: TurnMean? = nil, age: Double = 0
    ) {
        self.running = running
        self.known = known
        self.waiting = waiting
        self.excluded = excluded
        self.oldest = oldest
        self.turn = turn
        self.age = age
    }

    /// What a process can have counted. Members' counts are added up: they must not overflow, whatever stands in the database.
    static let counts = 0...1_000_000_000_000

    var isPlausible: Bool {
        let shares = [self.waiting] + self.excluded.values
        let counts = [self.running, self.known] + shares.flatMap { [$0.conversations, $0.messages] }
        return counts.allSatisfy(Self.counts.contains) && self.turn?.isPlausible ?? true
    }

    public mutating func exclude(_ reason: Exclusion, messages: Int) {
        self.excluded[reason] = (self.excluded[reason] ?? Share()) + Share(conversations: 1, messages: messages)
    }

    /// A conversation waits for a slot.
    public mutating func wait(messages: Int, since receivedAt: Timestamp?) {
        self.waiting = self.waiting + Share(conversations: 1, messages: messages)
        if let receivedAt { self.oldest = min(self.oldest ?? receivedAt, receivedAt) }
    }

    /// Together with another partition of the queue, looked at at the same time.
    public mutating func merge(_ other: QueueReport) {
        self.running += other.running
        self.known += other.known
        self.waiting = self.waiting + other.waiting
        self.excluded.merge(other.excluded, uniquingKeysWith: +)
        self.oldest = [self.oldest, other.oldest].compactMap(\.self).min()
        self.age = max(self.age, other.age)
    }
}
