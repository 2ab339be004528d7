/// The course of one command through a cluster, from its first error on: where to send it next, and for how long.
struct RedisRedirects {
    enum Step: Hashable {
        /// The slot is served by `node` from now on.
        case moved(RedisSlot, to: RedisNode)
        /// This once, after `ASKING`.
        case ask(RedisNode)
        /// To the same node again after this time.
        case wait(Duration)
        case fail
    }

    /// Redirections in all.
    private static let most = 8
    private static let shortestWait: Duration = .milliseconds(10)
    private static let longestWait: Duration = .milliseconds(200)

    private let patience: Duration
    private var redirections = 0
    private var waits = 0

    /// - Parameter patience: how long a command whose keys are in the middle of a move is tried.
    init(patience: Duration) {
        self.patience = patience
    }

    /// - Parameters:
    ///   - asked: the node that gave the error.
    ///   - elapsed: since the command was first sent.
    mutating func failed(_ error: RedisError, from asked: RedisNode, after elapsed: Duration) -> Step {
        if error.code == .tryAgain {
            guard elapsed < self.patience else { return .fail }
            self.waits += 1
            return .wait(min(Self.shortestWait * (1 << min(self.waits - 1, 10)), Self.longestWait))
        }
        guard let (slot, node) = error.redirection(from: asked) else { return .fail }
        self.redirections += 1
        guard self.redirections <= Self.most else { return .fail }
        return error.code == .moved ? .moved(slot, to: node) : .ask(node)
    }
}
