internal import CardumeCore

/// Five assistants, whose four lanes in use have limits and floors of their own.
private enum Assistants {
    static let count = 5
    static let lanes: [Lane] = [.light, .heavy, .image, .audio]
    private static let limits = SlotLimits(
        slots: 64, floor: 4, lanes: [.heavy: .init(slots: 16), .image: .init(slots: 16, floor: 2), .audio: .init(floor: 2)])

    static func scheduler(total: Int?) -> SlotScheduler {
        var scheduler = SlotScheduler(total: total)
        for _ in 0..<self.count { _ = scheduler.add(self.limits) }
        return scheduler
    }

    /// The bulkhead and the lane of request `number`.
    static func place(_ number: UInt64) -> (bulkhead: Int, lane: Lane) {
        (Int(number % 5), self.lanes[Int(number / 5 % 4)])
    }
}

struct SlotFree: HotPath {
    static let name = "slot-free"
    static let operation = "a slot taken and given back, five assistants with four lanes, nobody waits"

    private var scheduler = Assistants.scheduler(total: nil)

    mutating func run(_ count: Int) -> Int {
        var sum = 0
        for number in 0..<UInt64(count) {
            let (bulkhead, lane) = Assistants.place(number)
            precondition(self.scheduler.acquired(bulkhead, lane))
            sum &+= self.scheduler.inUse(of: bulkhead)
            precondition(self.scheduler.released(bulkhead, lane, at: .zero) == nil)
        }
        return sum
    }
}

/// All 64 slots of the process are taken, and 40 requests wait, of all assistants and lanes.
struct SlotAwaited: HotPath {
    static let name = "slot-awaited"
    static let operation = "a request that has to wait, and a slot given back to whoever is next, 40 waiting"

    private var scheduler = Assistants.scheduler(total: 64)
    private var running: [UInt64] = []
    private var latest: UInt64 = 0
    private var turn = 0
    private var now = Duration.zero

    init() {
        while self.running.count < 64 {
            precondition(self.request())
            self.running.append(self.latest)
        }
        for _ in 0..<40 { precondition(!self.request()) }
    }

    private mutating func request() -> Bool {
        self.latest += 1
        let (bulkhead, lane) = Assistants.place(self.latest)
        return self.scheduler.requested(self.latest, bulkhead, lane, .text, at: self.now)
    }

    mutating func run(_ count: Int) -> Int {
        var sum = 0
        for _ in 0..<count {
            self.now += .milliseconds(20)
            precondition(!self.request())
            let (bulkhead, lane) = Assistants.place(self.running[self.turn])
            guard let next = self.scheduler.released(bulkhead, lane, at: self.now) else { preconditionFailure("nobody waits") }
            self.running[self.turn] = next
            self.turn = (self.turn + 1) & 63
            sum &+= Int(next & 0xFF)
        }
        return sum
    }
}

/// Calls of one second, 40 at once, 40 a second.
struct LimitLearns: HotPath {
    static let name = "limit-learns"
    static let operation = "the end of a call told to an adaptive limit"

    private var limit = AdaptiveLimit(policy: AdaptiveLimit.Policy(floor: 4, ceiling: 64))
    private var now = Duration.zero

    mutating func run(_ count: Int) -> Int {
        var sum = 0
        for index in 0..<count {
            self.now += .milliseconds(25)
            let latency = Duration.milliseconds(990 + index & 15)
            if self.limit.finished(latency, inFlight: 40, .served, at: self.now) { sum &+= self.limit.limit }
        }
        return sum
    }
}
