import CardumeActors
import CardumeCore
import Synchronization

/// Counts finished messages, and tells when all have come.
final class FinishCounter: RuntimeObserver {
    private let expected: Int
    private let counter = Atomic(0)
    private let complaints = Complaints()
    private let end = AsyncStream<Void>.makeStream()

    init(expected: Int) { self.expected = expected }

    var count: Int { self.counter.load(ordering: .relaxed) }
    var troubles: [String] { self.complaints.first }

    /// Returns when all have come.
    func all() async {
        for await _ in self.end.stream { return }
    }

    func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        switch event {
        case .finished:
            if self.counter.add(1, ordering: .relaxed).newValue == self.expected { self.end.continuation.yield() }
        case .storeUnavailable(let error, _): self.complaints.add("\(error)")
        case .ownershipChanged(_, _, let lost, _, _) where lost > 0: self.complaints.add("\(lost) partitions lost")
        case .partitionAbandoned(let partition, let error): self.complaints.add("\(partition) abandoned: \(error)")
        case .deadLettered(let letter): self.complaints.add("\(letter.message.id) became a dead letter: \(letter.failure)")
        default: break
        }
    }
}
