internal import CardumeCore

/// 16 calls are out at any time.
struct CallAllowed: HotPath {
    static let name = "call-allowed"
    static let operation = "a call let through by a breaker that is closed, and its success"

    private var breaker = CircuitBreaker()
    private var generator = FixedGenerator()
    private var permits: [CircuitBreaker.Permit] = []
    private var now = Duration.zero

    init() {
        for _ in 0..<16 { self.permits.append(self.admitted()) }
    }

    private mutating func admitted() -> CircuitBreaker.Permit {
        guard case .granted(let permit) = self.breaker.admit(at: self.now, using: &self.generator) else {
            preconditionFailure("the breaker is open")
        }
        return permit
    }

    mutating func run(_ count: Int) -> Int {
        for index in 0..<count {
            self.now += .milliseconds(5)
            self.breaker.finished(self.permits[index & 15], .success, at: self.now)
            self.permits[index & 15] = self.admitted()
        }
        return self.breaker.callsRunning
    }
}

struct SendAccepted: HotPath {
    static let name = "send"
    static let operation = "the course of a reply that the gateway takes at once"

    private let intents = Samples.intents(64, .sending)
    private let policy = SendMachine.Policy(sendTimeout: .seconds(10))

    func run(_ count: Int) -> Int {
        var sum = 0
        for index in 0..<count {
            var machine = SendMachine(self.intents[index & 63], policy: self.policy)
            guard case .send = machine.begin(isInherited: false, since: Samples.start, at: Samples.start) else {
                preconditionFailure("nothing to send")
            }
            machine.requestBegins(at: Samples.start)
            guard case .done = machine.sent(.accepted(providerID: "3EB0C4A2F1D0"), at: Samples.start) else {
                preconditionFailure("not done")
            }
            sum &+= machine.intent.attempts
        }
        return sum
    }
}

struct ServerOfThree: HotPath {
    static let name = "server-of-3"
    static let operation = "a conversation's gateway server found, among three of different weights"

    private var choice = ServerChoice(.rendezvous, servers: 3)

    mutating func run(_ count: Int) -> Int { self.choice.run(count) }
}

struct ServerOfSixteen: HotPath {
    static let name = "server-of-16"
    static let operation = "the same among sixteen"

    private var choice = ServerChoice(.rendezvous, servers: 16)

    mutating func run(_ count: Int) -> Int { self.choice.run(count) }
}

struct ServerInTurn: HotPath {
    static let name = "server-in-turn"
    static let operation = "the server whose turn it is, among three of different weights"

    private var choice = ServerChoice(.roundRobin, servers: 3)

    mutating func run(_ count: Int) -> Int { self.choice.run(count) }
}

/// All servers are ready.
private struct ServerChoice {
    private let intents = Samples.intents(64, .pending)
    private var router: GatewayRouter

    init(_ policy: GatewayRouter.Policy, servers: Int) {
        self.router = GatewayRouter(
            policy: policy,
            servers: (0..<servers).map { GatewayRouter.Server(name: "evolution-\($0)", weight: 1 + $0 % 3) })
    }

    mutating func run(_ count: Int) -> Int {
        var sum = 0
        for index in 0..<count {
            let route = self.router.route(self.intents[index & 63], avoiding: []) { _ in .ready }
            guard case .server(let name) = route else { preconditionFailure("no server") }
            sum &+= name?.utf8.count ?? 0
        }
        return sum
    }
}

struct SendPace: HotPath {
    static let name = "send-pace"
    static let operation = "a number's next place in a pace of 60 a minute"

    private var bucket = TokenBucket(TokenBucket.Settings(perMinute: 60, burst: 3))
    private var now = Duration.zero

    mutating func run(_ count: Int) -> Int {
        var sum = 0
        for _ in 0..<count {
            self.now += .milliseconds(990)
            sum &+= Int(self.bucket.reserve(at: self.now).components.seconds & 1)
        }
        return sum
    }
}
