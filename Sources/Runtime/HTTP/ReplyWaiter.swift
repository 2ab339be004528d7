public import CardumeCore
import Synchronization

/// Lets a caller of the API wait for the replies to a message.
public final class ReplyWaiter: RuntimeObserver {
    private struct Key: Hashable {
        let conversation: Conversation.ID
        let message: MessageID
    }

    private struct Wait {
        var replies: [String] = []
        var isFinished = false
        var continuation: CheckedContinuation<Void, Never>?
    }

    private struct State {
        var waits: [Key: Wait] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    public init() {}

    public func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        switch event {
        case .replyAccepted(let intent, _):
            let key = Key(conversation: intent.id.conversation, message: intent.id.turn)
            self.state.withLock { $0.waits[key]?.replies.append(intent.text) }
        case .finished(let message):
            let key = Key(conversation: message.conversation, message: message.id)
            let continuation = self.state.withLock { state in
                state.waits[key]?.isFinished = true
                return state.waits[key]?.continuation.take()
            }
            continuation?.resume()
        default:
            break
        }
    }

    /// Runs `append` and, when a reply is to be expected of what it gave, waits until `message` has left the queue or
    /// `limit` has passed.
    ///
    /// - Returns: what `append` gave, the replies so far, and whether those are all.
    func replies<Result>(
        to message: InboundMessage, within limit: Duration, _ append: () async throws -> Result,
        isExpected: (Result) -> Bool
    ) async throws -> (result: Result, replies: [String], isFinished: Bool) {
        let key = Key(conversation: message.conversation, message: message.id)
        self.state.withLock { $0.waits[key] = Wait() }
        defer { self.state.withLock { $0.waits[key] = nil } }
        let result = try await append()
        guard isExpected(result) else { return (result, [], false) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.finish(of: key) }
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
        let wait = self.state.withLock { $0.waits[key] }
        return (result, wait?.replies ?? [], wait?.isFinished ?? false)
    }

    /// Ends all waits, present and future: the process is going down, and a caller that waits would keep it.
    public func close() {
        let waiting = self.state.withLock { state in
            state.isClosed = true
            return state.waits.keys.compactMap { state.waits[$0]?.continuation.take() }
        }
        for continuation in waiting { continuation.resume() }
    }

    private func finish(of key: Key) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = self.state.withLock { state in
                    guard state.waits[key]?.isFinished == false, !state.isClosed, !Task.isCancelled else { return false }
                    state.waits[key]?.continuation = continuation
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waits[key]?.continuation.take() }?.resume()
        }
    }
}
