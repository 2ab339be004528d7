package import CardumeCore
import Foundation

/// Replays of dead letters and how far they have come, in either database.
///
/// A letter goes through `pending` → `released` (its row says that it is on its way; it is no dead letter from here on) →
/// `appended` (it is in the log) → `answered | failed`. Of one conversation, one letter of a job is under way at a time. Each
/// step is one transaction or repeatable, so that a crash between any two neither loses nor repeats a letter.
package struct ReplayStore: Sendable {
    /// A letter to be appended to the log.
    package struct Release: Sendable {
        package var letter: Int64
        package var message: InboundMessage
        package var assistant: AssistantID
    }

    /// What became of those under way.
    package struct Sweep: Sendable {
        package var answered = 0
        package var failed = 0
        /// Conversations whose hold is to be lifted now.
        package var lifts: [Conversation.ID] = []
        package var isDone = false
    }

    /// What has become of a request for a replay.
    package struct Begun: Sendable {
        /// `nil` when there was nothing to put back.
        package var job: Int64?
        /// Letters of the filter that another replay has.
        package var leftOut: Int
    }

    /// How long a process that says nothing keeps a job.
    static let patience = Duration.seconds(10)

    let database: any AdminDatabase

    package init(_ database: any AdminDatabase) { self.database = database }

    /// Those of a filter that a job takes.
    private static func condition(_ filter: DeadLetterFilter, _ options: ReplayJob.Options) -> DeadLetterCondition {
        var condition = DeadLetterCondition(filter).waiting
        condition.add("d.kind <> 'system'")
        if !options.resendsInDoubt { condition.add("d.category <> '\(TurnFailure.Category.sendInDoubt.rawValue)'") }
        return condition
    }

    // MARK: Asking for one

    package func forecast(
        _ filter: DeadLetterFilter, _ options: ReplayJob.Options
    ) async throws(StoreError) -> ReplayForecast {
        _ = try await DeadLetterStore(self.database).count(filter)
        return try await self.database.query { query in
            var forecast = ReplayForecast()
            let all = DeadLetterCondition(filter).waiting
            let left = try query(
                "SELECT d.kind, d.category, count(*) FROM {dead_letters} d WHERE \(all.sql) GROUP BY 1, 2", all.parameters)
            for row in left {
                if row.text(0) == MessageKind.system.rawValue {
                    forecast.timers += row.count(2)
                } else if row.text(1) == TurnFailure.Category.sendInDoubt.rawValue, !options.resendsInDoubt {
                    forecast.inDoubt += row.count(2)
                }
            }
            let taken = Self.condition(filter, options)
            let rows = try query(
                """
                SELECT d.assistant, d.category, count(*), sum(CASE WHEN EXISTS (
                    SELECT 1 FROM {turns} t WHERE t.conversation = d.conversation AND t.turn = d.message_id
                ) THEN 1 ELSE 0 END) FROM {dead_letters} d WHERE \(taken.sql) GROUP BY 1, 2
                """, taken.parameters)
            for row in rows {
                forecast.count += row.count(2)
                forecast.repliesOnly += row.count(3)
                forecast.assistants[row.text(0) ?? "", default: 0] += row.count(2)
                forecast.categories[row.text(1) ?? "", default: 0] += row.count(2)
            }
            let conversations = try query(
                """
                SELECT count(*), coalesce(sum(CASE WHEN EXISTS (
                    SELECT 1 FROM {holds} h WHERE h.conversation = c.conversation
                ) THEN 1 ELSE 0 END), 0)
                FROM (SELECT DISTINCT d.conversation FROM {dead_letters} d WHERE \(taken.sql)) c
                """, taken.parameters)[0]
            (forecast.conversations, forecast.heldConversations) = (conversations.count(0), conversations.count(1))
            forecast.replaying = try Self.replaying(filter, query)
            return forecast
        }
    }

    /// How many that a filter means are another replay's.
    private static func replaying(_ filter: DeadLetterFilter, _ query: AdminQuery) throws -> Int {
        let condition = DeadLetterCondition(filter).replaying
        return try query("SELECT count(*) FROM {dead_letters} d WHERE \(condition.sql)", condition.parameters)[0].count(0)
    }

    /// Begins a job over what `filter` means now. Jobs begin one after the other: no letter is in two that are not done.
    package func create(
        _ filter: DeadLetterFilter, _ options: ReplayJob.Options, by who: String, reason: String?
    ) async throws(StoreError) -> Begun {
        _ = try await DeadLetterStore(self.database).count(filter)
        let dialect = self.database.dialect
        guard let json = try? JSONEncoder().encode(filter) else { preconditionFailure("a filter cannot be encoded") }
        return try await self.database.transaction { query in
            try dialect.excludeOthers(query)
            let leftOut = try Self.replaying(filter, query)
            let job =
                try query(
                    """
                    INSERT INTO {replay_jobs} (at, who, reason, filter, rate, single_attempt, release, resend, state)
                    VALUES (\(dialect.now), $1, \(dialect.typed("$2", as: "text")), $3, $4, $5, $6, $7, 'running') RETURNING id
                    """,
                    [
                        .text(who), .optional(reason), .text(String(decoding: json, as: UTF8.self)), .double(options.rate),
                        .flag(!options.resetsRetryCount), .flag(options.releasesConversations), .flag(options.resendsInDoubt),
                    ])[0].int(0) ?? 0
            var condition = Self.condition(filter, options)
            let name = condition.bind(.int(job))
            let items = try query(
                """
                INSERT INTO {replay_items} (job, letter, conversation, message_id, state)
                SELECT \(dialect.typed(name, as: "int8")), d.id, d.conversation, d.message_id, 'pending'
                FROM {dead_letters} d WHERE \(condition.sql) RETURNING letter
                """, condition.parameters)
            guard items.isEmpty else { return Begun(job: job, leftOut: leftOut) }
            _ = try query("DELETE FROM {replay_jobs} WHERE id = $1", [.int(job)])
            return Begun(job: nil, leftOut: leftOut)
        }
    }

    /// Stops one: nothing more goes back.
    ///
    /// - Returns: whether it was running.
    package func cancel(_ job: Int64) async throws(StoreError) -> Bool {
        let now = self.database.dialect.now
        return try await self.database.transaction { query in
            let rows = try query(
                """
                UPDATE {replay_jobs} SET state = 'cancelled', finished_at = \(now) WHERE id = $1 AND state = 'running'
                RETURNING id
                """, [.int(job)])
            // What is released must still be appended: it is no dead letter any more. Its process, or the next, does it.
            return !rows.isEmpty
        }
    }

    /// The latest first.
    package func jobs(_ id: Int64? = nil, before: Int64? = nil, limit: Int) async throws(StoreError) -> [ReplayJob] {
        let dialect = self.database.dialect
        return try await self.database.query { query in
            let rows = try query(
                """
                SELECT id, at, who, reason, filter, rate, single_attempt, release, resend, state, finished_at FROM {replay_jobs}
                WHERE (\(dialect.typed("$1", as: "int8")) IS NULL OR id = $1)
                AND (\(dialect.typed("$2", as: "int8")) IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
                """, [id.map(AdminValue.int) ?? .null, before.map(AdminValue.int) ?? .null, .int(Int64(limit))])
            return try rows.map { try Self.job($0, query) }
        }
    }

    private static func job(_ row: AdminRow, _ query: AdminQuery) throws -> ReplayJob {
        let id = row.int(0) ?? 0
        var progress = ReplayJob.Progress()
        for row in try query("SELECT state, count(*) FROM {replay_items} WHERE job = $1 GROUP BY 1", [.int(id)]) {
            let count = row.count(1)
            switch row.text(0) {
            case "pending": progress.pending = count
            case "released", "appended": progress.underWay += count
            case "answered": progress.answered = count
            case "failed": progress.failed = count
            case "skipped": progress.skipped = count
            default: progress.gone += count
            }
        }
        return ReplayJob(
            id: id, at: row.time(1) ?? Timestamp(milliseconds: 0), who: row.text(2) ?? "", reason: row.text(3),
            filter: row.text(4).flatMap { try? JSONDecoder().decode(DeadLetterFilter.self, from: Data($0.utf8)) }
                ?? DeadLetterFilter(),
            options: Self.options(row, from: 5), state: row.text(9).flatMap(ReplayJob.State.init) ?? .running,
            finishedAt: row.time(10), progress: progress)
    }

    /// Rate, single attempt, release and resend, from `column` on.
    static func options(_ row: AdminRow, from column: Int) -> ReplayJob.Options {
        ReplayJob.Options(
            rate: row.double(column) ?? 1, resetsRetryCount: row.count(column + 1) == 0,
            releasesConversations: row.count(column + 2) == 1, resendsInDoubt: row.count(column + 3) == 1)
    }
}
