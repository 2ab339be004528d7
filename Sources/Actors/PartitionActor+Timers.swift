import CardumeCore

/// A partition's timers: which are to be set and which sessions have ended is kept until the log knows; the next one's time is
/// slept for.
struct PartitionTimers {
    /// Not yet in the log.
    var unset: [ConversationTimer] = []
    var ended: [SessionEnd] = []
    /// When the next of those in the log is due.
    var nextDue: Timestamp?
    var isFiring = false
    var areUnwritten: Bool { !self.unset.isEmpty || !self.ended.isEmpty }
    var task: Task<Void, Never>?
}

extension PartitionActor {
    /// How long a timer is slept for at most: then the wall clock is looked at again, because people set clocks.
    private static let longestSleep: Duration = .seconds(60)

    /// The turn of `message` and its sends have ended well, or it is a timer's, however it ended.
    func planTimers(after message: InboundMessage) {
        let plan = self.settings.assistant.timers
        guard !plan.isEmpty else { return }
        if let timer = plan.next(after: message, at: self.environment.clock.wallTime) { self.timers.unset.append(timer) }
        if let end = plan.sessionEnd(after: message) { self.timers.ended.append(end) }
    }

    /// Tells the log of timers and ended sessions, before the entries that brought them are settled: whoever takes over in
    /// between finds them unsettled and does this again.
    func writeTimers() async throws {
        let (timers, ended) = (self.timers.unset, self.timers.ended)
        self.timers.unset = []
        self.timers.ended = []
        if !timers.isEmpty {
            try await self.environment.untilAvailable { try await self.environment.log.set(timers, self.fence) }
            self.wake(at: timers.map(\.firing.dueAt).min())
        }
        if !ended.isEmpty {
            try await self.environment.untilAvailable { try await self.environment.log.end(ended, self.fence) }
        }
    }

    /// Sees to it that what is due at `time` fires.
    func wake(at time: Timestamp?) {
        guard let time, !self.isStopping else { return }
        if let earlier = self.timers.nextDue, earlier <= time { return }
        self.timers.nextDue = time
        guard !self.timers.isFiring else { return }
        self.timers.task?.cancel()
        self.timers.task = Task { await self.fireTimers() }
    }

    private func fireTimers() async {
        while let due = self.timers.nextDue, !Task.isCancelled, !self.isStopping {
            let now = self.environment.clock.wallTime
            guard due <= now else {
                try? await self.environment.clock.sleep(for: min(due.elapsed(since: now), Self.longestSleep))
                continue
            }
            self.operationBegan()
            await self.fire(dueBy: now)
            self.operationEnded()
        }
    }

    private func fire(dueBy now: Timestamp) async {
        // From here on, ``wake(at:)`` tells of timers that are set meanwhile.
        self.timers.nextDue = nil
        self.timers.isFiring = true
        defer { self.timers.isFiring = false }
        do {
            let next = try await self.environment.untilAvailable {
                try await self.environment.log.fire(dueBy: now, self.fence)
            }
            self.timers.nextDue = [self.timers.nextDue, next].compactMap { $0 }.min()
        } catch {
            if let error = error as? StoreError { self.abandon(error) }
        }
    }
}
