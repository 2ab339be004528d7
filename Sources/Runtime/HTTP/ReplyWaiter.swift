public import CardumeCore
import Synchronization

/// Lets a caller of the API wait for the replies to a message.
public final class ReplyWaiter: RuntimeObserver {
    private struct Key: Hashable {
        let conversation: Conversation.ID
        let message: MessageID
    }

    private struct Wait {
        let key: Key
        /// Whose replies are the message's: its own turn, or the one that answers it together with others.
        var turn: Turn.ID
        var replies: [String] = []
        var end: End?
        var continuation: CheckedContinuation<Void, Never>?
    }

    /// How a message left the queue.
    enum End {
        case answered
        case failed
    }

    private struct State {
        var nextID: UInt64 = 0
        /// Several callers may wait for the same message.
        var waits: [UInt64: Wait] = [:]
        var isClosed = false

        /// Changes waits of one conversation; returns whom to wake.
        mutating func update(
            _ conversation: Conversation.ID, where isMeant: (Wait) -> Bool, _ change: (inout Wait) -> Void
        ) -> [CheckedContinuation<Void, Never>] {
            guard !self.waits.isEmpty else { return [] }
            var woken: [CheckedContinuation<Void, Never>] = []
            for (id, var wait) in self.waits where wait.key.conversation == conversation && isMeant(wait) {
                change(&wait)
                if wait.end != nil, let continuation = wait.continuation.take() { woken.append(continuation) }
                self.waits[id] = wait
            }
            return woken
        }
    }

    private static let pollInterval: Duration = .milliseconds(100)

    private let state = Mutex(State())
    private let journal: (any Journal)?

    /// - Parameter journal: asked ten times a second for each caller, where another process may answer. Defaults to `nil`:
    ///   all that happens is observed here.
    public init(journal: (any Journal)? = nil) {
        self.journal = journal
    }

    public func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        let woken: [CheckedContinuation<Void, Never>]
        switch event {
        case .messagesMerged(let turn):
            woken = self.state.withLock { state in
                state.update(turn.conversation, where: { wait in turn.messages.contains { $0.id == wait.key.message } }) {
                    $0.turn = turn.id
                }
            }
        case .replyAccepted(let intent, _):
            woken = self.state.withLock { state in
                state.update(intent.id.conversation, where: { $0.turn == intent.id.turn }) { $0.replies.append(intent.text) }
            }
        case .deadLettered(let letter):
            let id = letter.message.id
            woken = self.state.withLock { state in
                state.update(letter.message.conversation, where: { $0.turn == id || $0.key.message == id }) {
                    $0.end = .failed
                }
            }
        case .finished(let message):
            woken = self.state.withLock { state in
                state.update(message.conversation, where: { $0.key.message == message.id }) { $0.end = $0.end ?? .answered }
            }
        default:
            woken = []
        }
        for continuation in woken { continuation.resume() }
    }

    /// Runs `append` and, when a reply is to be expected of what it gave, waits until `message` has left the queue or
    /// `limit` has passed.
    ///
    /// - Returns: what `append` gave, the replies so far, and how the message ended, if it has.
    func replies<Result>(
        to message: InboundMessage, within limit: Duration, _ append: () async throws -> Result,
        isExpected: (Result) -> Bool
    ) async throws -> (result: Result, replies: [String], end: End?) {
        let key = Key(conversation: message.conversation, message: message.id)
        let id = self.state.withLock { state in
            state.nextID += 1
            state.waits[state.nextID] = Wait(key: key, turn: key.message)
            return state.nextID
        }
        defer { self.state.withLock { $0.waits[id] = nil } }
        let result = try await append()
        guard isExpected(result) else { return (result, [], nil) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.end(of: id) }
            group.addTask { try? await Task.sleep(for: limit) }
            if let journal = self.journal { group.addTask { await self.poll(journal, for: message, id) } }
            await group.next()
            group.cancelAll()
        }
        let wait = self.state.withLock { $0.waits[id] }
        return (result, wait?.replies ?? [], wait?.end)
    }

    /// Returns when the journal says that `message` has come to its end.
    private func poll(_ journal: any Journal, for message: InboundMessage, _ id: UInt64) async {
        var entry = LogEntry(offset: .start, message: message)
        while (try? await Task.sleep(for: Self.pollInterval)) != nil {
            // What cannot be asked now is asked again.
            guard let standing = try? await journal.standing(of: [entry])[.start] else { continue }
            switch standing {
            case .marked: continue
            case .merged(let turn):
                var first = message
                first.id = turn
                entry = LogEntry(offset: .start, message: first)
                continue
            case .deadLetter: self.state.withLock { $0.waits[id]?.end = .failed }
            case .committed(let intents, _):
                guard intents.allSatisfy(\.state.isFinal) else { continue }
                self.state.withLock { state in
                    guard state.waits[id]?.end == nil else { return }
                    let accepted = intents.filter { $0.state == .accepted }
                    state.waits[id]?.replies = accepted.map(\.text)
                    let isAnswered = intents.allSatisfy { $0.state == .accepted || $0.state == .dropped }
                    state.waits[id]?.end = isAnswered ? .answered : .failed
                }
            }
            return
        }
    }

    /// Ends all waits, present and future: the process is going down, and a caller that waits would keep it.
    public func close() {
        let waiting = self.state.withLock { state in
            state.isClosed = true
            return state.waits.keys.compactMap { state.waits[$0]?.continuation.take() }
        }
        for continuation in waiting { continuation.resume() }
    }

    private func end(of id: UInt64) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = self.state.withLock { state in
                    guard let wait = state.waits[id], wait.end == nil, !state.isClosed, !Task.isCancelled else { return false }
                    state.waits[id]?.continuation = continuation
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waits[id]?.continuation.take() }?.resume()
        }
    }
}
