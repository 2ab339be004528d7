import CardumeCore

/// Waits: for a slot, for a time, for more messages. All of them can be interrupted without losing anything.
extension ConversationActor {
    func acquire(_ bulkhead: Bulkhead, _ lane: Lane, _ priority: Priority) async throws {
        if self.machine.isStopping { throw CancellationError() }
        if bulkhead.acquired(lane) { return }
        try self.waits(for: nil, mayTakeLong: lane != .light || bulkhead.isPaused(lane))
        let wait = SlotWait(bulkhead: bulkhead, lane: lane, ticket: bulkhead.ticket())
        self.slotWait = wait
        defer { self.waited() }
        try await bulkhead.acquire(lane, priority, ticket: wait.ticket)
    }

    func wait(_ delay: Duration, for cause: Blocker.Cause) async throws {
        let until = self.environment.clock.wallTime.advanced(by: delay)
        try self.waits(for: Blocker(cause, until: until), mayTakeLong: cause.mayTakeLong)
        defer { self.waited() }
        self.report(.conversationWaits(cause, delay: delay))
        try await self.environment.clock.sleep(for: delay)
    }

    /// Waits for more messages, until enough have come.
    func gather(for delay: Duration) async throws {
        try self.waits(for: Blocker(.debounce, until: self.environment.clock.wallTime.advanced(by: delay)))
        defer { self.waited() }
        self.report(.conversationWaits(.debounce, delay: delay))
        let clock = self.environment.clock
        let gathering = Task { _ = try? await clock.sleep(for: delay) }
        self.gathering = gathering
        defer { self.gathering = nil }
        await withTaskCancellationHandler {
            await gathering.value
        } onCancel: {
            gathering.cancel()
        }
        try Task.checkCancellation()
    }

    /// What follows, up to ``waited()``, can be interrupted at once without losing anything.
    ///
    /// - Parameter mayTakeLong: whether others are read in place of this conversation meanwhile.
    func waits(for blocker: Blocker?, mayTakeLong: Bool = false) throws {
        if self.machine.isStopping { throw CancellationError() }
        self.phase = .waiting
        self.blocker = blocker
        guard mayTakeLong else { return }
        self.isParked = true
        self.tell { $0.park(self.id, true) }
    }

    func waited() {
        self.phase = .working
        self.blocker = nil
        self.slotWait = nil
        guard self.isParked else { return }
        self.isParked = false
        self.tell { $0.park(self.id, false) }
    }
}
