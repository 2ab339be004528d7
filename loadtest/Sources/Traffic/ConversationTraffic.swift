import CardumeTesting
import HeapModule

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Decides who writes when a message is due: the contact who has waited longest to go on with a conversation, or else somebody
/// new. So messages come exactly at the rate that is asked for, while each conversation keeps a human rhythm.
struct ConversationTraffic: Sendable {
    struct Line: Hashable, Sendable {
        let conversation: Int
        /// In the conversation, from 0.
        let position: Int
        let kind: TrafficProfile.Kind
        let assistant: String
        let isMeta: Bool
    }

    private struct Open: Comparable {
        var due: Double
        let conversation: Int
        let assistant: String
        let isMeta: Bool
        let messages: Int
        var position = 0
        /// Messages left of the burst.
        var burst = 0

        static func == (lhs: Open, rhs: Open) -> Bool { lhs.conversation == rhs.conversation }
        static func < (lhs: Open, rhs: Open) -> Bool { (lhs.due, lhs.conversation) < (rhs.due, rhs.conversation) }
    }

    private let profile: TrafficProfile
    private let kinds: Weighted<TrafficProfile.Kind>
    private let assistants: Weighted<String>
    private let maximumOpen: Int
    private var open = Heap<Open>()
    private var generator: SeededGenerator

    /// Conversations begun so far.
    private(set) var begun = 0

    /// - Parameter maximumOpen: conversations at once, at most, from 1: with as many, contacts go on sooner than they would.
    init(_ profile: TrafficProfile, maximumOpen: Int, seed: UInt64) {
        self.profile = profile
        // In an order that does not depend on the dictionary's.
        self.kinds = Weighted(TrafficProfile.Kind.allCases.map { ($0, profile.kinds[$0] ?? 0) })
        self.assistants = Weighted(profile.assistants.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        self.maximumOpen = maximumOpen
        self.generator = SeededGenerator(seed: seed)
    }

    /// Conversations that will go on.
    var openCount: Int { self.open.count }

    /// The message that is written at this moment.
    ///
    /// - Parameter time: seconds; never before an earlier one.
    mutating func next(at time: Double) -> Line {
        var conversation = self.conversation(at: time)
        let line = Line(
            conversation: conversation.conversation, position: conversation.position,
            kind: self.kinds.choose(using: &self.generator), assistant: conversation.assistant, isMeta: conversation.isMeta)
        conversation.position += 1
        if conversation.position < conversation.messages {
            conversation.burst -= 1
            let isTyping = conversation.burst > 0
            if !isTyping { conversation.burst = self.geometric(mean: self.profile.burst) }
            conversation.due =
                time
                + (isTyping
                    ? self.profile.typing.sample(using: &self.generator)
                    : self.profile.pace * self.profile.thinking.sample(using: &self.generator))
            self.open.insert(conversation)
        }
        return line
    }

    private mutating func conversation(at time: Double) -> Open {
        if let first = self.open.min, first.due <= time || self.open.count >= self.maximumOpen { return self.open.removeMin() }
        defer { self.begun += 1 }
        return Open(
            due: time, conversation: self.begun, assistant: self.assistants.choose(using: &self.generator),
            isMeta: Double.random(in: 0..<1, using: &self.generator) < self.profile.metaShare,
            messages: min(self.geometric(mean: self.profile.messages), self.profile.mostMessages),
            burst: self.geometric(mean: self.profile.burst))
    }

    /// 1 or more.
    private mutating func geometric(mean: Double) -> Int {
        guard mean > 1 else { return 1 }
        let point = Double.random(in: Double.leastNonzeroMagnitude..<1, using: &self.generator)
        return 1 + Int(log(point) / log(1 - 1 / mean))
    }
}
