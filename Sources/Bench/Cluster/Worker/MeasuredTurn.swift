import CardumeActors
import CardumeCore
import NIOCore
import NIOPosix
import Synchronization

/// A turn that says nothing: looks whether its message is the one that is due in its conversation, and waits.
final class MeasuredTurn: TurnHandler {
    /// One for each conversation, so that conversations do not wait for each other.
    private final class Due: Sendable {
        /// Messages of the conversation that have come.
        let count = Atomic(0)
    }

    private let workload: ClusterWorkload
    private let duration: TimeAmount
    private let latency: LatencyLog?
    private let due: [Due]
    private let complaints = Complaints()

    /// - Parameter duration: spent on a timer of the shard's event loop, which is where a model's answer would come from.
    init(_ workload: ClusterWorkload, duration: Duration, latency: LatencyLog?) {
        self.workload = workload
        self.duration = TimeAmount(duration)
        self.latency = latency
        self.due = (0..<workload.conversations).map { _ in Due() }
    }

    func respond(to turn: Turn) async throws -> TurnResult {
        let message = turn.messages[0]
        self.check(message)
        self.latency?.turnBegan(message)
        if self.duration > .zero, let loop = MultiThreadedEventLoopGroup.currentEventLoop {
            try await loop.scheduleTask(in: self.duration) {}.futureResult.get()
        }
        self.latency?.turnEnded(message)
        return TurnResult()
    }

    private func check(_ message: InboundMessage) {
        guard let index = self.workload.index(of: message), index >= 0 else {
            return self.complaints.add("\(message.id) is not of this run")
        }
        let conversation = index % self.workload.conversations
        let expected = self.due[conversation].count.add(1, ordering: .relaxed).oldValue
        guard expected != index / self.workload.conversations else { return }
        self.complaints.add("conversation \(conversation): message \(index / self.workload.conversations) came as \(expected)")
    }

    /// Messages that came out of order or twice, so far; with those missing once `isOver`.
    func violations(isOver: Bool) -> [String] {
        guard isOver else { return self.complaints.first }
        let missing = self.due.indices.filter {
            self.due[$0].count.load(ordering: .relaxed) != self.workload.count(of: $0)
        }
        return self.complaints.first
            + (missing.isEmpty ? [] : ["\(missing.count) conversations did not get exactly their messages"])
    }
}

/// The first few of many.
final class Complaints: Sendable {
    private let texts = Mutex<[String]>([])

    var first: [String] { self.texts.withLock { $0 } }

    func add(_ text: String) {
        self.texts.withLock { if $0.count < 10 { $0.append(text) } }
    }
}
