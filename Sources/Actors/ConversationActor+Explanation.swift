import CardumeCore

/// Where a conversation stands in the line for a slot.
struct SlotWait {
    let bulkhead: Bulkhead
    let lane: Lane
    let ticket: UInt64
}

/// What the conversation does at the moment, for people who ask.
extension ConversationActor {
    /// What it waits for; `nil` while something runs or nothing is to be done.
    private var obstacle: Obstacle? {
        let now = self.environment.clock.wallTime
        if let wait = self.slotWait { return Obstacle(self.blocker(of: wait), at: now) }
        if let blocker = self.blocker { return Obstacle(blocker, at: now) }
        if let trouble = self.storeTrouble { return .unanswered(trouble) }
        return self.machine.isHeld && self.task == nil ? .held : nil
    }

    /// With a pause that began after the wait did.
    private func blocker(of wait: SlotWait) -> Blocker {
        let assistant = self.settings.assistant
        let ahead = wait.bulkhead.ahead(of: wait.ticket, wait.lane) ?? 0
        if wait.bulkhead === self.settings.suspects {
            return Blocker(.slot(ahead: ahead, of: "messages that may have stopped a process"))
        }
        let limits = wait.bulkhead.limits
        if limits.isPaused { return Blocker(.paused("assistant \(assistant.id)"), until: assistant.pause?.until) }
        if limits[wait.lane].isPaused { return Blocker(.paused("lane \(wait.lane.rawValue) of assistant \(assistant.id)")) }
        return Blocker(.slot(ahead: ahead, of: "\(assistant.id)'s \(wait.lane.rawValue) lane"))
    }

    func explain(_ explanation: inout ConversationExplanation) {
        if let obstacle = self.obstacle {
            (explanation.state, explanation.obstacle) = (.waiting, obstacle)
        } else if self.task != nil {
            (explanation.state, explanation.run) = (.running, self.run)
        }
    }
}
