import AsyncHTTPClient
import CardumeLoad
import CardumeTesting
import Synchronization

/// Sends messages at their times and notes what becomes of them.
final class LoadRun: Sendable {
    private struct Progress {
        var schedule: LoadSchedule
        /// Steps that are still to begin, the next one first.
        var coming: [LoadStep] = []
        /// Of the present step, in seconds since the run began.
        var end = 0.0
    }

    private let record: Mutex<RunRecord>
    private let progress: Mutex<Progress>
    private let isStopped = Atomic(false)
    private let origin: Int64
    private let sender: Sender
    private let scraper: Scraper
    private let patience: Duration
    /// What no step may exceed.
    let limits: RunLimits

    /// - Parameters:
    ///   - patience: how long nothing may happen before what is unanswered counts as lost.
    init(
        _ record: RunRecord, _ schedule: LoadSchedule, sender: Sender, scraper: Scraper, patience: Duration, limits: RunLimits
    ) {
        self.limits = limits
        self.origin = record.origin
        self.record = Mutex(record)
        self.progress = Mutex(Progress(schedule: schedule))
        self.sender = sender
        self.scraper = scraper
        self.patience = patience
    }

    /// A copy of all that is known.
    var snapshot: RunRecord { self.record.withLock { $0 } }
    /// Conversations begun so far.
    var conversations: Int { self.progress.withLock { $0.schedule.conversations } }
    /// Seconds since the run began.
    var elapsed: Double { Double(MonotonicTime.now - self.origin) / 1e9 }

    /// No further message is sent; ``perform(_:)`` and ``settle()`` return soon.
    func stop() { self.isStopped.store(true, ordering: .relaxed) }
    var hasStopped: Bool { self.isStopped.load(ordering: .relaxed) }

    /// What the sink hears.
    func hear(_ reply: CaughtReply) {
        let now = MonotonicTime.now
        self.record.withLock { $0.caught(reply, at: now) }
    }

    func modelAnswered(_ text: String, after elapsed: Duration) {
        let nanoseconds = Int64(elapsed / .nanoseconds(1))
        self.record.withLock { $0.modelAnswered(text, after: nanoseconds) }
    }

    /// Sends the messages of steps that follow each other without a pause. Returns when the last step's time is over and all
    /// messages were answered by the door.
    ///
    /// - Throws: a `LoadFailure` for steps beyond the limits.
    func perform(_ steps: [LoadStep]) async throws {
        try self.limits.check(steps, conversations: 0)
        self.progress.withLock { progress in
            progress.coming = steps
            progress.end = max(progress.end, self.elapsed + 0.05)
        }
        try await OpenLoop.run { [self] _ in
            self.next()
        } _: { [self] message, intended in
            await self.send(message, intended)
        }
        let end = self.progress.withLock { $0.end }
        while self.elapsed < end, !self.hasStopped { try await ContinuousClock().sleep(for: .milliseconds(50)) }
    }

    /// Returns when every message is answered, or nothing happens any more; then what is unanswered counts as lost.
    func settle() async throws {
        var (latest, changed) = (-1, ContinuousClock.now)
        while true {
            let outstanding = self.record.withLock { $0.oracle.outstanding }
            if outstanding == 0 { break }
            if outstanding != latest { (latest, changed) = (outstanding, .now) }
            if .now - changed > self.patience { break }
            try await ContinuousClock().sleep(for: .milliseconds(50))
        }
        let now = MonotonicTime.now
        self.record.withLock { $0.settled(at: now) }
    }

    /// Looks at the target until it is cancelled.
    func watch(every interval: Duration) async {
        repeat {
            let look = await self.scraper.look()
            let now = MonotonicTime.now
            self.record.withLock {
                $0.looked(depth: look.depth, inFlight: look.inFlight, memory: look.memory, at: now)
            }
        } while (try? await ContinuousClock().sleep(for: interval)) != nil
    }

    private func next() -> (PlannedMessage, Int64)? {
        guard !self.hasStopped else { return nil }
        return self.progress.withLock { progress in
            while true {
                if let (message, time) = progress.schedule.next() { return (message, self.moment(time)) }
                guard !progress.coming.isEmpty else { return nil }
                let step = progress.coming.removeFirst()
                let (begin, first) = (progress.end, progress.schedule.count)
                progress.schedule.begin(step, at: begin)
                progress.end = begin + step.seconds
                self.record.withLock { $0.begin(step, first: first, at: self.moment(begin)) }
            }
        }
    }

    private func moment(_ seconds: Double) -> Int64 { self.origin + Int64(seconds * 1e9) }

    private func send(_ message: PlannedMessage, _ intended: Int64) async {
        let posted = MonotonicTime.now
        self.record.withLock { $0.posted(message, intended: intended, at: posted) }
        let (answer, replies) = await self.sender.post(message)
        let answered = MonotonicTime.now
        self.record.withLock { $0.answered(message, answer, intended: intended, at: answered) }
        for reply in replies { self.hear(reply) }
    }
}
