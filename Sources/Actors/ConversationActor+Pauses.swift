import CardumeCore

/// Waits until nobody wants the conversation's assistant or channel to be still. Nothing is held meanwhile, no attempt is used
/// up, and what is journaled leaves no doubt to whoever takes over.
extension ConversationActor {
    private var gates: ChannelGates { self.environment.gates }

    /// Waits for a slot of the assistant, at a time when the channel is not paused. Followed by exactly one release.
    func acquireSlot(_ lane: Lane, _ priority: Priority) async throws {
        while true {
            try await self.passGate()
            try await self.acquire(self.settings.bulkhead, lane, priority)
            // Paused while it waited for the slot, which others can use.
            guard self.gates.pause(of: self.id.channel) != nil else { return }
            self.settings.bulkhead.release(lane)
        }
    }

    /// Waits out pauses before something scarce is taken that a pause must not keep from others.
    func outlastPauses(_ lane: Lane, _ priority: Priority) async throws {
        guard self.settings.bulkhead.isPaused(lane) || self.gates.pause(of: self.id.channel) != nil else { return }
        try await self.acquireSlot(lane, priority)
        self.settings.bulkhead.release(lane)
    }

    /// Waits while the channel is paused.
    func passGate() async throws {
        guard let pause = self.gates.pause(of: self.id.channel) else { return }
        try self.waits(for: Blocker(.paused("channel \(self.id.channel)"), until: pause.until), mayTakeLong: true)
        defer { self.waited() }
        try await self.gates.pass(self.id.channel)
    }

    /// Waits while the channel is paused, before `intent` is begun.
    ///
    /// - Parameter isInherited: whether an earlier owner may have sent it.
    /// - Returns: the intent as it is journaled now.
    func passGate(before intent: SendIntent, isInherited: Bool) async throws -> SendIntent {
        guard self.gates.pause(of: self.id.channel) != nil else { return intent }
        var waiting = intent
        if intent.state == .sending, !isInherited {
            // Journaled with its turn as on its way, which it will not be: an owner who finds it so would ask the gateway, and
            // by some policies never send it.
            (waiting.state, waiting.attempts, waiting.attemptedAt) = (.pending, 0, nil)
            try await self.commit(.send(waiting))
        }
        try await self.passGate()
        return waiting
    }
}
