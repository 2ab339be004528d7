import CardumeCore

/// Notices in the log that do not wait for their turn.
extension PartitionActor {
    /// Which conversations the journal holds, of those that `entries` say have been released or held. A log that a failover has
    /// set back may have kept the one notice and lost the other: the journal knows what is true.
    func holds(announcedIn entries: [LogEntry]) async throws -> Set<Conversation.ID> {
        var held: Set<Conversation.ID> = []
        for conversation in Set(entries.lazy.filter(\.announcesHold).map(\.message.conversation)).sorted() {
            let snapshot = try await self.environment.untilAvailable {
                try await self.environment.journal.load(conversation, contextMessages: 0)
            }
            if snapshot.isHeld { held.insert(conversation) }
        }
        return held
    }

    /// Obeys the notices among `entries` that do not wait for their turn. Returns the others and the messages.
    ///
    /// - Parameter held: which of the conversations are held.
    func takeNotices(from entries: [LogEntry], held: Set<Conversation.ID> = []) -> [LogEntry] {
        entries.filter { entry in
            let conversation = entry.message.conversation
            switch entry.message.notice {
            case .lift, .park:
                if held.contains(conversation) {
                    self.actor(of: conversation)?.assumeIsolated { $0.park() }
                } else {
                    self.release(conversation)
                }
                self.settle(entry.offset)
                return false
            case .drain(let drain):
                self.drains(conversation, along: drain, at: entry.offset)
                return true
            case .hold, .release, nil:
                return true
            }
        }
    }
}

extension LogEntry {
    fileprivate var announcesHold: Bool {
        switch self.message.notice {
        case .lift, .park: true
        case .hold, .drain, .release, nil: false
        }
    }
}
