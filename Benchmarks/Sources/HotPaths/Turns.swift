internal import CardumeCore

struct TurnAlone: HotPath {
    static let name = "turn"
    static let operation = "a message received, begun, answered and finished, in a conversation that merges nothing"

    private let items = Samples.entries(64).map { ConversationMachine.Item(entry: $0) }
    private var machine = ConversationMachine(ConversationRules(retry: RetryPolicy(), onDeadLetter: .continue))
    private let now = Moment(wallTime: Samples.start, uptime: .zero)

    mutating func run(_ count: Int) -> Int {
        var sum = 0
        for index in 0..<count {
            precondition(self.machine.received(self.items[index & 63], at: self.now) == .begins)
            guard case .run(let item, _) = self.machine.next(at: self.now) else { preconditionFailure("nothing to run") }
            sum &+= self.machine.begin().count
            precondition(self.machine.answered(at: self.now.wallTime, isReply: true) == .inTime)
            precondition(self.machine.finished().isLast)
            guard case .rest = self.machine.next(at: self.now) else { preconditionFailure("something is left") }
            sum &+= Int(item.entry.offset.major)
        }
        return sum
    }
}

struct TurnOfBurst: HotPath {
    static let name = "turn-of-burst"
    static let operation = "three messages gathered and answered by one turn"

    private let items = Samples.entries(3).map { ConversationMachine.Item(entry: $0) }
    private var machine = ConversationMachine(
        ConversationRules(
            retry: RetryPolicy(), onDeadLetter: .continue,
            turns: TurnPolicy(debounce: TurnPolicy.Debounce(wait: .seconds(2)), onNewMessage: .supersede)))
    private let arrival = Moment(wallTime: Samples.start, uptime: .zero)
    private let later = Moment(wallTime: Samples.start.advanced(by: .seconds(3)), uptime: .seconds(3))

    mutating func run(_ count: Int) -> Int {
        var sum = 0
        for _ in 0..<count {
            precondition(self.machine.received(self.items[0], at: self.arrival) == .begins)
            guard case .gather = self.machine.next(at: self.arrival) else { preconditionFailure("not gathering") }
            precondition(self.machine.received(self.items[1], at: self.arrival) == .queued)
            precondition(self.machine.received(self.items[2], at: self.arrival) == .queued)
            guard case .run = self.machine.next(at: self.later) else { preconditionFailure("still gathering") }
            sum &+= self.machine.begin().count
            precondition(self.machine.answered(at: self.later.wallTime, isReply: true) == .inTime)
            while !self.machine.finished().isLast { sum &+= 1 }
            guard case .rest = self.machine.next(at: self.later) else { preconditionFailure("something is left") }
        }
        return sum
    }
}
