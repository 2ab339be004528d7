import CardumeActors
import CardumeCore
import CardumeTesting
import Synchronization

/// Conversations each of which has a message to answer at every moment: more to do than can be done.
final class Backlog: RuntimeObserver {
    private static let assistant: AssistantID = "suporte"

    let store: MemoryStore
    private let conversations: Int
    private let finished = AsyncStream<ContactID>.makeStream()
    private let counter = Atomic(0)
    private let latencies = Mutex(Percentiles())
    private let complaints = Complaints()

    init(conversations: Int) {
        self.conversations = conversations
        self.store = MemoryStore(partitionCount: 16)
    }

    /// Messages answered so far.
    var count: Int { self.counter.load(ordering: .relaxed) }
    /// What the runtime complained of; the first few.
    var troubles: [String] { self.complaints.first }

    /// Percentiles of the attempts that succeeded since the last call.
    func takeLatencies() -> Percentiles {
        self.latencies.withLock { latencies in
            defer { latencies = Percentiles() }
            return latencies
        }
    }

    /// Returns when the task is cancelled.
    func run() async throws {
        for number in 0..<self.conversations { try await self.append(ContactID("\(number)"), message: 0) }
        var number = 0
        for await contact in self.finished.stream {
            number += 1
            try await self.append(contact, message: number)
        }
    }

    private func append(_ contact: ContactID, message number: Int) async throws {
        let message = InboundMessage(
            id: MessageID("\(contact)-\(number)"), conversation: Conversation.ID(channel: "loja", contact: contact),
            text: "Oi, qual o prazo de entrega do meu pedido?", receivedAt: SystemClock().wallTime,
            replyAddress: contact.rawValue, traceID: "\(contact)-\(number)")
        _ = try await self.store.append([LogAppend(message: message, route: Route(assistant: Self.assistant))])
    }

    func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        switch event {
        case .turnSucceeded(_, let elapsed):
            self.latencies.withLock { $0.record(nanoseconds: elapsed.milliseconds * 1_000_000) }
        case .finished(let message):
            self.counter.add(1, ordering: .relaxed)
            self.finished.continuation.yield(message.conversation.contact)
        case .deadLettered(let letter): self.complaints.add("\(letter.message.id) became a dead letter: \(letter.failure)")
        case .storeUnavailable(let error, _): self.complaints.add("\(error)")
        case .partitionAbandoned(let partition, let error): self.complaints.add("\(partition) abandoned: \(error)")
        default: break
        }
    }
}

/// A gateway that takes everything.
struct OpenChannel: MessageChannel {
    let maximumTextLength = 4096
    let sendTimeout = Duration.seconds(1)
    let recordDelay = Duration.zero

    func send(_ intent: SendIntent) async -> SendOutcome { .accepted(providerID: nil) }
    func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation { .absent }
}
