import Synchronization

/// What the doors said to each message, and how long they took.
final class AnswerList: Sendable {
    private struct State {
        var answers: [WebhookClient.Answer]
        var elapsed = Percentiles()
    }

    private let state: Mutex<State>

    init(count: Int) {
        self.state = Mutex(State(answers: Array(repeating: WebhookClient.Answer(), count: count)))
    }

    /// - Parameter nanoseconds: since the message was due.
    func note(_ index: Int, _ answer: WebhookClient.Answer, after nanoseconds: Int64) {
        self.state.withLock { state in
            state.answers[index] = answer
            state.elapsed.record(nanoseconds: nanoseconds)
        }
    }

    /// By message.
    var all: [WebhookClient.Answer] { self.state.withLock { $0.answers } }

    /// Milliseconds.
    var percentiles: [String: Double] { self.state.withLock { $0.elapsed.milliseconds } }
}
