import CardumeCore
import CardumeTesting

/// Workers that share a budget, in virtual time: callers that always want to call, a counter some milliseconds away, and a
/// model server that enforces limits of its own.
struct BudgetFleet {
    struct Settings {
        var workers = 6
        var callersPerWorker = 100
        var limits = ModelRateLimiter.Limits(requests: 600, tokens: 60_000)
        var window = ModelRateLimiter.Window.sliding
        /// Tokens that calls really use.
        var tokens = 40...160
        /// How far the estimate is from that: times this.
        var estimate = 0.8...1.3
        /// Milliseconds: to the server, and until it has answered.
        var flight = 1...350
        var latency = 200...1_500
        /// The safeguard: whether the workers share one counter.
        var sharesCounter = true
        /// Milliseconds between calls of one caller.
        var pause = 0...0
    }

    private enum Event {
        case poll(Int)
        case leaseArrives(Int, BudgetLeaseRequest, asked: Int64)
        case leaseAnswered(Int, BudgetLease, asked: Int64)
        case wants(Int)
        case arrives(Int, ModelBudget.Reservation, tokens: Int)
        case ends(Int, ModelBudget.Reservation, ModelBudget.End, retryAfter: Int64?)
    }

    private struct Scheduled {
        var at: Int64
        var order: Int
        var event: Event
    }

    let settings: Settings
    private(set) var machines: [ModelBudget]
    private(set) var ledgers: [BudgetLedger]
    private var server: ModelRateLimiter
    private var generator: SeededGenerator
    /// A binary heap.
    private var events: [Scheduled] = []
    private var order = 0
    private var isPolling: Set<Int> = []
    private var wants: [Int: Int] = [:]
    private(set) var now: Int64 = 0

    /// Since ``forget()``.
    private(set) var admitted = BudgetAmount.zero
    private(set) var refused = 0
    private(set) var began: Int64 = 0
    /// When calls arrived at the server that it did not refuse, with their tokens.
    private(set) var arrivals: [(at: Int64, tokens: Int)] = []
    /// Which caller was served when, by worker.
    private(set) var served: [Int] = []
    private(set) var longestPostponement: Duration = .zero
    private(set) var postponements = 0
    var counterIsAway = false

    init(_ settings: Settings, seed: UInt64) {
        self.settings = settings
        self.generator = SeededGenerator(seed: seed)
        let limits = BudgetLimits(requests: settings.limits.requests, tokens: settings.limits.tokens)
        self.machines = (0..<settings.workers).map { ModelBudget(worker: "w\($0)", limits: limits) }
        self.ledgers = Array(repeating: BudgetLedger(), count: settings.sharesCounter ? 1 : settings.workers)
        self.server = ModelRateLimiter(settings.limits, window: settings.window)
        self.now = Int64.random(in: 0..<60_000, using: &self.generator)
        for caller in 0..<(settings.workers * settings.callersPerWorker) {
            self.schedule(.wants(caller), in: Int64(self.draw(0...200)))
        }
    }

    mutating func forget() {
        (self.admitted, self.refused, self.began) = (.zero, 0, self.now)
        self.served = []
    }

    /// Of what the server allows, how much was used since ``forget()``: of requests or of tokens, whichever is more.
    var use: Double {
        let minutes = Double(self.now - self.began) / 60_000
        return max(
            Double(self.admitted.requests) / Double(self.settings.limits.requests) / minutes,
            Double(self.admitted.tokens) / Double(self.settings.limits.tokens) / minutes)
    }

    var refusedShare: Double { Double(self.refused) / Double(max(1, self.refused + self.admitted.requests)) }

    mutating func run(for duration: Duration) {
        let end = self.now + duration.milliseconds
        while let next = self.events.first, next.at <= end {
            self.pop()
            self.now = next.at
            self.handle(next.event)
        }
        self.now = end
    }

    private var time: Duration { .milliseconds(self.now) }

    private mutating func draw(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &self.generator) }

    private func worker(of caller: Int) -> Int { caller % self.settings.workers }

    private mutating func handle(_ event: Event) {
        switch event {
        case .wants(let caller):
            let worker = self.worker(of: caller)
            // The same call asks again with the same needs.
            let tokens = self.wants[caller] ?? self.draw(self.settings.tokens)
            self.wants[caller] = tokens
            let estimate = max(1, Int(Double(tokens) * .random(in: self.settings.estimate, using: &self.generator)))
            let answer = self.machines[worker].requested(
                "c\(caller)", caller: UInt64(caller), tokens: estimate, keepsPlace: true, at: self.time)
            self.answer(caller, answer)
            self.wake(worker)
        case .poll(let worker):
            self.isPolling.remove(worker)
            let request = self.machines[worker].leaseRequest(at: self.time)
            self.schedule(.leaseArrives(worker, request, asked: self.now), in: Int64(self.draw(1...6)))
        case .leaseArrives(let worker, let request, let asked):
            guard !self.counterIsAway else {
                let resumed = self.machines[worker].leaseFailed(at: self.time)
                for resumption in resumed { self.answer(Int(resumption.caller), resumption.answer) }
                return self.wake(worker)
            }
            let lease = self.ledgers[self.settings.sharesCounter ? 0 : worker].lease(request, at: self.now)
            self.schedule(.leaseAnswered(worker, lease, asked: asked), in: Int64(self.draw(1...6)))
        case .leaseAnswered(let worker, let lease, let asked):
            let resumed = self.machines[worker].leased(lease, askedAt: .milliseconds(asked), at: self.time)
            for resumption in resumed { self.answer(Int(resumption.caller), resumption.answer) }
            self.wake(worker)
        case .arrives(let caller, let reservation, let tokens):
            let latency = Int64(self.draw(self.settings.latency))
            if let wait = self.server.admit(tokens: tokens, at: self.now) {
                self.refused += 1
                self.schedule(.ends(caller, reservation, .refused, retryAfter: wait), in: 5)
            } else {
                self.admitted += BudgetAmount(requests: 1, tokens: tokens)
                self.arrivals.append((self.now, tokens))
                self.schedule(.ends(caller, reservation, .used(tokens: tokens), retryAfter: nil), in: latency)
            }
        case .ends(let caller, let reservation, let end, let wait):
            let worker = self.worker(of: caller)
            self.machines[worker].ended(reservation, end, at: self.time)
            if let wait { self.machines[worker].refused(retryAfter: .milliseconds(wait), at: self.time) }
            self.wants[caller] = nil
            self.schedule(.wants(caller), in: Int64(self.draw(self.settings.pause)) + (wait == nil ? 0 : 1_000))
            self.wake(worker)
        }
    }

    private mutating func answer(_ caller: Int, _ answer: ModelBudget.Answer) {
        switch answer {
        case .waiting: break
        case .granted(let reservation):
            self.served.append(caller)
            let tokens = self.wants[caller] ?? 1
            self.schedule(.arrives(caller, reservation, tokens: tokens), in: Int64(self.draw(self.settings.flight)))
        case .postponed(let delay):
            self.postponements += 1
            self.longestPostponement = max(self.longestPostponement, delay)
            self.schedule(.wants(caller), in: delay.milliseconds + Int64(self.draw(0...30)))
        }
    }

    private mutating func wake(_ worker: Int) {
        guard !self.isPolling.contains(worker), let pause = self.machines[worker].nextLease(at: self.time) else { return }
        self.isPolling.insert(worker)
        self.schedule(.poll(worker), in: pause.milliseconds + Int64(self.draw(0...10)))
    }

    // MARK: Events in the order of time

    private mutating func schedule(_ event: Event, in milliseconds: Int64) {
        self.order += 1
        self.events.append(Scheduled(at: self.now + milliseconds, order: self.order, event: event))
        var index = self.events.count - 1
        while index > 0, Self.isBefore(self.events[index], self.events[(index - 1) / 2]) {
            self.events.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func pop() {
        self.events.swapAt(0, self.events.count - 1)
        self.events.removeLast()
        var index = 0
        while true {
            let children = [2 * index + 1, 2 * index + 2].filter { $0 < self.events.count }
            guard let least = children.min(by: { Self.isBefore(self.events[$0], self.events[$1]) }),
                Self.isBefore(self.events[least], self.events[index])
            else { return }
            self.events.swapAt(index, least)
            index = least
        }
    }

    private static func isBefore(_ left: Scheduled, _ right: Scheduled) -> Bool {
        (left.at, left.order) < (right.at, right.order)
    }
}
