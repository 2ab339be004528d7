/// What dead letters have in common, and what to do about them.
public struct DeadLetterAnalysis: Sendable {
    /// Errors of one sort.
    public struct Group: Sendable {
        public var fingerprint: String
        public var category: String
        public var count = 0
        public var conversations: Set<Conversation.ID> = []
        public var assistants: Set<AssistantID> = []
        public var first: Timestamp
        public var last: Timestamp
        /// One of its errors in full, and whose.
        public var example: String
        public var exampleID: Int64
    }

    public private(set) var count = 0
    public private(set) var replaying = 0
    public private(set) var categories: [String: Int] = [:]
    public private(set) var kinds: [String: Int] = [:]
    public private(set) var assistants: [String: Int] = [:]
    public private(set) var channels: [String: Int] = [:]
    /// By hour, UTC, as the number of hours since 1970.
    public private(set) var hours: [Int64: Int] = [:]
    private var conversations: Set<Conversation.ID> = []
    private var groups: [String: Group] = [:]
    private var returned = 0

    public init() {}

    public var conversationCount: Int { self.conversations.count }

    public mutating func add(_ letter: StoredDeadLetter) {
        if letter.isReplaying {
            self.replaying += 1
            return
        }
        let conversation = letter.message.conversation
        self.count += 1
        self.conversations.insert(conversation)
        self.categories[letter.category, default: 0] += 1
        self.kinds[letter.message.kind.rawValue, default: 0] += 1
        self.assistants[letter.assistant.rawValue, default: 0] += 1
        self.channels[conversation.channel.rawValue, default: 0] += 1
        self.hours[letter.at.milliseconds / 3_600_000, default: 0] += 1
        if letter.replays > 0 { self.returned += 1 }
        var group =
            self.groups[letter.fingerprint]
            ?? Group(
                fingerprint: letter.fingerprint, category: letter.category, first: letter.at, last: letter.at,
                example: letter.error, exampleID: letter.id)
        group.count += 1
        group.conversations.insert(conversation)
        group.assistants.insert(letter.assistant)
        group.first = min(group.first, letter.at)
        group.last = max(group.last, letter.at)
        self.groups[letter.fingerprint] = group
    }

    /// The most frequent errors first.
    public func topErrors(_ limit: Int) -> [Group] {
        Array(self.groups.values.sorted { ($1.count, $0.fingerprint) < ($0.count, $1.fingerprint) }.prefix(limit))
    }

    /// What to do, the most useful first; each in one or two sentences.
    public func recommendations(at now: Timestamp) -> [String] {
        guard self.count > 0 else { return ["There are no dead letters here: nothing to do."] }
        var advice: [String] = []
        for group in self.topErrors(3) where group.count * 10 >= self.count {
            let share = group.count * 100 / self.count
            let silence = now.elapsed(since: group.last)
            let state =
                silence > .seconds(3600)
                ? "The last one came \(Self.text(silence)) ago, so the cause may be gone: try a dry run, then replay a few."
                : "It still happens: find the cause before you replay."
            advice.append("\(share) % (\(group.count)) are one error: \(group.fingerprint). \(state)")
        }
        for (category, count) in self.categories.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) })
        where count * 10 >= self.count {
            if let text = Self.advice[category] { advice.append("\(count) × \(category): \(text)") }
        }
        if let (hour, count) = self.hours.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }), self.hours.count > 1,
            count * 2 >= self.count
        {
            let time = Timestamp(milliseconds: hour * 3_600_000)
            advice.append(
                "\(count) of \(self.count) were given up in one hour (\(CivilDay(of: time)) \(hour % 24):00 UTC): look for an outage or a deploy then."
            )
        }
        if self.returned * 4 >= self.count {
            advice.append(
                "\(self.returned) have been replayed before and failed again: replaying alone will not help them.")
        }
        return advice
    }

    private static let advice = [
        "timeout":
            "the model or a gateway answers too slowly. Look at its latency, then at `time_limits` and the model's `timeout`; replay when it is quick again.",
        "connection": "the other side could not be reached. Check that it is up and that its address is right, then replay.",
        "rate_limit":
            "more is asked than the provider allows. Raise the model's budget there, or lower `slots`; replay at a low rate.",
        "auth": "a key is wrong or has expired. Correct it, then replay; until then every replay fails.",
        "quota": "the provider's quota is used up. Replay when it is renewed.",
        "validation":
            "requests are refused as wrong. Replaying does not help until the prompt, the tools or the model are corrected.",
        "crash":
            "these messages were running when the process died. Look at them one by one; replay one and watch before the rest.",
        "refused":
            "the gateway refuses these replies for good: numbers without WhatsApp, or a wrong channel. Correct that, then replay: the same reply is sent again without asking the model.",
        "send_in_doubt":
            "nobody knows whether the contact has the reply. They are replayed only when you ask for it (resend_in_doubt), because the contact may get it twice.",
        "other": "look at the top errors.",
    ]

    private static func text(_ duration: Duration) -> String {
        let minutes = duration.milliseconds / 60_000
        if minutes < 120 { return "\(minutes) min" }
        return minutes < 2_880 ? "\(minutes / 60) h" : "\(minutes / 1_440) days"
    }
}
