/// Holds replies against messages: was every accepted message answered, once, and each conversation in order?
///
/// Order is that of the door: a message came before another when it was accepted before the other was posted. Two that were on
/// their way at the same time have no order, whatever their senders meant.
struct DeliveryOracle: Sendable {
    /// A message that has no reply yet. Times are monotonic, in nanoseconds.
    fileprivate struct Pending {
        enum State {
            /// Posted, and not answered by the door.
            case unknown
            case accepted(at: Int64)
            /// The door has not taken it. A reply is welcome all the same: the door may have been wrong.
            case refused
        }

        let message: PlannedMessage
        let intended: Int64
        let posted: Int64
        var state = State.unknown
        /// How long the model took, in nanoseconds.
        var model: Int64?
        /// A later message of the conversation that was answered before this one.
        var overtakenBy: Int?
    }

    /// The first reply to a message.
    struct Answer: Equatable {
        let message: PlannedMessage
        /// Nanoseconds, from the message's intended time.
        let elapsed: Int64
        /// Nanoseconds that a runtime which takes no time itself would have needed: the model's, after that for the messages
        /// before it. `nil` when nobody said how long the model took.
        let ideal: Int64?
    }

    enum Finding: Equatable {
        case answered(Answer)
        /// One more reply to a message that has one.
        case duplicate(index: Int)
        /// A reply to an earlier message of the conversation has come after this one's. What is never answered is lost, and
        /// nothing was reordered.
        case reordered(index: Int, before: Int)
        /// A reply to nothing that waits for one.
        case stray
        /// A reply to a message of another run.
        case foreign
    }

    let run: String
    /// Whether replies repeat what they answer. If not, a reply answers the oldest message of its conversation, and order cannot
    /// be seen.
    let matchesTokens: Bool
    /// In the order in which they were posted.
    private var pending: [Int: [Pending]] = [:]
    /// By message.
    private var conversations: [Int: Int] = [:]
    /// Of conversations with pending messages: when a runtime which takes no time itself would have given its latest reply.
    private var ideals: [Int: Int64] = [:]

    init(run: String, matchesTokens: Bool = true) {
        self.run = run
        self.matchesTokens = matchesTokens
    }

    /// Accepted, or perhaps accepted, and not answered.
    var outstanding: Int { self.pending.values.reduce(0) { $0 + $1.count { $0.isExpected } } }

    mutating func posted(_ message: PlannedMessage, intended: Int64, at time: Int64) {
        self.pending[message.conversation, default: []]
            .append(Pending(message: message, intended: intended, posted: time))
        self.conversations[message.index] = message.conversation
    }

    mutating func accepted(_ index: Int, at time: Int64) { self.update(index) { $0.state = .accepted(at: time) } }

    mutating func refused(_ index: Int) { self.update(index) { $0.state = .refused } }

    mutating func modelAnswered(_ index: Int, after time: Int64) { self.update(index) { $0.model = time } }

    /// - Parameters:
    ///   - conversation: whose contact got it.
    ///   - known: messages posted so far: those with lower numbers.
    mutating func replied(in conversation: Int, _ text: String, at time: Int64, known: Int) -> [Finding] {
        let parts = self.matchesTokens ? MessageToken.parts(of: text) : [nil]
        return parts.enumerated().flatMap { place, part in
            guard let part else { return self.repliedWithoutToken(in: conversation, at: time) }
            guard part.run == self.run else { return [.foreign] }
            guard part.index < known else { return [.stray] }
            guard self.conversations[part.index] != nil else { return [.duplicate(index: part.index)] }
            guard self.conversations[part.index] == conversation else { return [.stray] }
            return self.answered(part.index, in: conversation, at: time, isTogether: place > 0)
        }
    }

    /// Messages that were accepted and have no reply: when no more can come, the lost ones.
    var unanswered: [PlannedMessage] {
        self.pending.values.flatMap { $0.filter { if case .accepted = $0.state { true } else { false } }.map(\.message) }
            .sorted { $0.index < $1.index }
    }

    /// - Parameter isTogether: whether one model call was about this message and the one before.
    private mutating func answered(
        _ index: Int, in conversation: Int, at time: Int64, isTogether: Bool = false
    ) -> [Finding] {
        guard var waiting = self.pending[conversation], let place = waiting.firstIndex(where: { $0.message.index == index })
        else { return [.stray] }
        let answered = waiting.remove(at: place)
        if self.matchesTokens {
            for earlier in waiting.indices where waiting[earlier].wasAccepted(before: answered) {
                waiting[earlier].overtakenBy = waiting[earlier].overtakenBy ?? index
            }
        }
        self.pending[conversation] = waiting.isEmpty ? nil : waiting
        self.conversations[index] = nil
        let ideal = answered.ideal(after: self.ideals[conversation], isTogether: isTogether)
        self.ideals[conversation] = waiting.isEmpty ? nil : ideal ?? time
        let answer = Answer(
            message: answered.message, elapsed: time - answered.intended, ideal: ideal.map { $0 - answered.intended })
        let findings = [Finding.answered(answer)]
        return findings + (answered.overtakenBy.map { [.reordered(index: $0, before: index)] } ?? [])
    }

    /// It answers the oldest message that has no token either; where replies repeat nothing, the oldest of all.
    private mutating func repliedWithoutToken(in conversation: Int, at time: Int64) -> [Finding] {
        let oldest = self.pending[conversation]?.first { pending in
            pending.isExpected && (!self.matchesTokens || pending.message.isMute)
        }
        guard let oldest else { return [.stray] }
        return self.answered(oldest.message.index, in: conversation, at: time)
    }

    private mutating func update(_ index: Int, _ change: (inout Pending) -> Void) {
        guard let conversation = self.conversations[index],
            let place = self.pending[conversation]?.firstIndex(where: { $0.message.index == index })
        else { return }
        change(&self.pending[conversation, default: []][place])
    }
}

extension PlannedMessage {
    /// Whether nobody but its contact knows what it says.
    var isMute: Bool { self.source == .meta && self.kind == .audio }
}

extension DeliveryOracle.Pending {
    fileprivate var isExpected: Bool { if case .refused = self.state { false } else { true } }

    /// Whether there is no doubt that the log had this one first.
    fileprivate func wasAccepted(before other: Self) -> Bool {
        if case .accepted(let time) = self.state { time < other.posted } else { false }
    }

    /// When the reply could have come: a conversation's messages are answered one after the other.
    ///
    /// - Parameter latest: the same for the message before, where this one was there already; `nil` where it was not.
    fileprivate func ideal(after latest: Int64?, isTogether: Bool) -> Int64? {
        guard let model = self.model else { return nil }
        guard let latest else { return self.intended + model }
        return isTogether ? max(latest, self.intended + model) : max(latest, self.intended) + model
    }
}
