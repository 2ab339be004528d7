import CardumeCore

/// Sends replies, part by part: each is journaled before its request and after its end, and a doubt is cleared up before the next.
extension ConversationActor {
    func send(_ intents: [SendIntent], of message: InboundMessage, isInherited: Bool) async throws {
        var lost: TurnFailure?
        for intent in intents {
            // One that ended before a crash counts, too: its loss may not be journaled yet.
            let end = intent.state.isFinal ? intent : try await self.send(intent, of: message, isInherited: isInherited)
            switch end.state {
            case .refused:
                lost = TurnFailure(category: .refused, message: end.lastError ?? "", isRetryable: false)
            case .parked:
                lost = TurnFailure(category: .sendInDoubt, message: end.lastError ?? "", isRetryable: false)
            case .pending, .sending, .unknown, .accepted, .dropped: break
            }
        }
        if let lost { throw lost }
    }

    private func send(
        _ intent: SendIntent, of message: InboundMessage, isInherited: Bool
    ) async throws -> SendIntent {
        let intent = try await self.passGate(before: intent, isInherited: isInherited)
        let channel = self.environment.channel(self.id.channel) ?? UnconfiguredChannel(id: self.id.channel)
        var policy = SendMachine.Policy(
            onAmbiguous: self.settings.assistant.onAmbiguousSend, sendTimeout: channel.sendTimeout,
            recordDelay: channel.recordDelay, backoff: self.settings.assistant.retry
        )
        if !self.environment.safeguards.contains(.resendBound) { policy.resends = .max }
        let clock = self.environment.clock
        var generator = self.environment.generator
        if intent.state == .pending, intent.attempts == 0 {
            try await self.lead(intent, over: channel)
            // Paused while it waited for its turn.
            try await self.passGate()
        }
        var machine = SendMachine(intent, policy: policy)
        var journaled = intent
        // A reply that has just been written is not too late, however long its message has waited.
        let since = isInherited && intent.attempts > 0 ? message.receivedAt : clock.wallTime
        var step = machine.begin(isInherited: isInherited, since: since, at: clock.wallTime)
        while true {
            if case .route(let tried) = step {
                let route = channel.route(machine.intent, avoiding: tried)
                step = machine.routed(route, at: clock.wallTime, using: &generator)
            }
            if machine.intent != journaled {
                try await self.commit(.send(machine.intent))
                self.report(machine.intent, after: journaled, receivedAt: message.receivedAt)
                journaled = machine.intent
            }
            switch step {
            case .route: break
            case .send:
                guard self.isTrusted else { throw StoreError.untrusted }
                // Once interrupted, a request would be cut off in the middle: a doubt for nothing.
                machine.requestBegins(at: clock.wallTime)
                let outcome =
                    Task.isCancelled
                    ? .postponed(cause: .gateway(reason: "the process is stopping"), delay: .zero)
                    : await self.inTrace { await channel.send(machine.intent) }
                step = machine.sent(outcome, at: clock.wallTime)
            case .reconcile:
                let known = try await self.untilAvailable {
                    try await self.environment.journal.providerIDs(of: self.id)
                }
                let answer = try await self.inSpan("reconcile") {
                    await channel.reconcile(machine.intent, known: known)
                }
                step = machine.reconciled(answer, at: clock.wallTime)
            case .wait(let delay, let cause):
                if machine.intent.state == .pending { self.report(.sendWillRetry(machine.intent, cause, delay: delay)) }
                try await self.wait(delay, for: cause)
                // A pause that begins later than this finds the send begun.
                try await self.passGate()
                step = machine.waited(at: clock.wallTime)
            case .done:
                return machine.intent
            }
        }
    }

    /// Whether nobody else can be at work in the partition.
    private var isTrusted: Bool {
        self.environment.trust.isTrusted(self.fence, at: self.environment.clock.uptime)
            || !self.environment.safeguards.contains(.leaseTrust)
    }

    /// Waits for the number's turn, and shows that somebody types. Nothing is journaled as begun meanwhile, and no slot is held.
    private func lead(_ intent: SendIntent, over channel: any MessageChannel) async throws {
        let lead = channel.lead(for: intent)
        if lead.pause > .zero { try await self.wait(lead.pause, for: .pacing) }
        guard lead.typing > .zero else { return }
        try await self.inTrace {
            async let _ = channel.showTyping(for: intent, lasting: lead.typing)
            try await self.wait(lead.typing, for: .pacing)
        }
    }

    private func report(_ intent: SendIntent, after earlier: SendIntent, receivedAt: Timestamp) {
        if intent.state == .sending, earlier.attempts > 0, intent.server != earlier.server {
            self.report(.sendFailedOver(intent, from: earlier.server))
        }
        guard intent.state != earlier.state else { return }
        if earlier.state == .unknown { self.report(.sendReconciled(intent)) }
        switch intent.state {
        case .accepted:
            let elapsed = self.environment.clock.wallTime.elapsed(since: receivedAt)
            self.report(.replyAccepted(intent, elapsed: elapsed))
        case .refused: self.report(.sendRefused(intent))
        case .unknown: self.report(.sendInDoubt(intent))
        case .pending, .sending, .parked, .dropped: break
        }
    }
}

/// Stands for a number that the configuration no longer knows: its replies wait.
private struct UnconfiguredChannel: MessageChannel {
    let id: ChannelID
    var maximumTextLength: Int { 4096 }
    var sendTimeout: Duration { .zero }
    var recordDelay: Duration { .zero }

    func send(_ intent: SendIntent) async -> SendOutcome {
        .unavailable(reason: "channel \(self.id) is not configured")
    }

    func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation {
        .unavailable(reason: "channel \(self.id) is not configured")
    }
}
