import CardumeCore
import CardumeTesting
import Testing

/// Senders that wait for each answer, a log that comes and goes, and the gate between them, one event at a time.
private struct SpoolRun {
    private struct Message: Hashable {
        let conversation: Int
        let number: Int
    }

    private enum Place {
        /// Asked the gate and was told to wait.
        case waiting
        /// Sent to the log; whether it got there.
        case appending(Int64, isThere: Bool)
        case storing(Int64)
    }

    private var gate: SpoolGate
    private var isLogUp = true
    /// First occurrences, as the log keeps them.
    private var log: [Message] = []
    private var spool: [(number: Int64, message: Message)] = []
    /// One of each conversation at most.
    private var onTheWay: [Int: (message: Message, place: Place)] = [:]
    private var accepted: [Int: Int] = [:]
    private(set) var spooled = 0

    init(keepsOrder: Bool) { self.gate = SpoolGate(keepsOrder: keepsOrder) }

    mutating func run(seed: UInt64, events: Int, conversations: Int) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<events {
            let conversation = Int.random(in: 0..<conversations, using: &generator)
            switch Int.random(in: 0..<100, using: &generator) {
            case ..<40: self.arrive(conversation)
            case ..<80: self.advance(conversation, Bool.random(using: &generator))
            case ..<97: self.replay(Int.random(in: 1...4, using: &generator))
            case ..<98: self.isLogUp = true
            default: self.fail()
            }
        }
    }

    /// Everything is well again.
    mutating func heal() {
        self.isLogUp = true
        for _ in 0..<100_000 where !self.onTheWay.isEmpty || !self.spool.isEmpty || self.gate.isSpooling {
            for conversation in self.onTheWay.keys.sorted() { self.advance(conversation, true) }
            self.replay(4)
        }
    }

    var isOpen: Bool { !self.gate.isSpooling }
    var lost: Int {
        let there = Set(self.log)
        return self.accepted.reduce(0) { sum, entry in
            sum + (0..<entry.value).count { !there.contains(Message(conversation: entry.key, number: $0)) }
        }
    }
    var disordered: Int {
        Dictionary(grouping: self.log, by: \.conversation).values.count { $0.map(\.number) != $0.map(\.number).sorted() }
    }

    private mutating func arrive(_ conversation: Int) {
        guard self.onTheWay[conversation] == nil else { return }
        let message = Message(conversation: conversation, number: self.accepted[conversation] ?? 0)
        self.onTheWay[conversation] = (message, .waiting)
        self.ask(conversation)
    }

    private mutating func ask(_ conversation: Int) {
        guard let message = self.onTheWay[conversation]?.message else { return }
        let (way, number) = self.gate.arrived(1)
        switch way {
        case .wait: break
        case .spool: self.onTheWay[conversation]?.place = .storing(number)
        case .log:
            if self.isLogUp { self.append(message) }
            self.onTheWay[conversation]?.place = .appending(number, isThere: self.isLogUp)
        }
    }

    private mutating func append(_ message: Message) {
        if !self.log.contains(message) { self.log.append(message) }
    }

    /// - Parameter isHeard: whether the log's answer arrives.
    private mutating func advance(_ conversation: Int, _ isHeard: Bool) {
        guard let (message, place) = self.onTheWay[conversation] else { return }
        switch place {
        case .waiting: self.ask(conversation)
        case .appending(let number, true) where isHeard:
            self.gate.ended(number)
            self.accept(conversation)
        case .appending(let number, _):
            self.gate.failed(number)
            self.onTheWay[conversation]?.place = .storing(number)
        case .storing(let number):
            self.spool.append((number, message))
            self.spooled += 1
            self.gate.stored(number, messages: 1, bytes: 1)
            self.accept(conversation)
        }
    }

    private mutating func accept(_ conversation: Int) {
        self.accepted[conversation, default: 0] += 1
        self.onTheWay[conversation] = nil
    }

    /// Whoever waits for an answer does not get one.
    private mutating func fail() {
        self.isLogUp = false
        for (conversation, entry) in self.onTheWay {
            if case .appending = entry.place { self.advance(conversation, false) }
        }
    }

    private mutating func replay(_ limit: Int) {
        guard self.gate.isSpooling else { return }
        guard self.isLogUp else { return self.gate.interrupted() }
        let horizon = self.gate.horizon
        let batch = self.spool.filter { $0.number < horizon }.sorted { $0.number < $1.number }.prefix(limit)
        for entry in batch { self.append(entry.message) }
        self.spool.removeAll { entry in batch.contains { $0.number == entry.number } }
        _ = self.gate.replayed(messages: batch.count, bytes: batch.count, isLast: batch.count < limit)
    }
}

@Suite struct SpoolGateTests {
    @Test(arguments: 0..<40) func nothingIsLostAndOrderHolds(seed: UInt64) {
        var run = SpoolRun(keepsOrder: true)
        run.run(seed: seed, events: 3_000, conversations: 5)
        run.heal()
        #expect(run.lost == 0)
        #expect(run.disordered == 0)
        #expect(run.isOpen, "the straight way opens again")
        #expect(run.spooled > 50, "the spool was used")
    }

    /// Newcomers that overtake what is in the spool.
    @Test func withoutQueueingBehindTheSpoolOrderBreaks() {
        let disordered = (UInt64(0)..<40).reduce(0) { sum, seed in
            var run = SpoolRun(keepsOrder: false)
            run.run(seed: seed, events: 3_000, conversations: 5)
            run.heal()
            return sum + run.disordered
        }
        #expect(disordered > 20, "the check would see it: \(disordered)")
    }

    @Test func whatIsHeldIsReplayedFirst() {
        var gate = SpoolGate(messages: 2, bytes: 20, nextNumber: 3)
        let first = gate.arrived(4)
        #expect(first == (.spool, 3))
        #expect(gate.horizon == 3, "somebody is on the way")
        gate.stored(3, messages: 4, bytes: 40)
        #expect(gate.horizon == 7)
        let isOpen = gate.replayed(messages: 6, bytes: 60, isLast: true)
        #expect(isOpen && gate.messages == 0 && gate.bytes == 0)
        let next = gate.arrived(1)
        #expect(next == (.log, 7))
    }

    /// Nobody waits for a log that has not shown itself.
    @Test func whileTheFirstIsBeingStoredOthersGoBehindIt() {
        var gate = SpoolGate()
        let (_, number) = gate.arrived(1)
        gate.failed(number)
        let isOpen = gate.replayed(messages: 0, bytes: 0, isLast: true)
        let next = gate.arrived(1)
        #expect(!isOpen && next.way == .spool)
    }

    @Test func newcomersWaitForTheLastOnes() {
        var gate = SpoolGate(messages: 1, bytes: 1, nextNumber: 2)
        let (_, number) = gate.arrived(1)
        let isOpen = gate.replayed(messages: 1, bytes: 1, isLast: true)
        #expect(!isOpen, "one is still being stored")
        let second = gate.arrived(1)
        #expect(second.way == .wait)
        gate.stored(number, messages: 1, bytes: 1)
        gate.interrupted()
        let third = gate.arrived(1)
        #expect(third.way == .spool, "the log has gone again meanwhile")
    }
}
