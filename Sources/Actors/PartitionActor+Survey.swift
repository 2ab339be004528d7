import CardumeCore

extension PartitionActor {
    var reader: ConsumptionWatch.Reader {
        ConsumptionWatch.Reader(fence: self.fence, cursor: self.window.cursor, isWaiting: self.awaitsEntries)
    }

    /// What there is to do, and what keeps it from being done. Looks at each conversation that has something to do.
    func survey() -> QueueReport {
        let limits = self.settings.bulkhead.limits
        var report = QueueReport()
        self.window.forEachShare { id, share in
            let messages = share.inMemory + share.deferred
            report.known += messages
            guard messages > 0 else { return }
            if share.isHeld { return report.exclude(.held, messages: messages) }
            guard let conversation = self.actor(of: id) else { return report.wait(messages: messages, since: nil) }
            switch conversation.assumeIsolated({ $0.standing(limits) }) {
            case .running: report.running += 1
            case .waiting(let since): report.wait(messages: messages, since: since)
            case .excluded(let reason): report.exclude(reason, messages: messages)
            case .finishing: break
            }
        }
        return report
    }
}

extension ConversationActor {
    /// What a conversation with something to do asks for.
    enum Standing: Sendable {
        /// Has a slot.
        case running
        /// Wants one.
        case waiting(since: Timestamp?)
        /// Waits for what no slot would help.
        case excluded(Exclusion)
        /// Sends or journals what a turn has given.
        case finishing
    }

    /// - Parameter limits: the assistant's slots, as they are now.
    func standing(_ limits: SlotLimits) -> Standing {
        if self.isInSlot { return .running }
        if let wait = self.slotWait {
            return limits.isPaused || limits[wait.lane].isPaused ? .excluded(.paused) : self.waiting
        }
        if let blocker = self.blocker { return Exclusion(blocker.cause).map { .excluded($0) } ?? self.waiting }
        if self.storeTrouble != nil { return .excluded(.store) }
        if self.task != nil { return .finishing }
        return self.machine.isHeld ? .excluded(.held) : self.waiting
    }

    private var waiting: Standing { .waiting(since: self.machine.head?.message.receivedAt) }
}
