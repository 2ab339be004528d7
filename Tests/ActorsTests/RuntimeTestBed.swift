import CardumeActors
import CardumeCore
import CardumeTesting
import Dispatch
import NIOPosix
import Synchronization
import Testing

/// A dispatcher over doubles: memory store, scripted handler, recording channel, manual or real clock.
final class RuntimeTestBed: Sendable {
    static let assistant: AssistantID = "suporte"

    let store: MemoryStore
    let channel: RecordingChannel
    let events = EventRecorder()
    let dispatcher: Dispatcher
    let coordinator: Coordinator
    private let clock: any RuntimeClock
    private let group: MultiThreadedEventLoopGroup
    private let running: Mutex<Task<Coordinator.End, Never>?> = Mutex(nil)

    init(
        store: MemoryStore = MemoryStore(), log: (any PartitionLog)? = nil, channel: RecordingChannel = RecordingChannel(),
        assistant: Assistant = Assistant(id: RuntimeTestBed.assistant, retry: RetryPolicy(base: .milliseconds(1))),
        others: [Assistant] = [], lanes: Set<Lane>? = nil, settings: Dispatcher.Settings = Dispatcher.Settings(),
        clock: any RuntimeClock = SystemClock(), route: (any MessageChannel)? = nil, traces: Traces? = nil,
        handler: some TurnHandler
    ) {
        self.store = store
        self.clock = clock
        self.channel = channel
        self.group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        var environment = RuntimeEnvironment(
            log: log ?? store, journal: store, handler: handler, channel: { _ in route ?? channel }, observer: self.events,
            clock: clock)
        environment.traces = traces
        self.dispatcher = Dispatcher(
            assistants: [assistant] + others, lanes: lanes,
            shards: self.group.makeIterator().map { Shard(executor: $0.executor) },
            settings: settings,
            environment: environment)
        self.coordinator = Coordinator(
            member: Member.ID("bed-\(UInt64.random(in: .min ... .max))"), leases: store, dispatcher: self.dispatcher,
            interval: .milliseconds(20))
    }

    /// Runs until all partitions are open.
    func start() async {
        await withCheckedContinuation { ready in
            self.running.withLock { $0 = Task { await self.coordinator.run(onReady: { ready.resume() }) } }
        }
    }

    func stop(within deadline: Duration = .seconds(5)) async -> Bool {
        self.coordinator.shutDown(within: deadline)
        let end = await self.running.withLock { $0 }?.value
        try? await self.group.shutdownGracefully()
        return if case .stopped(isInTime: true) = end { true } else { false }
    }

    /// Keeps a shard's thread from doing anything else until somebody signals.
    func block(shard number: Int) -> DispatchSemaphore {
        let end = DispatchSemaphore(value: 0)
        Array(self.group.makeIterator())[number].execute { end.wait() }
        return end
    }

    /// What came just now, so that it is not too old to be answered.
    func post(_ contact: String, _ texts: [String], kind: MessageKind = .text) async throws {
        let now = self.clock.wallTime
        for text in texts { _ = try await self.store.append([Self.append(contact, text, kind: kind, at: now)]) }
    }

    static func append(
        _ contact: String, _ text: String, kind: MessageKind = .text,
        at receivedAt: Timestamp = SystemClock().wallTime
    ) -> LogAppend {
        LogAppend(
            message: InboundMessage(
                id: MessageID("\(contact)-\(text)"),
                conversation: Conversation.ID(channel: "loja", contact: ContactID(contact)),
                kind: kind, text: text, receivedAt: receivedAt, replyAddress: contact,
                traceID: ""),
            route: Route(assistant: Self.assistant))
    }
}

/// A log in which something happens before each partition is opened.
struct SlowLog: ForwardingLog {
    let log: any PartitionLog
    private let beforeOpen: @Sendable () async -> Void

    init(_ log: MemoryStore, beforeOpen: @escaping @Sendable () async -> Void) {
        self.log = log
        self.beforeOpen = beforeOpen
    }

    func open(_ fence: Fence) async throws(StoreError) -> LogOpening {
        await self.beforeOpen()
        return try await self.log.open(fence)
    }
}

/// Answers by a closure.
struct ScriptedHandler: TurnHandler {
    let answer: @Sendable (Turn) async throws -> String?

    init(_ answer: @escaping @Sendable (Turn) async throws -> String? = { "re: \($0.messages[0].text ?? "")" }) {
        self.answer = answer
    }

    /// Answers, but for turns with a message that says "poison": those fail for good.
    static func refusingPoison(
        answer: @escaping @Sendable (Turn) -> String? = { "re: \($0.messages[0].text ?? "")" }
    ) -> ScriptedHandler {
        ScriptedHandler { turn in
            guard !turn.messages.contains(where: { $0.text == "poison" }) else {
                throw TurnFailure(category: .other, message: "no", isRetryable: false)
            }
            return answer(turn)
        }
    }

    func respond(to turn: Turn) async throws -> TurnResult {
        TurnResult(replies: try await self.answer(turn).map { [Reply(text: $0)] } ?? [])
    }
}

/// Remembers what was sent, and answers as it was told.
final class RecordingChannel: MessageChannel {
    private struct State {
        var sent: [(contact: String, text: String)] = []
        var reconciliations = 0
        var outcome: @Sendable (SendIntent, Int) -> (isSent: Bool, SendOutcome)
        var requests = 0
        var answer: Reconciliation?
    }

    private let state: Mutex<State>

    /// - Parameter outcome: from the intent and the number of the request (from 1): whether it leaves, and what is said.
    init(
        outcome: @escaping @Sendable (SendIntent, Int) -> (isSent: Bool, SendOutcome) = { intent, _ in
            (true, .accepted(providerID: "\(intent.id)"))
        }
    ) {
        self.state = Mutex(State(outcome: outcome))
    }

    var maximumTextLength: Int { 4096 }
    var sendTimeout: Duration { .zero }
    var recordDelay: Duration { .zero }

    var sent: [(contact: String, text: String)] { self.state.withLock { $0.sent } }
    var requests: Int { self.state.withLock { $0.requests } }
    var reconciliations: Int { self.state.withLock { $0.reconciliations } }

    func texts(to contact: String) -> [String] { self.sent.filter { $0.contact == contact }.map(\.text) }

    /// What went out through another channel.
    func remember(_ contact: String, _ text: String) { self.state.withLock { $0.sent.append((contact, text)) } }

    func send(_ intent: SendIntent) async -> SendOutcome {
        self.state.withLock { state in
            state.requests += 1
            let (isSent, outcome) = state.outcome(intent, state.requests)
            if isSent { state.sent.append((intent.replyAddress, intent.text)) }
            return outcome
        }
    }

    /// Truthful: what left is found.
    func reconcile(_ intent: SendIntent, known: Set<String>) async -> Reconciliation {
        self.state.withLock { state in
            state.reconciliations += 1
            let wasSent = state.sent.contains { $0.contact == intent.replyAddress && $0.text == intent.text }
            return wasSent ? .found(providerID: "found") : .absent
        }
    }
}

/// Lets tests wait for events.
final class EventRecorder: RuntimeObserver {
    private struct State {
        var events: [RuntimeEvent] = []
        var finished = 0
        var waiters: [(isMet: @Sendable ([RuntimeEvent]) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var all: [RuntimeEvent] { self.state.withLock { $0.events } }

    func record(_ event: RuntimeEvent, assistant: AssistantID?) {
        let met = self.state.withLock { state in
            state.events.append(event)
            let events = state.events
            let met = state.waiters.filter { $0.isMet(events) }
            state.waiters.removeAll { $0.isMet(events) }
            return met
        }
        for waiter in met { waiter.continuation.resume() }
    }

    /// Returns once the events so far meet `condition`.
    func wait(until condition: @escaping @Sendable ([RuntimeEvent]) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isMet = self.state.withLock { state in
                if condition(state.events) { return true }
                state.waiters.append((condition, continuation))
                return false
            }
            if isMet { continuation.resume() }
        }
    }

    func finished(_ count: Int) async {
        await self.wait { $0.count { if case .finished = $0 { true } else { false } } >= count }
    }
}

/// A door that stays shut until a test opens it.
final class Gate: Sendable {
    private let state = Mutex((isOpen: false, arrived: 0, waiters: [CheckedContinuation<Void, Never>]()))
    private let arrivals = AsyncStream<Void>.makeStream()

    func pass() async {
        self.arrivals.continuation.yield()
        await withCheckedContinuation { continuation in
            let isOpen = self.state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    /// Returns when somebody stands at the door. One caller.
    func arrival() async {
        for await _ in self.arrivals.stream { return }
    }

    func open() {
        let waiters = self.state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
