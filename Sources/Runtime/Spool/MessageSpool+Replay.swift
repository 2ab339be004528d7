import CardumeCore
import Logging

/// How what is on disk comes into the log.
///
/// The log itself says how long it may take (`redis.reply_deadline`): who gave up earlier would hand the same messages over and
/// over to one that is slow. Messages that arrive there twice are duplicates.
extension MessageSpool {
    private struct Replay {
        var cursor = ReplayCursor()
        /// When those that were left behind are tried again.
        var nextProbe = ContinuousClock.now
        /// Whether anything has been taken since they were tried last.
        var isAnybodyThere = false
    }

    /// Messages that are read at once.
    private static let batch = 256
    private static let retryInterval: Duration = .milliseconds(250)
    private static let longestRetryInterval: Duration = .seconds(10)
    private static let removalInterval: Duration = .seconds(1)

    /// Replays until the task is cancelled; returns soon then, whatever the log does. What is left stays on disk. Called once.
    ///
    /// - Throws: a ``StoreError`` when the log is not what it should be.
    public func run() async throws {
        defer {
            self.change { state in
                state.isRunning = false
                state.gate.interrupted()
                return true
            }
        }
        let held = self.contents
        if held.messages > 0 {
            self.logger.notice("the spool holds messages of an earlier run", metadata: ["messages": "\(held.messages)"])
        }
        guard try await self.untilPrepared() else { return }
        var replay = Replay()
        for await _ in self.signals.stream {
            while !Task.isCancelled {
                if self.state.withLock({ $0.gate.isSpooling }) {
                    await self.step(&replay)
                } else if !replay.cursor.unremoved.isEmpty {
                    try? await ContinuousClock().sleep(for: Self.removalInterval)
                    await self.removeTaken(&replay.cursor)
                } else {
                    break
                }
            }
        }
    }

    /// Returns whether the log is as it should be; `false` when cancelled.
    private func untilPrepared() async throws -> Bool {
        while !Task.isCancelled {
            do {
                try await self.prepare()
                return true
            } catch let error as StoreError where error.code.isTransient {
                self.interrupt()
                guard (try? await ContinuousClock().sleep(for: Self.retryInterval)) != nil else { return false }
            }
        }
        return false
    }

    /// Appends the next messages, or waits for a moment.
    private func step(_ replay: inout Replay) async {
        do throws(StoreError) {
            var taken = await self.probe(&replay)
            let horizon = self.state.withLock { $0.gate.horizon }
            let page = try await self.file.read(after: replay.cursor.position, below: horizon, limit: Self.batch)
            try await self.setAside(page.damage)
            let groups = replay.cursor.advance(over: page, partitions: self.log.partitionCount)
            let rows = await self.append(groups, &replay.cursor)
            taken += rows.count
            let isLast = page.count < Self.batch && replay.cursor.behind.isEmpty
            if self.finished(rows, isLast: isLast) { return }
            if taken > 0 { replay.isAnybodyThere = true }
            if !replay.cursor.behind.isEmpty {
                self.interrupt()
                if taken == 0 { try? await ContinuousClock().sleep(for: Self.retryInterval) }
            } else if page.count == 0 {
                // Somebody is on the way still.
                try? await ContinuousClock().sleep(for: .milliseconds(2))
            }
        } catch {
            self.interrupt()
            self.report(error)
            try? await ContinuousClock().sleep(for: error.code.isTransient ? Self.retryInterval : .seconds(5))
        }
    }

    /// Tries those partitions again that were left behind, with one message each. Where that takes long, the others' messages
    /// wait meanwhile, so that it is done seldom.
    ///
    /// - Returns: how many messages were taken.
    private func probe(_ replay: inout Replay) async -> Int {
        guard !replay.cursor.behind.isEmpty, replay.nextProbe <= .now else { return 0 }
        let beganAt = ContinuousClock.now
        let rows = await self.append(replay.cursor.behind.mapValues { [$0] }, &replay.cursor)
        _ = self.finished(rows, isLast: false)
        let pause = min(max((ContinuousClock.now - beganAt) * 4, Self.retryInterval), Self.longestRetryInterval)
        replay.nextProbe = replay.isAnybodyThere ? .now + pause : .now
        replay.isAnybodyThere = false
        return rows.count
    }

    /// Appends messages, each partition's by themselves: a shard that is away keeps its own from the log.
    ///
    /// - Returns: those that are in the log. They are removed from the disk, now or later.
    private func append(_ groups: [Int: [SpoolFile.Row]], _ cursor: inout ReplayCursor) async -> [SpoolFile.Row] {
        let failures = await withTaskGroup(of: (Int, StoreError?).self) { group in
            for (partition, rows) in groups { group.addTask { (partition, await self.failure(of: rows)) } }
            return await group.reduce(into: [Int: StoreError]()) { $0[$1.0] = $1.1 }
        }
        var taken: [SpoolFile.Row] = []
        for (partition, rows) in groups {
            if failures[partition] == nil {
                cursor.taken(rows, of: partition)
                taken += rows
            } else {
                cursor.refused(rows, of: partition)
            }
        }
        // What is not merely away says more.
        if let error = failures.values.first(where: { $0.code != .unavailable }) ?? failures.values.first { self.report(error) }
        await self.removeTaken(&cursor)
        return taken
    }

    /// Why the log does not take messages of one partition; `nil` when it did. At shutdown nobody waits to hear it.
    private func failure(of rows: [SpoolFile.Row]) async -> StoreError? {
        let answer = FirstAnswer<StoreError?>()
        let task = Task {
            do throws(StoreError) {
                _ = try await self.log.append(rows.map(\.append))
                answer.give(nil)
            } catch {
                answer.give(error)
            }
        }
        return await withTaskCancellationHandler {
            await answer.value()
        } onCancel: {
            answer.give(StoreError(.unavailable, "interrupted while messages were being replayed"))
            task.cancel()
        }
    }

    /// Messages are in the log. When the disk is too full even for removing them, they do not stand in anybody's way: that is
    /// tried again, and if the process ends before, they are duplicates.
    private func removeTaken(_ cursor: inout ReplayCursor) async {
        while !cursor.unremoved.isEmpty {
            let numbers = Array(cursor.unremoved.prefix(1_000))
            do throws(StoreError) {
                try await self.file.remove(numbers)
                cursor.removed(numbers)
            } catch {
                return self.report(error)
            }
        }
    }

    private func setAside(_ damage: [SpoolFile.Damage]) async throws(StoreError) {
        guard !damage.isEmpty else { return }
        try await self.file.reject(damage)
        self.logger.error(
            "the spool held what is no message; it was put into the table `rejected`",
            metadata: ["rows": "\(damage.count)", "file": "\(self.file.path)", "first_problem": "\(damage[0].reason)"])
        _ = self.finished(messages: damage.count, bytes: damage.reduce(0) { $0 + $1.size }, isLast: false)
    }

    /// - Returns: whether the straight way is open.
    private func finished(_ rows: [SpoolFile.Row], isLast: Bool) -> Bool {
        self.finished(messages: rows.count, bytes: rows.reduce(0) { $0 + $1.size }, isLast: isLast)
    }

    private func finished(messages: Int, bytes: Int, isLast: Bool) -> Bool {
        var (isOpen, replayed) = (false, 0)
        self.change { state in
            state.reserved -= bytes
            state.replayed += messages
            isOpen = state.gate.replayed(messages: messages, bytes: bytes, isLast: isLast)
            replayed = state.replayed
            if isOpen { state.replayed = 0 }
            return isOpen
        }
        if isOpen, replayed > 0 {
            self.logger.notice("the spool is empty again", metadata: ["replayed": "\(replayed)"])
        }
        return isOpen
    }

    private func report(_ error: StoreError) {
        let isAbsence = error.code == .unavailable
        guard !Task.isCancelled, let suppressed = (isAbsence ? self.absences : self.refusals).admit() else { return }
        self.logger.log(
            level: isAbsence ? .warning : .error, "messages stay in the spool for now",
            metadata: ["error": "\(error)", "lines_suppressed": "\(suppressed)"])
    }
}
