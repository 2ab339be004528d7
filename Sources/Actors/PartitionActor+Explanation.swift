public import CardumeCore

extension PartitionActor {
    /// What a conversation of this partition does at the moment, as far as its owner knows.
    func explain(_ conversation: Conversation.ID) -> ConversationExplanation {
        let share = self.window.share(of: conversation)
        var explanation = ConversationExplanation(
            conversation, queue: self.id.queue, messages: share.inMemory + share.deferred,
            isHeld: share.isHeld ? true : nil)
        self.actor(of: conversation)?.assumeIsolated { $0.explain(&explanation) }
        guard explanation.state == .idle else { return explanation }
        let obstacle: Obstacle? =
            if share.isHeld { .held } else if share.awaitsArrival { .transfer } else if self.isStopping {
                .ownerChanging(nil)
            } else if share.deferred > 0 { .backlog } else { nil }
        if let obstacle { (explanation.state, explanation.obstacle) = (.waiting, obstacle) }
        return explanation
    }
}

extension Dispatcher {
    /// What conversations of this name do in the partitions that are open here: one answer for each queue, those that have
    /// nothing of it included.
    public func explain(_ conversation: Conversation.ID) async -> [QueueID: ConversationExplanation] {
        let number = conversation.partitionNumber(of: self.environment.log.partitionCount)
        var explanations: [QueueID: ConversationExplanation] = [:]
        for partition in self.open where partition.id.number == number {
            explanations[partition.id.queue] = await partition.explain(conversation)
        }
        return explanations
    }
}
