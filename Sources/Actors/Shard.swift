/// One serial executor and everything pinned to it. By default there is one per core.
///
/// A partition and its conversations live on the same shard, so a message moves between them without changing threads.
public struct Shard: Sendable {
    public let executor: any SerialExecutor

    public init(executor: any SerialExecutor) {
        self.executor = executor
    }
}
