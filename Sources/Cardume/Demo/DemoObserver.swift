import CardumeCore
import Histogram
import Synchronization

/// Counts what the demo shows.
final class DemoObserver: RuntimeObserver {
    struct Counts: Sendable {
        var answered: [AssistantID: Int] = [:]
        var retries = 0
        var inDoubt = 0
        var reconciled = 0
        var deadLetters = 0
        var finished = 0
        var replies = 0
        /// Webhook to reply, in milliseconds.
        var latency = Histogram<UInt64>(highestTrackableValue: 600_000, numberOfSignificantValueDigits: .three)
    }

    private let counts = Mutex(Counts())

    var snapshot: Counts { self.counts.withLock { $0 } }

    func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        self.counts.withLock { counts in
            switch event {
            case .turnSucceeded(let turn, _): counts.answered[turn.assistant.id, default: 0] += 1
            case .turnWillRetry, .sendWillRetry: counts.retries += 1
            case .sendInDoubt: counts.inDoubt += 1
            case .sendReconciled: counts.reconciled += 1
            case .deadLettered: counts.deadLetters += 1
            case .finished: counts.finished += 1
            case .replyAccepted(_, let elapsed):
                counts.replies += 1
                counts.latency.record(UInt64(max(0, elapsed.milliseconds)))
            default: break
            }
        }
    }
}
