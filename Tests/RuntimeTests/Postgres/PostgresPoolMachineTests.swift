import CardumeCore
import CardumeTesting
import Testing

@testable import CardumeRuntime

/// Drives the machine and checks what must hold after every event.
private struct PoolRun {
    enum Event: CaseIterable {
        case request, giveUp, opened, openFailed, returned, broke, wakeUp, later
    }

    var machine: PostgresPoolMachine
    var now = ContinuousClock.now
    var generator = SystemRandomNumberGenerator()
    var opening: [Int] = []
    var lent: [Int] = []
    var waiting: [Int] = []
    var idle: Set<Int> = []
    var answered: Set<Int> = []
    var nextWaiter = 0
    var wakeUps = 0

    init(minimum: Int = 1, maximum: Int = 2, waiters: Int = 3) {
        self.machine = PostgresPoolMachine(
            limits: PostgresPoolMachine.Limits(
                minimum: minimum, maximum: maximum, waiters: waiters, idleLifetime: .seconds(60), checkAfter: .seconds(15)))
    }

    mutating func apply(_ event: Event) {
        switch event {
        case .request:
            self.nextWaiter += 1
            self.waiting.append(self.nextWaiter)
            self.perform(self.machine.requested(by: self.nextWaiter, at: self.now))
        case .giveUp:
            guard let waiter = self.waiting.first else { return }
            let (wasWaiting, isStillWaiting) = (self.machine.gaveUp(waiter), self.machine.gaveUp(waiter))
            #expect(wasWaiting && !isStillWaiting)
            self.waiting.removeFirst()
        case .opened:
            guard let connection = self.opening.popLast() else { return }
            self.idle.insert(connection)
            self.perform(self.machine.opened(connection, at: self.now))
        case .openFailed:
            guard let connection = self.opening.popLast() else { return }
            self.perform(self.machine.openFailed(connection, at: self.now, using: &self.generator))
        case .returned, .broke:
            guard let connection = self.lent.popLast() else { return }
            self.idle.insert(connection)
            self.perform(self.machine.returned(connection, isUsable: event == .returned, at: self.now))
        case .wakeUp:
            guard self.wakeUps > 0 else { return }
            self.wakeUps -= 1
            self.now += .seconds(10)
            self.perform(self.machine.wakeUp(at: self.now))
        case .later:
            self.now += .seconds(20)
        }
        self.check()
    }

    private mutating func perform(_ actions: [PostgresPoolMachine.Action]) {
        for action in actions {
            switch action {
            case .lend(let connection, let waiter, _):
                #expect(self.waiting.first == waiter, "first come, first served")
                self.waiting.removeAll { $0 == waiter }
                #expect(self.answered.insert(waiter).inserted)
                #expect(self.idle.remove(connection) != nil, "only what is free is lent")
                self.lent.append(connection)
            case .open(let connection): self.opening.append(connection)
            case .close(let connection): #expect(self.idle.remove(connection) != nil)
            case .refuse(let waiter, _):
                #expect(self.answered.insert(waiter).inserted)
                self.waiting.removeAll { $0 == waiter }
            case .wakeUp: self.wakeUps += 1
            }
        }
    }

    private func check() {
        #expect(self.opening.count + self.lent.count + self.idle.count <= 2)
        #expect(self.waiting.isEmpty || self.idle.isEmpty, "nobody waits while a connection is free")
        #expect(self.waiting.count <= 3)
        #expect(self.machine.waitingCount == self.waiting.count)
        #expect(self.machine.idleCount == self.idle.count)
        #expect(self.machine.openCount == self.idle.count + self.lent.count)
        // Somebody must be about to serve those who wait.
        #expect(self.waiting.isEmpty || !(self.opening.isEmpty && self.lent.isEmpty && self.wakeUps == 0))
    }
}

@Suite struct PostgresPoolMachineTests {
    @Test func everySequenceKeepsTheRules() {
        func extend(_ run: PoolRun, _ depth: Int) {
            guard depth > 0 else { return }
            for event in PoolRun.Event.allCases {
                var next = run
                next.apply(event)
                extend(next, depth - 1)
            }
        }
        extend(PoolRun(), 5)
    }

    @Test func callersBeyondTheLimitAreRefused() {
        var run = PoolRun()
        for _ in 0..<5 { run.apply(.request) }
        #expect(run.opening.count == 2)
        #expect(run.waiting == [1, 2, 3])
        #expect(run.answered == [4, 5])
    }

    @Test func aFailureWithNothingElseOpenIsToldAtOnceAndOpeningPauses() {
        var run = PoolRun()
        run.apply(.request)
        run.apply(.openFailed)
        #expect(run.answered == [1])
        var opened = 0
        for _ in 0..<20 {
            run.apply(.request)
            opened += run.opening.count
            if run.opening.isEmpty {
                #expect(run.wakeUps > 0)
                run.apply(.wakeUp)
            }
            #expect(run.opening.count == 1, "one attempt at a time")
            run.apply(.openFailed)
        }
    }

    @Test func surplusConnectionsAreClosedAndOldOnesChecked() {
        var run = PoolRun()
        run.apply(.request)
        run.apply(.request)
        run.apply(.opened)
        run.apply(.opened)
        run.apply(.returned)
        let old = run.idle
        for _ in 0..<4 { run.apply(.later) }
        run.apply(.returned)
        #expect(run.idle.count == 1)
        #expect(run.idle.isDisjoint(with: old))
        run.apply(.later)
        let actions = run.machine.requested(by: 99, at: run.now)
        #expect(actions == [.lend(run.idle.first ?? 0, to: 99, mustCheck: true)])
    }

    @Test func closingRefusesAndCloses() {
        var run = PoolRun()
        run.apply(.request)
        run.apply(.opened)
        run.apply(.request)
        let actions = [
            run.machine.close(), run.machine.requested(by: 9, at: run.now),
            run.machine.returned(run.lent[0], isUsable: true, at: run.now),
            run.machine.opened(run.opening[0], at: run.now),
        ]
        #expect(
            actions == [
                [.refuse(2, .closed)], [.refuse(9, .closed)], [.close(run.lent[0])], [.close(run.opening[0])],
            ])
        #expect(run.machine.openCount == 0)
    }

    @Test func returningTwiceCrashes() async {
        await #expect(processExitsWith: .failure) {
            var run = PoolRun()
            run.apply(.request)
            run.apply(.opened)
            _ = run.machine.returned(1, isUsable: true, at: run.now)
            _ = run.machine.returned(1, isUsable: true, at: run.now)
        }
    }
}
