public import CardumeCore
package import Logging
import Synchronization

/// Puts dead letters back into the log, job by job, at each job's rate.
///
/// Runs in every process; of those, one has a job at a time, by a lease in the journal's database. Another one goes on where it
/// stopped, ten seconds later at most.
public final class ReplayRunner: Sendable {
    /// Lifts a conversation's hold and tells its owner.
    public typealias Lift = @Sendable (Conversation.ID) async throws -> Void

    private static let idleInterval = Duration.seconds(1)
    private static let busyInterval = Duration.milliseconds(100)

    private let store: ReplayStore
    private let log: any PartitionLog
    private let name: String
    private let logger: Logger
    private let lift: Lift
    private let now: @Sendable () -> Moment
    private let pacers = Mutex<[Int64: ReplayPacer]>([:])

    /// - Parameter name: unique for each start of a process.
    package init(
        store: ReplayStore, log: any PartitionLog, name: String, logger: Logger, now: @escaping @Sendable () -> Moment,
        lift: @escaping Lift
    ) {
        self.store = store
        self.log = log
        self.name = name
        self.logger = logger
        self.now = now
        self.lift = lift
    }

    /// Until the task is cancelled. Called once.
    ///
    /// - Parameter sleep: between two looks.
    public func run(sleep: @Sendable (Duration) async throws -> Void) async {
        var isTroubled = false
        while !Task.isCancelled {
            var isBusy = false
            do {
                isBusy = try await self.step()
                isTroubled = false
            } catch  where error.code == .fenced {
                // Another process has it; the next look shows what is left.
            } catch {
                if !isTroubled {
                    self.logger.warning("replays wait for the store", metadata: ["error": "\(error)"])
                }
                isTroubled = true
            }
            guard (try? await sleep(isBusy ? Self.busyInterval : Self.idleInterval)) != nil else { break }
        }
        // Shielded from the cancellation that ended the loop: others need not wait then.
        await Task { try? await self.store.leave(self.name) }.value
    }

    /// Looks at every job once.
    ///
    /// - Returns: whether there is more to do soon.
    package func step() async throws(StoreError) -> Bool {
        guard try await self.store.hasWork() else { return false }
        let jobs = try await self.store.claim(for: self.name)
        for (job, options) in jobs { try await self.advance(job, options) }
        self.pacers.withLock { pacers in
            let open = Set(jobs.map(\.id))
            pacers = pacers.filter { open.contains($0.key) }
        }
        return !jobs.isEmpty
    }

    private func advance(_ job: Int64, _ options: ReplayJob.Options) async throws(StoreError) {
        let sweep = try await self.store.sweep(job, options, for: self.name)
        for conversation in sweep.lifts {
            do {
                try await self.lift(conversation)
                try await AuditStore(self.store.database).released(conversation, by: "replay \(job)")
                try await self.store.lifted(conversation, of: job)
            } catch {
                throw StoreError(.unavailable, "\(conversation) could not be released: \(error)")
            }
        }
        if sweep.isDone { return self.logger.notice("dead letters replayed", metadata: ["replay": "\(job)"]) }
        let moment = self.now()
        let allowance = self.pacers.withLock { $0[job, default: ReplayPacer()].allowance(options.rate, at: moment.uptime) }
        let letters = try await self.store.release(
            min(allowance, 200), of: job, options, for: self.name, at: moment.wallTime)
        guard !letters.isEmpty else { return }
        self.pacers.withLock { $0[job]?.used(letters.count) }
        // A call that is repeated after its answer was lost finds them seen before: they are there once.
        _ = try await self.log.append(
            letters.map { letter in
                let isMenu = letter.message.details.showsMenu ?? false
                return LogAppend(message: letter.message, route: Route(assistant: letter.assistant, isChosen: !isMenu))
            })
        try await self.store.appended(letters.map(\.letter), of: job)
        for letter in letters {
            self.logger.info(
                "dead letter replayed",
                metadata: [
                    "replay": "\(job)", "message_id": "\(letter.message.id)",
                    "conversation": "\(letter.message.conversation)", "trace_id": "\(letter.message.traceID)",
                ])
        }
    }
}
