package import CardumeCore
import Foundation

/// What the process that has a job does with it.
extension ReplayStore {
    /// Takes the jobs that nobody else is at, and keeps those that `runner` has: unfinished ones, and cancelled ones with letters
    /// on their way.
    package func claim(for runner: String) async throws(StoreError) -> [(id: Int64, options: ReplayJob.Options)] {
        let dialect = self.database.dialect
        let (now, skip) = (dialect.now, dialect.skippingLocked)
        return try await self.database.transaction { query in
            try query(
                """
                UPDATE {replay_jobs} SET runner = $1, runner_until = \(now) + $2 WHERE id IN (
                    SELECT j.id FROM {replay_jobs} j WHERE (j.runner = $1 OR j.runner_until < \(now)) AND (
                        j.state = 'running' OR j.state = 'cancelled' AND EXISTS (
                            SELECT 1 FROM {replay_items} i WHERE i.job = j.id AND i.state IN ('released', 'appended')
                        )
                    ) ORDER BY j.id\(skip)
                ) RETURNING id, rate, single_attempt, release, resend
                """, [.text(runner), .int(Self.patience.milliseconds)]
            ).map { ($0.int(0) ?? 0, Self.options($0, from: 1)) }
        }
    }

    /// Whether there may be something to ``claim(for:)``: asked about once a second by every process.
    package func hasWork() async throws(StoreError) -> Bool {
        try await self.database.query { query in
            try !query(
                """
                SELECT j.id FROM {replay_jobs} j WHERE j.state = 'running' OR j.state = 'cancelled' AND EXISTS (
                    SELECT 1 FROM {replay_items} i WHERE i.job = j.id AND i.state IN ('released', 'appended')
                ) LIMIT 1
                """, []
            ).isEmpty
        }
    }

    /// Lets go of what `runner` has, for others to take at once.
    package func leave(_ runner: String) async throws(StoreError) {
        try await self.database.transaction { query in
            _ = try query("UPDATE {replay_jobs} SET runner_until = 0 WHERE runner = $1", [.text(runner)])
        }
    }

    /// Makes the next letters of a job ready to be appended: the first of each conversation of which none is under way. Those
    /// that an earlier call made ready and nobody has seen appended come first, whatever the limit.
    ///
    /// - Throws: ``StoreError/Code/fenced`` when another process has the job.
    package func release(
        _ limit: Int, of job: Int64, _ options: ReplayJob.Options, for runner: String, at now: Timestamp
    ) async throws(StoreError) -> [Release] {
        let dialect = self.database.dialect
        return try await self.database.transaction { query in
            try Self.check(job, runner, dialect, query)
            let isRunning = try query("SELECT id FROM {replay_jobs} WHERE id = $1 AND state = 'running'", [.int(job)])
            if limit > 0, !isRunning.isEmpty { try Self.release(limit, of: job, options, dialect, query) }
            let rows = try query(
                """
                SELECT d.id, d.assistant, d.category, d.error, d.attempts, \(dialect.milliseconds("d.at")), d.message,
                    d.fingerprint, d.replays, 1, i.replay
                FROM {replay_items} i JOIN {dead_letters} d ON d.id = i.letter
                WHERE i.job = $1 AND i.state = 'released' ORDER BY i.letter
                """, [.int(job)])
            return try rows.compactMap { row in
                guard let letter = DeadLetterStore.letter(row) else {
                    try Self.giveUp(row.int(0) ?? 0, of: job, query)
                    return nil
                }
                let replay = MessageReplay(number: row.count(10), isSingleAttempt: !options.resetsRetryCount)
                return Release(
                    letter: letter.id, message: letter.message.replayed(replay, at: now), assistant: letter.assistant)
            }
        }
    }

    /// Its message cannot be read: it stays a dead letter.
    private static func giveUp(_ letter: Int64, of job: Int64, _ query: AdminQuery) throws {
        _ = try query("UPDATE {dead_letters} SET replayed_at = NULL WHERE id = $1", [.int(letter)])
        _ = try query(
            "UPDATE {replay_items} SET state = 'failed' WHERE job = $1 AND letter = $2", [.int(job), .int(letter)])
    }

    private static func release(
        _ limit: Int, of job: Int64, _ options: ReplayJob.Options, _ dialect: AdminDialect, _ query: AdminQuery
    ) throws {
        // One that failed again holds its conversation: those behind it would be answered before it.
        _ = try query(
            """
            UPDATE {replay_items} SET state = 'skipped' WHERE job = $1 AND state = 'pending' AND EXISTS (
                SELECT 1 FROM {replay_items} f WHERE f.job = $1 AND f.conversation = replay_items.conversation
                AND f.state = 'failed'
            ) AND EXISTS (SELECT 1 FROM {holds} h WHERE h.conversation = replay_items.conversation)
            """, [.int(job)])
        let rows = try query(
            """
            SELECT i.letter, i.conversation, i.message_id, d.replays,
                CASE WHEN d.id IS NULL OR d.replayed_at IS NOT NULL THEN 1 ELSE 0 END
            FROM {replay_items} i LEFT JOIN {dead_letters} d ON d.id = i.letter
            WHERE i.job = $1 AND i.state = 'pending' AND NOT EXISTS (
                SELECT 1 FROM {replay_items} e WHERE e.job = $1 AND e.conversation = i.conversation AND e.letter < i.letter
                AND e.state IN ('pending', 'released', 'appended')
            ) ORDER BY i.letter LIMIT $2
            """, [.int(job), .int(Int64(limit))])
        for row in rows {
            let (letter, conversation, message) = (row.int(0) ?? 0, row.text(1) ?? "", row.text(2) ?? "")
            let number = row.int(3).map { $0 + 1 } ?? 0
            let state = row.count(4) == 1 ? "gone" : "released"
            _ = try query(
                "UPDATE {replay_items} SET state = $3, replay = $4 WHERE job = $1 AND letter = $2",
                [.int(job), .int(letter), .text(state), .int(number)])
            guard state == "released" else { continue }
            let now = dialect == .postgres ? "clock_timestamp()" : dialect.now
            // Attempts count from the beginning again, or go on.
            let attempts = options.resetsRetryCount ? ", attempts = 0" : ""
            _ = try query(
                "UPDATE {dead_letters} SET replayed_at = \(now), replays = $2\(attempts) WHERE id = $1",
                [.int(letter), .int(number)])
            // Of a turn that is journaled, what was lost is its replies.
            let states = options.resendsInDoubt ? "'refused', 'parked'" : "'refused'"
            _ = try query(
                """
                UPDATE {sends} SET state = 'pending', attempts = 0, resends = 0
                WHERE conversation = $1 AND turn = $2 AND state IN (\(states))
                """, [.text(conversation), .text(message)])
        }
    }

    /// The log has these.
    package func appended(_ letters: [Int64], of job: Int64) async throws(StoreError) {
        guard !letters.isEmpty else { return }
        try await self.database.transaction { query in
            let list = letters.map(String.init).joined(separator: ", ")
            _ = try query(
                """
                UPDATE {replay_items} SET state = 'appended' WHERE job = $1 AND state = 'released' AND letter IN (\(list))
                """, [.int(job)])
        }
    }

    /// Finds out what became of those in the log, and whether the job has come to its end.
    package func sweep(
        _ job: Int64, _ options: ReplayJob.Options, for runner: String
    ) async throws(StoreError) -> Sweep {
        let dialect = self.database.dialect
        return try await self.database.transaction { query in
            try Self.check(job, runner, dialect, query)
            var sweep = Sweep()
            // Deleted for their age between two steps.
            _ = try query(
                """
                UPDATE {replay_items} SET state = 'gone' WHERE job = $1 AND state = 'released'
                AND NOT EXISTS (SELECT 1 FROM {dead_letters} d WHERE d.id = replay_items.letter)
                """, [.int(job)])
            for row in try query(Self.outcomes, [.int(job)]) {
                let letter = row.int(0) ?? 0
                let (isThere, isDead, isJournaled, isUnsent) = (
                    row.count(1) == 1, row.count(2) == 1, row.count(3) == 1, row.count(4) == 1
                )
                let state: String
                switch (isThere, isDead) {
                case (true, true): state = "failed"
                case (true, false) where isJournaled && !isUnsent: state = "answered"
                case (true, false): continue
                case (false, _): state = isJournaled ? "answered" : "gone"
                }
                if state == "answered" { sweep.answered += 1 }
                if state == "failed" { sweep.failed += 1 }
                _ = try query(
                    "UPDATE {replay_items} SET state = $3 WHERE job = $1 AND letter = $2",
                    [.int(job), .int(letter), .text(state)])
                if state == "answered", isThere {
                    _ = try query(
                        "DELETE FROM {dead_letters} WHERE id = $1 AND replayed_at IS NOT NULL", [.int(letter)])
                }
            }
            if options.releasesConversations { sweep.lifts = try Self.lifts(of: job, query) }
            let isOpen = try !query(
                """
                SELECT letter FROM {replay_items} WHERE job = $1 AND state IN ('pending', 'released', 'appended') LIMIT 1
                """, [.int(job)]
            ).isEmpty
            if !isOpen, sweep.lifts.isEmpty {
                _ = try query(
                    "UPDATE {replay_jobs} SET state = 'done', finished_at = \(dialect.now) WHERE id = $1 AND state = 'running'",
                    [.int(job)])
                sweep.isDone = true
            }
            return sweep
        }
    }

    /// Of each letter in the log: whether its row is there, whether it is a dead letter again, whether its turn is journaled, and
    /// whether a reply of that has not come to its end.
    private static let outcomes = """
        SELECT i.letter, CASE WHEN d.id IS NULL THEN 0 ELSE 1 END, CASE WHEN d.replayed_at IS NULL THEN 1 ELSE 0 END,
            CASE WHEN EXISTS (
                SELECT 1 FROM {turns} t WHERE t.conversation = i.conversation AND t.turn = i.message_id
            ) THEN 1 ELSE 0 END,
            CASE WHEN EXISTS (
                SELECT 1 FROM {sends} s WHERE s.conversation = i.conversation AND s.turn = i.message_id
                AND s.state NOT IN ('accepted', 'dropped')
            ) THEN 1 ELSE 0 END
        FROM {replay_items} i LEFT JOIN {dead_letters} d ON d.id = i.letter WHERE i.job = $1 AND i.state = 'appended'
        """

    private static func lifts(of job: Int64, _ query: AdminQuery) throws -> [Conversation.ID] {
        try query(
            """
            SELECT i.conversation FROM {replay_items} i WHERE i.job = $1 GROUP BY 1
            HAVING sum(CASE WHEN i.state IN ('answered', 'gone') THEN 0 ELSE 1 END) = 0 AND sum(i.is_lifted) = 0
            """, [.int(job)]
        ).compactMap { $0.text(0).map { Conversation.ID($0) } }
    }

    /// The conversation goes on; it is not lifted again by this job.
    package func lifted(_ conversation: Conversation.ID, of job: Int64) async throws(StoreError) {
        try await self.database.transaction { query in
            _ = try query(
                "UPDATE {replay_items} SET is_lifted = 1 WHERE job = $1 AND conversation = $2",
                [.int(job), .text(conversation.rawValue)])
        }
    }

    private static func check(_ job: Int64, _ runner: String, _ dialect: AdminDialect, _ query: AdminQuery) throws {
        let lock = dialect == .postgres ? " FOR UPDATE" : ""
        let rows = try query(
            "SELECT id FROM {replay_jobs} WHERE id = $1 AND runner = $2 AND runner_until > \(dialect.now)\(lock)",
            [.int(job), .text(runner)])
        guard !rows.isEmpty else { throw StoreError(.fenced, "another process goes on with replay \(job)") }
    }
}
