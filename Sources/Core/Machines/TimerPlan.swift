/// Which of an assistant's timers comes next.
///
/// A reply begins a silence. Its timers come one after the other, each set when the one before it has run, until one closes
/// the conversation; then those that follow a closing come in the same way. A message of the contact begins anew.
public struct TimerPlan: Sendable {
    private let rules: [TimerRule]

    public init(_ rules: [TimerRule]) {
        self.rules = rules.sorted { ($0.delay.milliseconds, $0.name) < ($1.delay.milliseconds, $1.name) }
    }

    public var isEmpty: Bool { self.rules.isEmpty }

    /// The rule that a message comes from; `nil` for a contact's, and when the configuration no longer has it.
    public func rule(of message: InboundMessage) -> TimerRule? {
        guard let firing = message.timer else { return nil }
        return self.rules.first { $0.name == firing.rule }
    }

    /// What the rule of a timer's message says now; `nil` for nothing.
    public func text(for message: InboundMessage) -> String? {
        guard let firing = message.timer, let rule = self.rule(of: message), !rule.text.isEmpty,
            message.receivedAt.elapsed(since: firing.dueAt) <= rule.lateness
        else { return nil }
        return rule.text
    }

    /// The timer to set once `message`, of a contact or of a timer, has been answered.
    public func next(after message: InboundMessage, at now: Timestamp) -> ConversationTimer? {
        guard let firing = message.timer else {
            return self.timer(self.first(of: .silence), for: message, since: now, contactWroteAt: message.receivedAt)
        }
        let rule = self.rule(of: message)
        if let rule, rule.closes {
            return self.timer(self.first(of: .closing), for: message, since: now, contactWroteAt: firing.contactWroteAt)
        }
        // In milliseconds, as times are written down: a rule whose delay is finer would come after itself, for ever.
        let passed = (firing.dueAt.elapsed(since: firing.since).milliseconds, firing.rule)
        let next = self.rules.first {
            $0.trigger == rule?.trigger ?? .silence && ($0.delay.milliseconds, $0.name) > passed
        }
        return self.timer(next, for: message, since: firing.since, contactWroteAt: firing.contactWroteAt)
    }

    /// The session that ends once `message` has been answered.
    public func sessionEnd(after message: InboundMessage) -> SessionEnd? {
        guard let firing = message.timer, self.rule(of: message)?.closes == true else { return nil }
        return SessionEnd(conversation: message.conversation, contactWroteAt: firing.contactWroteAt)
    }

    private func first(of trigger: TimerRule.Trigger) -> TimerRule? { self.rules.first { $0.trigger == trigger } }

    private func timer(
        _ rule: TimerRule?, for message: InboundMessage, since: Timestamp, contactWroteAt: Timestamp
    ) -> ConversationTimer? {
        guard let rule else { return nil }
        return ConversationTimer(
            conversation: message.conversation, replyAddress: message.replyAddress, traceID: message.traceID,
            firing: ConversationTimer.Firing(
                rule: rule.name, since: since, dueAt: since.advanced(by: rule.delay), contactWroteAt: contactWroteAt))
    }
}
