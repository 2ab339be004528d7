import CardumeCore
import CardumeTesting
import Testing

@Suite struct CircuitBreakerTests {
    private static let small = CircuitBreaker.Settings(
        callTimeout: .seconds(3), errorRatio: 0.5, window: .seconds(12), minimumCalls: 2, openFor: .seconds(5), probes: 1)

    /// A breaker with its clock and dice.
    private struct Bed {
        var breaker: CircuitBreaker
        var generator = SeededGenerator(seed: 7)
        var now = Duration.zero
        var phases: [CircuitBreaker.Phase] = [.closed]

        init(_ settings: CircuitBreaker.Settings = CircuitBreaker.Settings()) {
            self.breaker = CircuitBreaker(settings: settings)
        }

        mutating func admit() -> CircuitBreaker.Admission {
            defer { self.note() }
            return self.breaker.admit(at: self.now, using: &self.generator)
        }

        /// Calls once; `nil` when refused.
        @discardableResult
        mutating func call(_ result: CircuitBreaker.CallResult, taking time: Duration = .zero) -> Bool {
            guard case .granted(let permit) = self.admit() else { return false }
            self.now += time
            self.breaker.finished(permit, result, at: self.now)
            self.note()
            return true
        }

        mutating func pass(_ time: Duration) {
            self.now += time
            self.breaker.advance(to: self.now)
            self.note()
        }

        private mutating func note() { self.phases += self.breaker.takeChanges().map(\.to) }
    }

    @Test func opensAtHalfOfTenCallsAndRecoversWithOneProbe() {
        var bed = Bed()
        for index in 0..<9 { bed.call(index < 4 ? .success : .failure) }
        #expect(bed.phases == [.closed], "fewer than ten calls say nothing")
        bed.call(.success)
        #expect(bed.phases == [.closed, .open])
        #expect(bed.breaker.nextProbe == .seconds(30))
        bed.pass(.milliseconds(29_999))
        #expect(bed.call(.success) == false)
        bed.pass(.milliseconds(1))
        guard case .granted(let probe) = bed.admit() else {
            Issue.record("no probe")
            return
        }
        #expect(probe.isProbe)
        #expect(bed.call(.success) == false, "one probe decides")
        bed.breaker.finished(probe, .success, at: bed.now)
        #expect(bed.call(.success) == true)
        #expect(bed.phases == [.closed, .open, .halfOpen, .closed])
    }

    @Test func belowTheRatioItStaysClosed() {
        var bed = Bed()
        for index in 0..<1_000 {
            bed.call(index % 100 < 49 ? .failure : .success)
            // So that no stretch of the window has more than the ratio.
            if index % 100 == 99 { bed.pass(.seconds(61)) }
            if bed.phases.count > 1 { break }
        }
        #expect(bed.phases == [.closed, .open], "49 failures in a row are more than half of what has ended by then")
        bed = Bed()
        for index in 0..<1_000 { bed.call(index % 3 == 2 ? .failure : .success) }
        #expect(bed.phases == [.closed])
    }

    @Test func whatIsOlderThanTheWindowIsForgotten() {
        var bed = Bed()
        for _ in 0..<9 { bed.call(.failure) }
        bed.pass(.seconds(60))
        bed.call(.failure)
        #expect(bed.phases == [.closed])
        for _ in 0..<9 { bed.call(.failure) }
        #expect(bed.phases == [.closed, .open])
    }

    @Test func aSlowSuccessIsAnErrorAndIsNoticedBeforeItEnds() {
        var bed = Bed()
        let permits = (0..<10).compactMap { _ -> CircuitBreaker.Permit? in
            if case .granted(let permit) = bed.admit() { permit } else { nil }
        }
        bed.pass(.seconds(10))
        #expect(bed.phases == [.closed], "not longer than the limit")
        bed.pass(.milliseconds(1))
        #expect(bed.phases == [.closed, .open], "while they still run")
        for permit in permits { bed.breaker.finished(permit, .success, at: bed.now) }
        #expect(bed.breaker.phase == .open, "what comes late counts no more")
    }

    @Test func aProbeThatNeverEndsExpires() {
        var bed = Bed(Self.small)
        bed.call(.failure)
        bed.call(.failure)
        bed.pass(.seconds(5))
        guard case .granted = bed.admit() else {
            Issue.record("no probe")
            return
        }
        bed.pass(.seconds(60))
        #expect(bed.phases == [.closed, .open, .halfOpen, .open, .halfOpen], "opened again when the probe's time was over")
        #expect(bed.breaker.changedAt == .seconds(13))
        #expect(bed.call(.success) == true)
        #expect(bed.breaker.phase == .closed)
    }

    @Test func aProbeThatSaysNothingMakesRoomForTheNext() {
        var bed = Bed(Self.small)
        bed.call(.failure)
        bed.call(.failure)
        bed.pass(.seconds(5))
        #expect(bed.call(.ignored) == true)
        #expect(bed.breaker.phase == .halfOpen)
        #expect(bed.call(.failure) == true)
        #expect(bed.breaker.phase == .open)
    }

    /// Ten thousand wait for one server: they come back over time, and the first of them soon after the breaker lets it.
    @Test func thousandsThatWaitDoNotComeBackAtOnce() {
        var bed = Bed()
        for _ in 0..<10 { bed.call(.failure) }
        var times: [Duration] = []
        for _ in 0..<10_000 {
            if case .refused(let wait) = bed.admit() { times.append(bed.now + wait) }
        }
        #expect(times.count == 10_000)
        let first = times.min() ?? .zero
        #expect(first >= .seconds(30) && first < .milliseconds(30_100), "\(first)")
        let perSecond = Dictionary(grouping: times) { Int($0.seconds) }.mapValues(\.count)
        #expect((perSecond.values.max() ?? 0) < 1_500, "\(perSecond)")
        var alone = Bed()
        for _ in 0..<10 { alone.call(.failure) }
        guard case .refused(let wait) = alone.admit() else {
            Issue.record("not open")
            return
        }
        #expect(wait <= .milliseconds(30_005), "who waits alone need not make room for others")
    }

    @Test func settingsMayChangeWhileItIsInUse() {
        var bed = Bed()
        for _ in 0..<4 { bed.call(.failure) }
        bed.breaker.settings.minimumCalls = 5
        bed.call(.failure)
        #expect(bed.breaker.phase == .open)
        #expect(bed.breaker.nextProbe == .seconds(30))
    }

    // MARK: Against a naive model

    private enum Event: CaseIterable {
        case admit
        case succeed
        case fail
        case ignore
        case passOne
        case passFour
    }

    /// The same rules in the simplest words: all calls are remembered, and all is computed anew each time.
    private struct Model {
        var settings: CircuitBreaker.Settings
        var phase = CircuitBreaker.Phase.closed
        var since = Duration.zero
        var ended: [(at: Duration, isError: Bool)] = []
        var running: [(id: Int, begin: Duration)] = []

        mutating func look(_ now: Duration) {
            while let overdue = self.running.first(where: { $0.begin + self.settings.callTimeout < now }) {
                self.end(overdue.id, isError: true, overdue.begin + self.settings.callTimeout)
            }
            if self.phase == .open, self.since + self.settings.openFor <= now {
                self.change(.halfOpen, self.since + self.settings.openFor)
            }
        }

        mutating func admits(_ now: Duration) -> Bool {
            self.look(now)
            return self.phase == .closed || self.phase == .halfOpen && self.running.count < self.settings.probes
        }

        mutating func end(_ id: Int, isError: Bool?, _ now: Duration) {
            guard self.running.contains(where: { $0.id == id }) else { return }
            self.running.removeAll { $0.id == id }
            guard let isError else { return }
            if self.phase == .halfOpen { return self.change(isError ? .open : .closed, now) }
            self.ended.append((now, isError))
            let width = self.settings.window / 12
            let counted = self.ended.filter { Int($0.at / width) > Int(now / width) - 12 }
            let errors = counted.count { $0.isError }
            if counted.count >= self.settings.minimumCalls,
                Double(errors) >= self.settings.errorRatio * Double(counted.count)
            {
                self.change(.open, now)
            }
        }

        private mutating func change(_ phase: CircuitBreaker.Phase, _ now: Duration) {
            (self.phase, self.since, self.ended, self.running) = (phase, now, [], [])
        }
    }

    private static func compare(_ events: some Sequence<Event>, _ settings: CircuitBreaker.Settings) -> String? {
        var bed = Bed(settings)
        var model = Model(settings: settings)
        var permits: [(id: Int, permit: CircuitBreaker.Permit)] = []
        var nextID = 0
        for event in events {
            switch event {
            case .admit:
                let isExpected = model.admits(bed.now)
                guard case .granted(let permit) = bed.admit() else {
                    if isExpected { return "refused, but \(model.phase)" }
                    break
                }
                guard isExpected else { return "granted, but \(model.phase)" }
                guard permit.isProbe == (model.phase == .halfOpen) else { return "probe or not" }
                nextID += 1
                permits.append((nextID, permit))
                model.running.append((nextID, bed.now))
            case .succeed, .fail, .ignore:
                guard !permits.isEmpty else { break }
                let (id, permit) = permits.removeFirst()
                bed.breaker.finished(permit, event == .succeed ? .success : event == .fail ? .failure : .ignored, at: bed.now)
                model.look(bed.now)
                model.end(id, isError: event == .ignore ? nil : event == .fail, bed.now)
            case .passOne: bed.pass(.seconds(1))
            case .passFour: bed.pass(.seconds(4))
            }
            bed.breaker.advance(to: bed.now)
            model.look(bed.now)
            guard bed.breaker.phase == model.phase else { return "\(bed.breaker.phase), not \(model.phase)" }
            guard bed.breaker.callsRunning == model.running.count else { return "calls that are out" }
            guard (bed.breaker.opening == nil) == (model.phase == .closed) else { return "what opened it" }
            guard bed.breaker.phase != .halfOpen || bed.breaker.callsRunning <= settings.probes else { return "probes" }
        }
        return nil
    }

    /// All 55,986 sequences up to depth six.
    @Test func everySequenceGoesAsTheNaiveModelSays() {
        var sequences: [[Event]] = [[]]
        for _ in 0..<6 {
            sequences = sequences.flatMap { sequence in Event.allCases.map { sequence + [$0] } }
            for sequence in sequences {
                if let difference = Self.compare(sequence, Self.small) { Issue.record("\(sequence): \(difference)") }
            }
        }
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func longCoursesGoAsTheNaiveModelSays(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var settings = Self.small
        settings.probes = Int.random(in: 1...3, using: &generator)
        settings.minimumCalls = Int.random(in: 1...5, using: &generator)
        settings.errorRatio = Double.random(in: 0.1...1, using: &generator)
        let events = (0..<600).map { _ in Event.allCases.randomElement(using: &generator) ?? .admit }
        #expect(Self.compare(events, settings) == nil)
    }
}
