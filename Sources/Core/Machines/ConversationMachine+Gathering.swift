/// Which messages one turn answers together: a burst is waited for, a newer message may supersede a turn, a late reply may give
/// way to a turn that answers more.
extension ConversationMachine {
    /// What a message's arrival leads to.
    public enum Arrival: Hashable, Sendable {
        /// It waits for its turn; nobody needs to know.
        case queued
        /// Somebody must start asking ``next(isLeaving:at:)``.
        case begins
        /// The wait of ``Step/gather(_:)`` is over.
        case completes
        /// The call that runs is to be cancelled; see ``answered(at:isReply:)``.
        case supersedes
    }

    /// What an answer is worth.
    public enum Verdict: Hashable, Sendable {
        case inTime
        /// Nothing: it is to be thrown away, ``interrupted()`` called and ``next(isLeaving:at:)`` asked again.
        case superseded
        /// With ``TurnPolicy/Late/Action/merge`` it is as with `superseded`.
        case late(Duration, TurnPolicy.Late.Action)
    }

    /// A message arrived.
    ///
    /// - Parameter now: asked for only where it matters, which is not so with the policy that merges nothing.
    public mutating func received(_ item: Item, at now: @autoclosure () -> Moment) -> Arrival {
        if item.isReplayed {
            self.mailbox.insert(item, at: self.placeOfReplay)
        } else {
            self.mailbox.append(item)
        }
        switch self.state {
        case .gathering:
            let mayComeMore = item.mayBeMerged && self.mailbox.count < self.policy.debounce.maximumMessages
            return mayComeMore ? .queued : .completes
        case .answering where self.isSupersedable && self.mayJoin(item, at: now()):
            self.state = .superseded
            return .supersedes
        case .resting, .running, .answering, .superseded:
            return self.wake() ? .begins : .queued
        }
    }

    /// Behind what has begun and other dead letters that run again; before the rest, which is younger.
    private var placeOfReplay: Int {
        let begun =
            switch self.state {
            case .running, .answering, .superseded: self.turnSize
            case .resting, .gathering: self.hasHeadBegun ? 1 : 0
            }
        return begun + self.mailbox.dropFirst(begun).prefix(while: \.isReplayed).count
    }

    /// Whether the running turn begins anew for the sake of the latest message.
    private func mayJoin(_ item: Item, at now: Moment) -> Bool {
        guard !self.isStopping, item.mayBeMerged, self.hasRoomForNext, self.mailbox.count == self.turnSize + 1,
            let burstBegan = self.burstBegan
        else { return false }
        let sinceFirst = now.wallTime.elapsed(since: self.mailbox[0].entry.message.receivedAt)
        return max(sinceFirst, now.uptime - burstBegan) < self.policy.supersedeLimit
    }

    /// Whether the running turn could answer the message behind it, too.
    private var hasRoomForNext: Bool {
        self.turnSize < self.policy.debounce.maximumMessages && self.mailbox.count > self.turnSize
            && self.mailbox[0].mayBeMerged && self.mailbox[self.turnSize].mayBeMerged
    }

    /// How many messages from the head on may be answered together.
    private var mergeableCount: Int {
        self.mailbox.prefix(self.policy.debounce.maximumMessages).prefix { $0.mayBeMerged }.count
    }

    /// The items that ``begin()`` would take into the running turn now; at least the head.
    public var candidates: some Collection<LogEntry> {
        let isMerged = (self.policy.merges || self.hasMergedLate) && self.mailbox.first?.mayBeMerged ?? false
        return self.mailbox.prefix(isMerged ? self.mergeableCount : 1).lazy.map(\.entry)
    }

    /// How long to wait for messages that may follow the head; not positive when it is to run now.
    ///
    /// `min(wait − since the latest, maximum − since the first)`, by the times at which they arrived, so that a backlog or
    /// another owner does not wait again. A clock that is wrong lengthens neither: each wait is at most `wait`, and all of them
    /// at most `maximum` since this process looked at the head first.
    mutating func remainingWait(at now: Moment) -> Duration {
        let burstBegan = self.burstBegan ?? now.uptime
        self.burstBegan = burstBegan
        let debounce = self.policy.debounce
        let count = self.mergeableCount
        guard debounce.wait > .zero, count < debounce.maximumMessages, count == self.mailbox.count else { return .zero }
        let (first, latest) = (self.mailbox[0].entry.message.receivedAt, self.mailbox[count - 1].entry.message.receivedAt)
        let sinceLatest = max(.zero, now.wallTime.elapsed(since: latest))
        let sinceFirst = max(now.wallTime.elapsed(since: first), now.uptime - burstBegan)
        return min(debounce.wait - sinceLatest, debounce.maximumWait - sinceFirst)
    }

    /// The running item's turn is about to be answered, together with the items behind it that are returned, in order. Followed
    /// by ``answered(at:isReply:)``, ``failed(_:mayHold:using:)`` or ``interrupted()``.
    public mutating func begin() -> [LogEntry] {
        guard case .running = self.state else { preconditionFailure("nothing was running") }
        self.state = .answering
        self.isSupersedable = self.habits.contains(.superseding)
        guard self.habits.contains(.merging) || self.hasMergedLate, self.mailbox[0].mayBeMerged else { return [] }
        self.turnSize = self.mergeableCount
        return self.turnSize == 1 ? [] : self.mailbox[1..<self.turnSize].map(\.entry)
    }

    /// The turn that began has its answer. From here on, newer messages are turns of their own.
    ///
    /// - Parameter isReply: whether it says anything to the contact; what is silent is not late.
    public mutating func answered(at now: Timestamp, isReply: Bool) -> Verdict {
        if case .superseded = self.state { return .superseded }
        guard case .answering = self.state else { preconditionFailure("no turn has begun") }
        self.state = .running
        return isReply && self.habits.contains(.lateness) ? self.lateness(at: now) : .inTime
    }

    private mutating func lateness(at now: Timestamp) -> Verdict {
        let (late, head) = (self.policy.late, self.mailbox[0].entry.message)
        let elapsed = now.elapsed(since: head.receivedAt)
        guard head.timer == nil, elapsed > late.after else { return .inTime }
        guard late.action == .merge else { return .late(elapsed, late.action) }
        guard !self.hasMergedLate, self.hasRoomForNext else { return .late(elapsed, .send) }
        self.hasMergedLate = true
        self.state = .superseded
        return .late(elapsed, .merge)
    }

    /// What is behind the head of the running turn does not belong to it after all.
    ///
    /// - Parameter standings: what the journal has turned out to know of it. Defaults to nothing new.
    public mutating func separate(_ standings: [LogOffset: Standing] = [:]) {
        for index in 1..<max(1, self.turnSize) {
            guard let standing = standings[self.mailbox[index].entry.offset] else { continue }
            self.mailbox[index].standing = standing
        }
        self.turnSize = 1
    }
}

extension ConversationMachine.Item {
    /// Whether it was a dead letter.
    var isReplayed: Bool { self.entry.message.replay != nil }

    /// Whether a turn may answer it together with others. Not what the runtime made itself, not what shows a menu or chooses
    /// from one by a tap, and nothing that runs under suspicion or does not run any more.
    var mayBeMerged: Bool {
        switch self.standing {
        case .fresh, .suspect(marks: 0): break
        case .suspect, .committed, .answered, .deadLetter: return false
        }
        let message = self.entry.message
        switch message.kind {
        case .system, .listReply, .buttonReply: return false
        case .text, .image, .video, .audio, .document, .sticker, .location, .contact, .reaction, .unknown:
            return !message.showsMenu && !self.isReplayed
        }
    }
}
