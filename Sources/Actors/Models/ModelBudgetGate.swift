public import CardumeCore
import Synchronization

/// A budget as the calls of this process meet it. Shared by all that use it: a model's by its assistants, an assistant's by its
/// models.
public final class ModelBudgetGate: Sendable {
    public typealias Reservation = ModelBudget.Reservation
    private typealias Waiter = CheckedContinuation<Reservation, any Error>

    private struct State {
        var machine: ModelBudget
        var waiters: [UInt64: Waiter] = [:]
        var nextCaller: UInt64 = 0

        /// Takes out those who need not wait any longer.
        mutating func answered(_ resumptions: [ModelBudget.Resumption]) -> [(Waiter, ModelBudget.Answer)] {
            resumptions.compactMap { resumption in
                self.waiters.removeValue(forKey: resumption.caller).map { ($0, resumption.answer) }
            }
        }
    }

    /// As people are shown it.
    public let name: String
    private let counter: any BudgetCounter
    private let clock: any RuntimeClock
    private let state: Mutex<State>
    private let wake = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - worker: unlike that of any other process; the same for all budgets of this one.
    ///   - counter: shared by all processes.
    public init(
        name: String, limits: BudgetLimits, worker: String, counter: any BudgetCounter, clock: any RuntimeClock
    ) {
        self.name = name
        self.counter = counter
        self.clock = clock
        self.state = Mutex(State(machine: ModelBudget(worker: worker, limits: limits)))
    }

    public var limits: BudgetLimits { self.state.withLock { $0.machine.limits } }
    /// Calls that wait, here or away.
    public var waiting: Int { self.state.withLock { $0.machine.waiting } }

    /// What this process has used of it since it began.
    public var used: BudgetAmount { self.state.withLock { $0.machine.settled } }

    public func update(_ limits: BudgetLimits) {
        self.state.withLock { $0.machine.update(limits) }
        self.wake.continuation.yield()
    }

    // MARK: One call

    /// Reserves one call. Waits about a second at most. Each return is followed by exactly one ``ended(_:_:)``.
    ///
    /// - Parameters:
    ///   - key: names who calls, so that a place in the queue is found again.
    ///   - keepsPlace: whether to have one.
    /// - Throws: a ``TurnPostponement`` when its time has not come; `CancellationError` when the task is cancelled.
    public func enter(_ key: String, tokens: Int, keepsPlace: Bool) async throws -> Reservation {
        try await self.wait(key, tokens: tokens, keepsPlace: keepsPlace)
    }

    // As in ``Bulkhead``: with the caller's isolation captured, what follows stays on its executor.
    private func wait(
        _ key: String, tokens: Int, keepsPlace: Bool, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Reservation {
        let caller = self.state.withLock { state in
            state.nextCaller += 1
            return state.nextCaller
        }
        return try await withTaskCancellationHandler {
            _ = isolation
            return try await withCheckedThrowingContinuation { (waiter: Waiter) in
                let answer = self.state.withLock { state in
                    let answer = state.machine.requested(
                        key, caller: caller, tokens: tokens, keepsPlace: keepsPlace, at: self.clock.uptime)
                    if answer == .waiting { state.waiters[caller] = waiter }
                    return answer
                }
                // Blocks are taken ahead of the next call, too.
                self.wake.continuation.yield()
                if answer == .waiting {
                    if Task.isCancelled { self.cancel(caller) }
                } else {
                    self.resume(waiter, answer)
                }
            }
        } onCancel: {
            self.cancel(caller)
        }
    }

    public func ended(_ reservation: Reservation, _ end: ModelBudget.End) {
        self.state.withLock { $0.machine.ended(reservation, end, at: self.clock.uptime) }
        self.wake.continuation.yield()
    }

    /// The server refused a call because there were too many.
    public func refused(retryAfter: Duration?) {
        self.state.withLock { $0.machine.refused(retryAfter: retryAfter, at: self.clock.uptime) }
        self.wake.continuation.yield()
    }

    /// The server said what it allows.
    public func learned(_ report: ModelLimitReport) {
        guard !report.isEmpty else { return }
        self.state.withLock { $0.machine.learned(report, at: self.clock.uptime) }
    }

    private func cancel(_ caller: UInt64) {
        let waiter = self.state.withLock { state in
            state.machine.cancelled(caller)
            return state.waiters.removeValue(forKey: caller)
        }
        waiter?.resume(throwing: CancellationError())
    }

    private func resume(_ waiter: Waiter, _ answer: ModelBudget.Answer) {
        switch answer {
        case .granted(let reservation): waiter.resume(returning: reservation)
        case .postponed(let delay): waiter.resume(throwing: TurnPostponement(.budget(self.name), delay: delay))
        case .waiting: preconditionFailure("a caller that waits was answered")
        }
    }

    // MARK: The counter

    /// Asks the counter while calls are made, and sleeps while none are. Called once; ends when the task is cancelled, and those
    /// who wait then are sent away.
    public func run() async {
        for await _ in self.wake.stream {
            while !Task.isCancelled, let pause = self.state.withLock({ $0.machine.nextLease(at: self.clock.uptime) }) {
                if pause > .zero, (try? await self.clock.sleep(for: pause)) == nil { break }
                await self.ask()
            }
        }
        let waiters = self.state.withLock { state in
            defer { state.waiters = [:] }
            for caller in state.waiters.keys { state.machine.cancelled(caller) }
            return Array(state.waiters.values)
        }
        for waiter in waiters { self.resume(waiter, .postponed(ModelBudget.patience)) }
    }

    private func ask() async {
        let start = self.clock.uptime
        let request = self.state.withLock { $0.machine.leaseRequest(at: start) }
        let answered: [(Waiter, ModelBudget.Answer)]
        do {
            let lease = try await self.counter.lease(request, of: self.name)
            answered = self.state.withLock { state in
                state.answered(state.machine.leased(lease, askedAt: start, at: self.clock.uptime))
            }
        } catch {
            answered = self.state.withLock { state in state.answered(state.machine.leaseFailed(at: self.clock.uptime)) }
        }
        for (waiter, answer) in answered { self.resume(waiter, answer) }
    }
}
