public import CardumeCore

/// Counts and measures what happens in the runtime.
///
/// Called several times for each message: what every turn brings about is recorded in series that are at hand.
public struct MetricsObserver: RuntimeObserver {
    private let assistants: [AssistantMeters]
    private let registry: MetricsRegistry
    private let outcomes: OutcomeMeters

    /// - Parameter assistants: those that work here.
    public init(_ registry: MetricsRegistry, assistants: [AssistantID]) {
        self.registry = registry
        self.assistants = assistants.map { AssistantMeters($0, registry) }
        self.outcomes = OutcomeMeters(registry)
    }

    public func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        switch event {
        case .turnSucceeded(let turn, let elapsed):
            let meters = self.meters(of: assistant)
            meters.succeeded.observe(elapsed)
            if let startedAt = turn.startedAt {
                meters.wait.observe(startedAt.elapsed(since: turn.messages[0].receivedAt))
            }
        case .finished(let message):
            self.meters(of: assistant).finished.add()
            if let timer = message.timer { self.outcomes.timers[Self.name(assistant), timer.rule].add() }
        case .messagesMerged(let turn):
            self.meters(of: assistant).merged.add(Double(turn.messages.count - 1))
        case .turnSuperseded(_, let elapsed):
            self.meters(of: assistant).superseded.observe(elapsed)
        case .turnFailed(_, let elapsed):
            self.meters(of: assistant).failed.observe(elapsed)
        case .replyAccepted(let intent, let elapsed):
            self.meters(of: assistant).replyDelay.observe(elapsed)
            self.outcomes.replies[Self.channel(intent), "accepted"].add()
        default:
            self.outcomes.record(event, Self.name(assistant))
        }
    }

    private func meters(of assistant: AssistantID?) -> AssistantMeters {
        // Few: comparing their names is quicker than a dictionary.
        for meters in self.assistants where meters.id == assistant { return meters }
        return AssistantMeters(assistant ?? "", self.registry)
    }

    static func name(_ assistant: AssistantID?) -> String { assistant?.rawValue ?? "" }
    static func channel(_ intent: SendIntent) -> String { intent.id.conversation.channel.rawValue }
}

/// What every turn of one assistant brings about.
private final class AssistantMeters: Sendable {
    let id: AssistantID
    let wait: MetricHistogram
    let succeeded: MetricHistogram
    let failed: MetricHistogram
    let superseded: MetricHistogram
    let replyDelay: MetricHistogram
    let finished: MetricCounter
    let merged: MetricCounter

    init(_ id: AssistantID, _ registry: MetricsRegistry) {
        let (name, turns) = (id.rawValue, registry.histograms("cardume_turn_duration_seconds"))
        self.id = id
        self.wait = registry.histograms("cardume_turn_wait_seconds")[name]
        self.succeeded = turns[name, "succeeded"]
        self.failed = turns[name, "failed"]
        self.superseded = turns[name, "superseded"]
        self.replyDelay = registry.histograms("cardume_reply_delay_seconds")[name]
        self.finished = registry.counters("cardume_messages_finished_total")[name]
        self.merged = registry.counters("cardume_messages_merged_total")[name]
        // There from the start, so that the first is an increase.
        for name in ["cardume_conversations_held_total", "cardume_crash_suspects_total", "cardume_conversations_closed_total"] {
            _ = registry.counters(name)[id.rawValue]
        }
    }
}

/// What seldom happens.
private struct OutcomeMeters: Sendable {
    let retries, letters, late, held, suspects, waits, waitSeconds: MetricVector<MetricCounter>
    let replies, doubts, reconciled, sendRetries, failovers, breakers: MetricVector<MetricCounter>
    let failures, partitions, readerRestarts, abandoned, transfers, timers, closed: MetricVector<MetricCounter>
    let resolution: MetricVector<MetricHistogram>

    init(_ registry: MetricsRegistry) {
        self.retries = registry.counters("cardume_turn_retries_total")
        self.letters = registry.counters("cardume_dead_letters_total")
        self.late = registry.counters("cardume_late_replies_total")
        self.held = registry.counters("cardume_conversations_held_total")
        self.suspects = registry.counters("cardume_crash_suspects_total")
        self.waits = registry.counters("cardume_conversation_waits_total")
        self.waitSeconds = registry.counters("cardume_conversation_wait_seconds_total")
        self.replies = registry.counters("cardume_replies_total")
        self.doubts = registry.counters("cardume_sends_in_doubt_total")
        self.reconciled = registry.counters("cardume_sends_reconciled_total")
        self.sendRetries = registry.counters("cardume_send_retries_total")
        self.failovers = registry.counters("cardume_send_failovers_total")
        self.breakers = registry.counters("cardume_breaker_changes_total")
        self.failures = registry.counters("cardume_store_failures_total")
        self.partitions = registry.counters("cardume_partition_changes_total")
        self.readerRestarts = registry.counters("cardume_reader_restarts_total")
        self.abandoned = registry.counters("cardume_partitions_abandoned_total")
        self.transfers = registry.counters("cardume_conversation_transfers_total")
        self.timers = registry.counters("cardume_timers_fired_total")
        self.closed = registry.counters("cardume_conversations_closed_total")
        self.resolution = registry.histograms("cardume_conversation_resolution_seconds")
    }

    func record(_ event: RuntimeEvent, _ assistant: String) {
        switch event {
        case .turnWillRetry(_, let failure, _): self.retries[assistant, failure.category.rawValue].add()
        case .deadLettered(let letter): self.letters[assistant, letter.failure.category.rawValue].add()
        case .lateReply(_, _, let action): self.late[assistant, action.rawValue].add()
        case .conversationHeld: self.held[assistant].add()
        case .crashSuspected: self.suspects[assistant].add()
        case .conversationWaits(let cause, let delay):
            self.waits[assistant, cause.kind.rawValue].add()
            self.waitSeconds[assistant, cause.kind.rawValue].add(delay.seconds)
        case .conversationTransferred(_, let queue): self.transfers[assistant, queue.rawValue].add()
        case .conversationClosed(_, let lasted):
            self.closed[assistant].add()
            if let lasted { self.resolution[assistant].observe(lasted) }
        case .sendInDoubt(let intent): self.doubts[MetricsObserver.channel(intent)].add()
        case .sendWillRetry(let intent, let cause, _):
            self.sendRetries[MetricsObserver.channel(intent), cause.kind.rawValue].add()
        case .sendFailedOver(let intent, _): self.failovers[MetricsObserver.channel(intent)].add()
        case .sendRefused(let intent): self.replies[MetricsObserver.channel(intent), "refused"].add()
        case .sendReconciled(let intent): self.reconciled(intent)
        case .breakerChanged(let name, let change): self.breakers[name, change.to.rawValue].add()
        case .storeUnavailable(let error, _): self.failures[error.code.description].add()
        case .readerRestarted: self.readerRestarts[assistant].add()
        case .partitionAbandoned: self.abandoned[assistant].add()
        case .ownershipChanged(let opened, let handedBack, let lost, _, _):
            self.partitions["opened"].add(Double(opened))
            self.partitions["handed_back"].add(Double(handedBack))
            self.partitions["lost"].add(Double(lost))
        // The gateway's state is asked for at each scrape.
        case .gatewayChanged: break
        case .turnSucceeded, .turnSuperseded, .turnFailed, .messagesMerged, .finished, .replyAccepted:
            preconditionFailure("recorded by the observer")
        }
    }

    private func reconciled(_ intent: SendIntent) {
        let channel = MetricsObserver.channel(intent)
        switch intent.state {
        case .accepted: self.reconciled[channel, "found"].add()
        case .parked:
            self.reconciled[channel, "parked"].add()
            self.replies[channel, "parked"].add()
        default: self.reconciled[channel, "resent"].add()
        }
    }
}
