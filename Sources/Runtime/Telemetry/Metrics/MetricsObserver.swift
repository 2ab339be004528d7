public import CardumeCore

/// Counts and measures what happens in the runtime.
///
/// Called several times for each message: what every turn brings about is recorded in series that are at hand.
public final class MetricsObserver: RuntimeObserver {
    private let turns: TurnMeters?
    private let registry: MetricsRegistry
    private let outcomes: OutcomeMeters

    /// - Parameter assistants: those that work here.
    public init(_ registry: MetricsRegistry, assistants: [AssistantID]) {
        self.registry = registry
        self.turns = assistants.reversed().reduce(nil) { TurnMeters($1.rawValue, registry, before: $0) }
        self.outcomes = OutcomeMeters(registry)
    }

    public func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        let name = Self.name(assistant)
        switch event {
        case .turnSucceeded, .finished, .messagesMerged, .turnSuperseded, .turnFailed, .replyAccepted:
            if self.turns?.record(event, name) != true { _ = TurnMeters(name, self.registry, before: nil).record(event, name) }
        default: break
        }
        self.outcomes.record(event, name)
    }

    static func name(_ assistant: AssistantID?) -> String { assistant?.rawValue ?? "" }
    static func channel(_ intent: SendIntent) -> String { intent.id.conversation.channel.rawValue }
}

/// What every turn of one assistant brings about, and then those of the others.
///
/// A chain, not a list or a dictionary: looking something up in these counts references to them, for which all cores would
/// write to the same place, once for each event. There are few assistants.
private final class TurnMeters: Sendable {
    private let name: String
    private let next: TurnMeters?
    private let wait: MetricHistogram
    private let succeeded: MetricHistogram
    private let failed: MetricHistogram
    private let superseded: MetricHistogram
    private let replyDelay: MetricHistogram
    private let finished: MetricCounter
    private let merged: MetricCounter

    init(_ name: String, _ registry: MetricsRegistry, before next: TurnMeters?) {
        let turns = registry.histograms("cardume_turn_duration_seconds")
        self.name = name
        self.next = next
        self.wait = registry.histograms("cardume_turn_wait_seconds")[name]
        self.succeeded = turns[name, "succeeded"]
        self.failed = turns[name, "failed"]
        self.superseded = turns[name, "superseded"]
        self.replyDelay = registry.histograms("cardume_reply_delay_seconds")[name]
        self.finished = registry.counters("cardume_messages_finished_total")[name]
        self.merged = registry.counters("cardume_messages_merged_total")[name]
        // There from the start, so that the first is an increase.
        for family in [
            "cardume_conversations_held_total", "cardume_crash_suspects_total", "cardume_conversations_closed_total",
        ] {
            _ = registry.counters(family)[name]
        }
    }

    /// - Returns: whether the assistant is one of these.
    func record(_ event: RuntimeEvent, _ name: String) -> Bool {
        guard self.name == name else { return self.next?.record(event, name) ?? false }
        switch event {
        case .turnSucceeded(let turn, let elapsed):
            self.succeeded.observe(elapsed)
            if let startedAt = turn.startedAt {
                self.wait.observe(startedAt.elapsed(since: turn.messages[0].receivedAt))
            }
        case .finished: self.finished.add()
        case .messagesMerged(let turn): self.merged.add(Double(turn.messages.count - 1))
        case .turnSuperseded(_, let elapsed): self.superseded.observe(elapsed)
        case .turnFailed(_, let elapsed): self.failed.observe(elapsed)
        case .replyAccepted(_, let elapsed): self.replyDelay.observe(elapsed)
        default: break
        }
        return true
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
        case .finished(let message): if let timer = message.timer { self.timers[assistant, timer.rule].add() }
        case .replyAccepted(let intent, _): self.replies[MetricsObserver.channel(intent), "accepted"].add()
        case .turnSucceeded, .turnSuperseded, .turnFailed, .messagesMerged: break
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
