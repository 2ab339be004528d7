public import CardumeCore
import Synchronization

/// A circuit breaker that many callers share.
public final class Breaker: Sendable {
    /// A breaker as it is now, for people.
    public struct Status: Hashable, Sendable {
        public let name: String
        public let phase: CircuitBreaker.Phase
        /// When it opened, or became half-open; `nil` while closed.
        public let changedAt: Timestamp?
        /// When the next probe may go; `nil` unless open.
        public let nextProbe: Timestamp?
        /// Calls of the window that have ended, and those of them that failed.
        public let calls: Int
        public let errors: Int
        public let running: Int
        /// What opened it; `nil` while closed.
        public let opening: CircuitBreaker.Opening?
        /// The latest call that failed and said why, whatever state that was in; `nil` for none.
        public let latestFailure: Failure?
        public let settings: CircuitBreaker.Settings
    }

    public struct Failure: Hashable, Sendable {
        public let reason: String
        public let at: Timestamp
    }

    private static let longestReason = 300

    public let name: String
    private let machine: Mutex<CircuitBreaker>
    private let latestFailure = Mutex<Failure?>(nil)
    private let clock: any RuntimeClock
    private let observer: any RuntimeObserver
    private let random: @Sendable () -> UInt64

    init(
        name: String, settings: CircuitBreaker.Settings, clock: any RuntimeClock, observer: any RuntimeObserver,
        random: @escaping @Sendable () -> UInt64
    ) {
        self.name = name
        self.machine = Mutex(CircuitBreaker(settings: settings))
        self.clock = clock
        self.observer = observer
        self.random = random
    }

    /// Asks to make a call. Each grant is followed by exactly one ``finished(_:_:)``; a call whose end is never told counts as
    /// failed.
    public func admit() -> CircuitBreaker.Admission {
        var generator = FunctionGenerator(draw: self.random)
        return self.run { $0.admit(at: $1, using: &generator) }
    }

    /// - Parameter reason: of a failure, for people. Defaults to nothing.
    public func finished(
        _ permit: CircuitBreaker.Permit, _ result: CircuitBreaker.CallResult, because reason: String? = nil
    ) {
        if result == .failure, let reason {
            let failure = Failure(reason: String(reason.prefix(Self.longestReason)), at: self.clock.wallTime)
            self.latestFailure.withLock { $0 = failure }
        }
        self.run { $0.finished(permit, result, at: $1) }
    }

    /// How long no call can be made; `nil` when one can.
    public func remaining() -> Duration? { self.run { $0.remaining(at: $1) } }

    /// How long to wait before asking again; `nil` when a call can be made now.
    public func wait() -> Duration? {
        var generator = FunctionGenerator(draw: self.random)
        return self.run { $0.wait(at: $1, using: &generator) }
    }

    public var status: Status {
        let wallTime = self.clock.wallTime
        let failure = self.latestFailure.withLock { $0 }
        return self.run { machine, now in
            machine.advance(to: now)
            let (calls, errors) = machine.totals(at: now)
            return Status(
                name: self.name, phase: machine.phase,
                changedAt: machine.changedAt.map { wallTime.advanced(by: $0 - now) },
                nextProbe: machine.nextProbe.map { wallTime.advanced(by: $0 - now) }, calls: calls, errors: errors,
                running: machine.callsRunning, opening: machine.opening, latestFailure: failure,
                settings: machine.settings)
        }
    }

    func update(_ settings: CircuitBreaker.Settings) {
        self.run { machine, _ in machine.settings = settings }
    }

    private func run<Result: Sendable>(_ body: (inout CircuitBreaker, Duration) -> Result) -> Result {
        let now = self.clock.uptime
        let (result, changes) = self.machine.withLock { machine in (body(&machine, now), machine.takeChanges()) }
        for change in changes { self.observer.record(.breakerChanged(name: self.name, change), assistant: nil) }
        return result
    }
}

/// All circuit breakers of a process, by what they guard and its name. One lives for as long as somebody has it.
public final class Breakers: Sendable {
    public enum Kind: String, Sendable {
        /// A gateway server of one number: `<channel>`, or `<channel>/<server>`.
        case gateway
        /// `<model>@<host>`.
        case model
    }

    private struct Entry {
        let kind: Kind
        weak var breaker: Breaker?
    }

    private struct State {
        var settings: BreakerSettings
        var entries: [String: Entry] = [:]

        /// Those that somebody has.
        var all: [(kind: Kind, breaker: Breaker)] {
            self.entries.values.compactMap { entry in entry.breaker.map { (entry.kind, $0) } }
        }
    }

    private let state: Mutex<State>
    private let clock: any RuntimeClock
    private let observer: any RuntimeObserver
    private let random: @Sendable () -> UInt64

    public init(
        settings: BreakerSettings = BreakerSettings(), clock: any RuntimeClock, observer: any RuntimeObserver,
        random: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) }
    ) {
        self.state = Mutex(State(settings: settings))
        self.clock = clock
        self.observer = observer
        self.random = random
    }

    /// The breaker of this name, `<kind>:<name>`; the same for all who have it at a time.
    public func breaker(_ kind: Kind, _ name: String) -> Breaker {
        let name = "\(kind.rawValue):\(name)"
        return self.state.withLock { state in
            if let known = state.entries[name]?.breaker { return known }
            let breaker = Breaker(
                name: name, settings: state.settings[kind], clock: self.clock, observer: self.observer, random: self.random)
            state.entries = state.entries.filter { $0.value.breaker != nil }
            state.entries[name] = Entry(kind: kind, breaker: breaker)
            return breaker
        }
    }

    /// All that somebody has, by name.
    public var status: [Breaker.Status] {
        let breakers = self.state.withLock { $0.all }
        return breakers.map { $0.breaker.status }.sorted { $0.name < $1.name }
    }

    /// From now on these count, also for breakers that are in use.
    public func update(_ settings: BreakerSettings) {
        let breakers = self.state.withLock { state in
            state.settings = settings
            return state.all.map { ($0.breaker, settings[$0.kind]) }
        }
        for (breaker, settings) in breakers { breaker.update(settings) }
    }
}

extension BreakerSettings {
    fileprivate subscript(kind: Breakers.Kind) -> CircuitBreaker.Settings {
        switch kind {
        case .gateway: self.gateway
        case .model: self.model
        }
    }
}
