import CardumeCore
import DequeModule
import Synchronization

/// Answers concurrent callers together: what comes while earlier groups are being worked on becomes the next group.
///
/// A caller's cancellation changes nothing: others are in the same group.
final class GroupedCalls<Input: Sendable, Output: Sendable>: Sendable {
    struct Limits: Sendable {
        /// Bounds how long the last of a group waits for the first.
        var largestGroup = 512
        /// Groups worked on at once.
        var groups = 2
        /// A further group is begun beside others only when it has at least so many: the fewer the groups, the cheaper.
        var worthwhile = 64
    }

    private struct Call: Sendable {
        let input: Input
        let continuation: CheckedContinuation<Output, any Error>
    }

    private struct State {
        var waiting: Deque<Call> = []
        var groups = 0
        /// Conversations in the groups that are being worked on.
        var busy: Set<Conversation.ID> = []
    }

    private let limits: Limits
    private let conversation: @Sendable (Input) -> Conversation.ID?
    private let work: @Sendable ([Input]) async -> [Result<Output, StoreError>]
    private let state = Mutex(State())

    /// - Parameters:
    ///   - conversation: inputs with the same one are worked on one after the other, in the order they came.
    ///   - work: answers a group, in order.
    init(
        limits: Limits = Limits(), conversation: @escaping @Sendable (Input) -> Conversation.ID? = { _ in nil },
        work: @escaping @Sendable ([Input]) async -> [Result<Output, StoreError>]
    ) {
        self.limits = limits
        self.conversation = conversation
        self.work = work
    }

    func callAsFunction(_ input: Input) async throws(StoreError) -> Output {
        do {
            return try await withCheckedThrowingContinuation { continuation in
                let mustStart = self.state.withLock { state in
                    state.waiting.append(Call(input: input, continuation: continuation))
                    guard state.groups == 0 || self.isWorthwhile(state) else { return false }
                    state.groups += 1
                    return true
                }
                // Not a child of the caller's: it answers whoever comes while it works.
                if mustStart { Task { await self.drain() } }
            }
        } catch {
            throw error as? StoreError ?? StoreError(.unavailable, "\(error)")
        }
    }

    private func isWorthwhile(_ state: State) -> Bool {
        state.groups < self.limits.groups && state.waiting.count >= self.limits.worthwhile
    }

    private func drain() async {
        while case let group = self.state.withLock({ self.take(&$0) }), !group.isEmpty {
            let results = await self.work(group.map(\.input))
            self.state.withLock { state in
                for call in group { self.conversation(call.input).map { _ = state.busy.remove($0) } }
            }
            for (call, result) in zip(group, results) { call.continuation.resume(with: result.mapError { $0 as any Error }) }
            // Those just answered often come back at once. Without this, each finds a group begun that the first of them is
            // alone in: with 10 and with 100 callers who do nothing else, 1.4 times as many commits a second.
            await Task.yield()
        }
    }

    /// The next group. Empty, and one group less, when nothing waits that could or should be begun now; a group that is
    /// still being worked on comes back for what is left.
    private func take(_ state: inout State) -> [Call] {
        var group: [Call] = []
        var passedOver: [Call] = []
        let isNeeded = state.groups == 1 || state.waiting.count >= self.limits.worthwhile
        while isNeeded, group.count < self.limits.largestGroup, let call = state.waiting.popFirst() {
            if let conversation = self.conversation(call.input), !state.busy.insert(conversation).inserted {
                passedOver.append(call)
            } else {
                group.append(call)
            }
        }
        state.waiting.prepend(contentsOf: passedOver)
        if group.isEmpty { state.groups -= 1 }
        return group
    }
}
