import HeapModule

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Runs the jobs of simulated processes, one at a time, on the thread that made it; which is next, its random numbers say.
/// When there is none, time passes to the next alarm.
///
/// A task that strays to another thread does not go unnoticed: ``enqueue(_:on:)`` ends the process.
final class SimulationLoop: @unchecked Sendable {  // Executors must be; all happens on one thread, which `enqueue` checks.
    private struct Alarm: Comparable {
        let time: Duration
        /// Decides between alarms of the same time: random, then by age.
        let tie: UInt64
        let action: () -> Void

        static func < (left: Self, right: Self) -> Bool { (left.time, left.tie) < (right.time, right.tie) }
        static func == (left: Self, right: Self) -> Bool { left.time == right.time && left.tie == right.tie }
    }

    /// Since the simulation began.
    private(set) var now: Duration = .zero
    /// Of all that has happened so far: which job ran when.
    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    /// Jobs run so far.
    private(set) var jobs = 0
    private var random: SimulationRandom
    private var ready: [JobLane] = []
    private var alarms = Heap<Alarm>()
    private var alarmCount: UInt64 = 0
    private var laneCount: UInt64 = 0
    private let thread = pthread_self()
    /// To whose pool jobs go that name no executor; `nil` while nobody in particular is at work.
    private var current: JobLane?

    init(_ random: SimulationRandom) {
        self.random = random
    }

    func lane(_ make: (UInt64) -> JobLane) -> JobLane {
        self.laneCount += 1
        return make(self.laneCount)
    }

    func enqueue(_ job: UnownedJob, on lane: JobLane) {
        precondition(pthread_equal(self.thread, pthread_self()) != 0, "a task has strayed from the simulation's thread")
        lane.append(job)
        if lane.place == nil, !lane.isFrozen { self.makeReady(lane) }
    }

    /// Takes a job that names no executor.
    func enqueueGlobally(_ job: UnownedJob) {
        guard let pool = self.current else { preconditionFailure("nobody is at work to whom a job could belong") }
        self.enqueue(job, on: pool)
    }

    /// Runs `body` on behalf of whom the pool belongs to.
    func with<Result>(_ pool: JobLane, _ body: () -> Result) -> Result {
        let before = self.current
        self.current = pool
        defer { self.current = before }
        return body()
    }

    /// Lets a lane's jobs run, or keeps them.
    func freeze(_ lane: JobLane, _ isFrozen: Bool) {
        lane.isFrozen = isFrozen
        if isFrozen, lane.place != nil {
            self.makeUnready(lane)
        } else if !isFrozen, lane.place == nil, !lane.isEmpty {
            self.makeReady(lane)
        }
    }

    private func makeReady(_ lane: JobLane) {
        lane.place = self.ready.count
        self.ready.append(lane)
    }

    private func makeUnready(_ lane: JobLane) {
        guard let place = lane.place else { return }
        let last = self.ready.removeLast()
        if last !== lane {
            self.ready[place] = last
            last.place = place
        }
        lane.place = nil
    }

    /// Does something after a time; at once is also later.
    func after(_ delay: Duration, _ action: @escaping () -> Void) {
        self.alarmCount += 1
        let tie = (self.random.next() >> 32) << 32 | self.alarmCount
        self.alarms.insert(Alarm(time: self.now + delay, tie: tie, action: action))
    }

    /// Runs a job, or lets time pass to the next alarm. Returns whether there was either.
    func step() -> Bool {
        guard self.ready.isEmpty else {
            self.run(self.ready[self.ready.count == 1 ? 0 : self.random.below(self.ready.count)])
            return true
        }
        guard let alarm = self.alarms.popMin() else { return false }
        self.now = alarm.time
        self.mix(UInt64(truncatingIfNeeded: alarm.time.microseconds))
        alarm.action()
        return true
    }

    /// Runs jobs of these lanes alone until there are none, without letting time pass.
    ///
    /// - Returns: how many.
    func exhaust(_ lanes: [JobLane], atMost limit: Int) -> Int {
        var count = 0
        while count < limit, let lane = lanes.first(where: { !$0.isEmpty }) {
            self.run(lane)
            count += 1
        }
        return count
    }

    /// Forgets what was still to come.
    func clear() { self.alarms = Heap() }

    private func run(_ lane: JobLane) {
        self.mix(lane.number)
        self.jobs += 1
        let job = lane.take(using: &self.random)
        if lane.isEmpty { self.makeUnready(lane) }
        self.with(lane.pool ?? lane) { lane.run(job) }
    }

    /// What else is to be the same in a second run (FNV-1a).
    func mix(_ value: UInt64) { self.digest = (self.digest ^ value) &* 0x0000_0100_0000_01B3 }
}
