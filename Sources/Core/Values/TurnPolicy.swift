/// Which messages an assistant answers together, and what it does with replies that come late. Configuration.
public struct TurnPolicy: Hashable, Sendable {
    /// How long a conversation waits whether its contact has more to say.
    public struct Debounce: Hashable, Sendable {
        /// After the latest message. Zero, the default: not at all.
        public var wait: Duration
        /// After the first message, however many follow. Defaults to 10 s.
        public var maximumWait: Duration
        /// Messages that one turn answers at most. From 1; defaults to 20.
        public var maximumMessages: Int

        public init(wait: Duration = .zero, maximumWait: Duration = .seconds(10), maximumMessages: Int = 20) {
            self.wait = wait
            self.maximumWait = maximumWait
            self.maximumMessages = maximumMessages
        }
    }

    /// What a message does that comes while the model is being asked about earlier ones.
    public enum NewMessage: String, Sendable, CaseIterable {
        /// It waits until they are answered.
        case queue
        /// The model is asked anew, about all of them; what it was asked before is given up.
        case supersede
    }

    /// What becomes of a reply that is ready later than it should be.
    public struct Late: Hashable, Sendable {
        public enum Action: String, Sendable, CaseIterable {
            /// It is sent, and counted.
            case send
            /// It is sent behind ``Late/apology``.
            case apologise
            /// It is kept in the journal and never sent.
            case drop
            /// Where a newer message waits, both are answered by one turn instead, once; otherwise it is sent.
            case merge
        }

        /// From the arrival of the turn's first message until the reply is ready. Zero, the default: nothing is late.
        public var after: Duration
        public var action: Action
        public var apology: String

        public init(after: Duration = .zero, action: Action = .send, apology: String = "") {
            self.after = after
            self.action = action
            self.apology = apology
        }
    }

    public var debounce: Debounce
    public var onNewMessage: NewMessage
    public var late: Late

    public init(debounce: Debounce = Debounce(), onNewMessage: NewMessage = .queue, late: Late = Late()) {
        self.debounce = debounce
        self.onNewMessage = onNewMessage
        self.late = late
    }

    /// Whether one turn may answer several messages from the start.
    public var merges: Bool { self.debounce.wait > .zero || self.onNewMessage == .supersede }

    /// How many messages one turn may answer at most: 1 where nothing is ever merged.
    public var largestTurn: Int {
        let mergesLate = self.late.after > .zero && self.late.action == .merge
        return self.merges || mergesLate ? self.debounce.maximumMessages : 1
    }

    /// How long after its first message a turn may still be superseded, so that who never stops writing is answered, too:
    /// as long as a burst may be waited for, or 60 s where none is.
    public var supersedeLimit: Duration { self.debounce.wait > .zero ? self.debounce.maximumWait : .seconds(60) }

    /// With turns of at most `messages` messages, because no more are in memory at once.
    public func bounded(by messages: Int) -> TurnPolicy {
        var policy = self
        policy.debounce.maximumMessages = min(self.debounce.maximumMessages, max(1, messages))
        return policy
    }
}
