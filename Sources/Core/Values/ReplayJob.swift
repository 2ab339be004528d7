/// Dead letters that somebody has asked to be put back, all of them or some, with how far that has come. Kept in the journal:
/// another process goes on where one has stopped.
public struct ReplayJob: Sendable {
    public enum State: String, Sendable {
        case running
        case done
        /// Somebody has stopped it; what was under way ends.
        case cancelled
    }

    /// What it was asked to do.
    public struct Options: Hashable, Sendable {
        /// Letters in a second, at most.
        public var rate: Double
        /// Whether each has all of its assistant's attempts again; otherwise one.
        public var resetsRetryCount: Bool
        /// Whether a held conversation goes on once all of its letters in this job are answered.
        public var releasesConversations: Bool
        /// Whether replies of which nobody knows whether they were sent are sent again.
        public var resendsInDoubt: Bool

        public init(
            rate: Double, resetsRetryCount: Bool = true, releasesConversations: Bool = false, resendsInDoubt: Bool = false
        ) {
            self.rate = rate
            self.resetsRetryCount = resetsRetryCount
            self.releasesConversations = releasesConversations
            self.resendsInDoubt = resendsInDoubt
        }
    }

    /// How many of its letters are where.
    public struct Progress: Hashable, Sendable {
        public var pending = 0
        /// Put back, and not come to an end.
        public var underWay = 0
        public var answered = 0
        /// Dead letters again.
        public var failed = 0
        /// Left as they are: their conversation is held by one before them that failed again.
        public var skipped = 0
        /// Not there any more.
        public var gone = 0

        public init() {}

        public var total: Int {
            self.pending + self.underWay + self.answered + self.failed + self.skipped + self.gone
        }
    }

    public var id: Int64
    public var at: Timestamp
    public var who: String
    public var reason: String?
    public var filter: DeadLetterFilter
    public var options: Options
    public var state: State
    public var finishedAt: Timestamp?
    public var progress: Progress

    public init(
        id: Int64, at: Timestamp, who: String, reason: String?, filter: DeadLetterFilter, options: Options, state: State,
        finishedAt: Timestamp?, progress: Progress = Progress()
    ) {
        self.id = id
        self.at = at
        self.who = who
        self.reason = reason
        self.filter = filter
        self.options = options
        self.state = state
        self.finishedAt = finishedAt
        self.progress = progress
    }
}

/// What a replay would do.
public struct ReplayForecast: Hashable, Sendable {
    /// Letters that would go back.
    public var count = 0
    public var conversations = 0
    /// Of them, those that are held now.
    public var heldConversations = 0
    /// Whose turn is journaled: only their lost replies are sent again.
    public var repliesOnly = 0
    /// Left out because nobody knows whether their replies were sent.
    public var inDoubt = 0
    /// Left out because they are a timer's, whose moment has passed.
    public var timers = 0
    /// Left out because another replay has them.
    public var replaying = 0
    public var assistants: [String: Int] = [:]
    public var categories: [String: Int] = [:]

    public init() {}
}
