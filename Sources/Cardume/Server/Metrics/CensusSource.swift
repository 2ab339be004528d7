import CardumeActors
import CardumeCore
import CardumeRuntime

/// What this process owns and has in memory.
struct CensusSource: MetricSource {
    let coordinator: Coordinator
    let clock: @Sendable () -> Timestamp

    func samples() async -> [MetricSample] {
        var samples = [
            MetricSample("cardume_partitions_owned", Double(self.coordinator.ownedCount)),
            MetricSample("cardume_partition_changes_total", ["change": "after_crash"], Double(self.coordinator.takeoverCount)),
        ]
        // Nobody has looked yet.
        if self.coordinator.memberCount > 0 {
            samples.append(MetricSample("cardume_cluster_members", Double(self.coordinator.memberCount)))
        }
        let now = self.clock()
        for (queue, census) in await self.coordinator.dispatcher.census() {
            let labels = ["assistant": queue.assistant.rawValue, "lane": queue.lane.rawValue]
            let age = census.oldest.map { max(0, now.elapsed(since: $0).seconds) } ?? 0
            samples += [
                MetricSample("cardume_oldest_message_seconds", labels, age),
                MetricSample("cardume_read_ahead_messages", labels, Double(census.messages)),
                MetricSample("cardume_read_ahead_credits", labels, Double(census.credits)),
                MetricSample("cardume_conversations_in_memory", labels, Double(census.conversations)),
                MetricSample("cardume_conversations_busy", labels, Double(census.busy)),
            ]
        }
        return samples
    }
}
