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

    private let waits = Mutex<[Key: Wait]>([:])

    public init() {}

    public func record(_ event: RuntimeEvent) {
        switch event {
        case .replyAccepted(let intent, _):
            let key = Key(conversation: intent.id.conversation, message: intent.id.turn)
            self.waits.withLock { $0[key]?.replies.append(intent.text) }
        case .finished(let message):
            let key = Key(conversation: message.conversation, message: message.id)
            let continuation = self.waits.withLock { waits in
                waits[key]?.isFinished = true
                return waits[key]?.continuation.take()
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
        self.waits.withLock { $0[key] = Wait() }
        defer { self.waits.withLock { $0[key] = nil } }
        let result = try await append()
        guard isExpected(result) else { return (result, [], false) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.finish(of: key) }
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
        let wait = self.waits.withLock { $0[key] }
        return (result, wait?.replies ?? [], wait?.isFinished ?? false)
    }

    private func finish(of key: Key) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = self.waits.withLock { waits in
                    guard waits[key]?.isFinished == false, !Task.isCancelled else { return false }
                    waits[key]?.continuation = continuation
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            self.waits.withLock { $0[key]?.continuation.take() }?.resume()
        }
    }
}
