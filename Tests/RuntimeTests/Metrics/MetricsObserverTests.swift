import TestSupport
import Testing

@testable import CardumeCore
@testable import CardumeRuntime

/// What each event comes to.
@Suite struct MetricsObserverTests {
    private static let suporte = Assistant(id: "suporte")
    private static let received = Timestamp(milliseconds: 1_795_176_000_000)

    private static func message(_ id: String = "M1", timer: String? = nil) -> InboundMessage {
        let firing = timer.map { rule in
            ConversationTimer.Firing(rule: rule, since: Self.received, dueAt: Self.received, contactWroteAt: Self.received)
        }
        return InboundMessage(
            id: MessageID(id), conversation: "loja:5534990000000", text: "oi", receivedAt: Self.received,
            replyAddress: "5534990000000", traceID: "t", details: InboundMessage.Details(timer: firing))
    }

    private static func turn(_ messages: Int = 1, startedAfter wait: Duration? = .milliseconds(40)) -> Turn {
        var turn = Turn(
            assistant: Self.suporte, conversation: "loja:5534990000000",
            messages: (0..<messages).map { Self.message("M\($0)") },
            context: [], attempt: 1)
        turn.startedAt = wait.map { Self.received.advanced(by: $0) }
        return turn
    }

    private static func intent(_ state: SendIntent.State) -> SendIntent {
        SendIntent(
            id: SendIntent.ID(conversation: "loja:5534990000000", turn: "M1", part: 0), replyAddress: "5534990000000",
            text: "olá", traceID: "t", state: state)
    }

    private static func page(_ events: [RuntimeEvent], _ assistant: AssistantID? = "suporte") async -> PrometheusPage {
        let registry = MetricsRegistry()
        let observer = MetricsObserver(registry, assistants: ["suporte"])
        for event in events { observer.record(event, assistant: assistant) }
        return PrometheusPage(await registry.page())
    }

    private static let suporteOnly = ["assistant": "suporte"]

    @Test func turnsAreMeasured() async {
        let page = await Self.page([
            .turnSucceeded(Self.turn(), elapsed: .seconds(2)), .turnSucceeded(Self.turn(startedAfter: nil), elapsed: .zero),
            .turnSuperseded(Self.turn(), elapsed: .seconds(4)),
            .turnFailed(TurnFailure(category: .timeout, message: "", isRetryable: true), elapsed: .seconds(8)),
            .messagesMerged(Self.turn(3)), .finished(Self.message()), .finished(Self.message(timer: "nps")),
        ])
        func seconds(_ outcome: String) -> Double? {
            page.value("cardume_turn_duration_seconds_sum", ["assistant": "suporte", "outcome": outcome])
        }
        #expect(seconds("succeeded") == 2 && seconds("superseded") == 4 && seconds("failed") == 8)
        #expect(page.value("cardume_turn_duration_seconds_count", ["outcome": "succeeded"]) == 2)
        #expect(page.value("cardume_turn_wait_seconds_count", Self.suporteOnly) == 1)
        #expect(page.value("cardume_turn_wait_seconds_sum", Self.suporteOnly) == 0.04)
        #expect(page.value("cardume_turn_wait_seconds_bucket", ["assistant": "suporte", "le": "0.025"]) == 0)
        #expect(page.value("cardume_turn_wait_seconds_bucket", ["assistant": "suporte", "le": "0.1"]) == 1)
        #expect(page.value("cardume_messages_merged_total", Self.suporteOnly) == 2)
        #expect(page.value("cardume_messages_finished_total", Self.suporteOnly) == 2)
        #expect(page.value("cardume_timers_fired_total", ["assistant": "suporte", "rule": "nps"]) == 1)
    }

    @Test func troubleIsCountedByItsSort() async {
        let failure = TurnFailure(category: .rateLimit, message: "", isRetryable: true)
        let letter = DeadLetter(
            message: Self.message(), assistant: "suporte", failure: failure, attempts: 3, at: Self.received,
            holdsConversation: true)
        let page = await Self.page([
            .turnWillRetry(Self.turn(), failure, delay: .seconds(1)), .deadLettered(letter),
            .lateReply(Self.turn(), elapsed: .seconds(60), .drop), .conversationHeld("loja:1"),
            .crashSuspected(Self.message(), marks: 1),
            .conversationWaits(.retry(attempt: 2, of: 3, failure), delay: .milliseconds(1_500)),
            .conversationWaits(.budget("model"), delay: .seconds(3)), .conversationWaits(.budget("model"), delay: .seconds(4)),
            .conversationTransferred("loja:1", to: "vendas"), .conversationClosed("loja:1", lasted: .seconds(90)),
            .conversationClosed("loja:2", lasted: nil), .storeUnavailable(StoreError(.unavailable, ""), delay: .seconds(1)),
            .ownershipChanged(opened: 8, handedBack: 2, lost: 1, owned: 6, members: 2),
            .partitionAbandoned(Partition.ID("suporte", number: 3), StoreError(.fenced, "")),
        ])
        func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
            page.value(name, labels.merging(Self.suporteOnly) { $1 })
        }
        #expect(value("cardume_turn_retries_total", ["category": "rate_limit"]) == 1)
        #expect(value("cardume_dead_letters_total", ["category": "rate_limit"]) == 1)
        #expect(value("cardume_late_replies_total", ["action": "drop"]) == 1)
        #expect(value("cardume_conversations_held_total") == 1)
        #expect(value("cardume_crash_suspects_total") == 1)
        #expect(value("cardume_conversation_waits_total", ["cause": "budget"]) == 2)
        #expect(value("cardume_conversation_wait_seconds_total", ["cause": "budget"]) == 7)
        #expect(value("cardume_conversation_wait_seconds_total", ["cause": "retry"]) == 1.5)
        #expect(value("cardume_conversation_transfers_total", ["to": "vendas"]) == 1)
        #expect(value("cardume_conversations_closed_total") == 2)
        #expect(value("cardume_conversation_resolution_seconds_count") == 1)
        #expect(value("cardume_conversation_resolution_seconds_sum") == 90)
        #expect(value("cardume_partitions_abandoned_total") == 1)
        #expect(page.value("cardume_store_failures_total", ["code": "unavailable"]) == 1)
        for (change, count) in ["opened": 8.0, "handed_back": 2, "lost": 1] {
            #expect(page.value("cardume_partition_changes_total", ["change": change]) == count)
        }
    }

    @Test func sendsAreCountedByTheirEnd() async {
        let page = await Self.page([
            .replyAccepted(Self.intent(.accepted), elapsed: .seconds(3)), .sendRefused(Self.intent(.refused)),
            .sendInDoubt(Self.intent(.unknown)), .sendReconciled(Self.intent(.accepted)),
            .sendReconciled(Self.intent(.sending)), .sendReconciled(Self.intent(.parked)),
            .sendWillRetry(Self.intent(.pending), .pacing, delay: .seconds(1)),
            .sendFailedOver(Self.intent(.sending), from: "a"),
            .breakerChanged(name: "gateway:loja", CircuitBreaker.Change(from: .closed, to: .open, at: .zero)),
            .gatewayChanged("loja", server: nil, problem: "away"),
        ])
        let loja = ["channel": "loja"]
        #expect(page.value("cardume_reply_delay_seconds_sum", Self.suporteOnly) == 3)
        for outcome in ["accepted", "refused", "parked"] {
            #expect(page.value("cardume_replies_total", ["channel": "loja", "outcome": outcome]) == 1, "\(outcome)")
        }
        for outcome in ["found", "resent", "parked"] {
            #expect(page.value("cardume_sends_reconciled_total", ["channel": "loja", "outcome": outcome]) == 1, "\(outcome)")
        }
        #expect(page.value("cardume_sends_in_doubt_total", loja) == 1)
        #expect(page.value("cardume_send_retries_total", ["channel": "loja", "cause": "pacing"]) == 1)
        #expect(page.value("cardume_send_failovers_total", loja) == 1)
        #expect(page.value("cardume_breaker_changes_total", ["breaker": "gateway:loja", "to": "open"]) == 1)
    }

    @Test func anAssistantThatNobodyNamedIsCountedAllTheSame() async {
        let page = await Self.page([.finished(Self.message()), .finished(Self.message())], "outro")
        #expect(page.value("cardume_messages_finished_total", ["assistant": "outro"]) == 2)
        #expect(page.value("cardume_messages_finished_total", Self.suporteOnly) == 0)
    }

    /// The first of something rare is an increase only where it was 0 before.
    @Test func whatIsRareIsThereFromTheStart() async {
        let page = await Self.page([])
        for name in [
            "cardume_conversations_held_total", "cardume_crash_suspects_total", "cardume_messages_finished_total",
            "cardume_conversations_closed_total",
        ] {
            #expect(page.value(name, Self.suporteOnly) == 0, "\(name)")
        }
    }

    @Test func noContactReachesThePage() async {
        let registry = MetricsRegistry()
        let observer = MetricsObserver(registry, assistants: ["suporte"])
        for event in [
            RuntimeEvent.replyAccepted(Self.intent(.accepted), elapsed: .zero), .finished(Self.message()),
            .sendInDoubt(Self.intent(.unknown)), .turnSucceeded(Self.turn(), elapsed: .zero),
        ] {
            observer.record(event, assistant: "suporte")
        }
        #expect(await !registry.page().contains("5534990000000"))
    }
}
