@preconcurrency import Dispatch

/// A serial executor with a thread of its own whenever it has something to do: libpq may block it without harm to others.
///
/// After GRDB's `DispatchQueueActor`. Sendable by itself: its one field never changes, and a queue may be used from anywhere.
final class PostgresThread: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) {
        self.queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(self.queue))
    }
}
