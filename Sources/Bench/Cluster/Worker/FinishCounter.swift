import CardumeActors
import CardumeCore
import Synchronization

/// Counts finished messages, and tells when all have come.
final class FinishCounter: RuntimeObserver {
    private let expected: Int
    /// How many must have come for half of them, for 95 % and for 99 %.
    private let half, most, nearly: Int
    private let reached = Mutex<[String: ContinuousClock.Instant]>([:])
    private let counter = Atomic(0)
    private let complaints = Complaints()
    private let repetitions = Atomic(0)
    private let unavailable = Complaints()
    private let end = AsyncStream<Void>.makeStream()

    init(expected: Int) {
        self.expected = expected
        (self.half, self.most, self.nearly) = ((expected + 1) / 2, (expected * 95 + 99) / 100, (expected * 99 + 99) / 100)
    }

    var count: Int { self.counter.load(ordering: .relaxed) }
    /// Milliseconds after which so many had come, by percentile.
    func milestones(since begin: ContinuousClock.Instant) -> [String: Double] {
        self.reached.withLock { $0.mapValues { (begin.duration(to: $0)).seconds * 1_000 } }
    }

    var troubles: [String] { self.complaints.first }
    /// Calls to Redis and PostgreSQL that failed and were repeated.
    var repeatedCalls: (count: Int, first: [String]) {
        (self.repetitions.load(ordering: .relaxed), self.unavailable.first)
    }

    /// Returns when all have come.
    func all() async {
        for await _ in self.end.stream { return }
    }

    func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        switch event {
        case .finished:
            let count = self.counter.add(1, ordering: .relaxed).newValue
            if count == self.half { self.reach("p50") }
            if count == self.most { self.reach("p95") }
            if count == self.nearly { self.reach("p99") }
            if count == self.expected { self.end.continuation.yield() }
        case .storeUnavailable(let error, _):
            self.repetitions.add(1, ordering: .relaxed)
            self.unavailable.add("\(error)")
        case .ownershipChanged(_, _, let lost, _, _) where lost > 0: self.complaints.add("\(lost) partitions lost")
        case .partitionAbandoned(let partition, let error): self.complaints.add("\(partition) abandoned: \(error)")
        case .deadLettered(let letter): self.complaints.add("\(letter.message.id) became a dead letter: \(letter.failure)")
        default: break
        }
    }

    private func reach(_ name: String) {
        self.reached.withLock { $0[name] = .now }
    }
}
