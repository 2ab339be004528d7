public import CardumeCore
import GRDB

extension SQLiteStore: UsageReader {
    public func usage(since day: CivilDay) async throws(StoreError) -> [DailyUsage] {
        try await self.reading { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT day, assistant, model, requests, prompt_tokens, completion_tokens, cost_micros FROM usage_daily
                    WHERE day >= ? ORDER BY day, assistant, model
                    """)
            return try Row.fetchAll(statement, arguments: [day.description]).compactMap { row in
                CivilDay(row[0] as String).map {
                    DailyUsage(
                        day: $0, assistant: AssistantID(row[1] as String), model: row[2], requests: row[3],
                        promptTokens: row[4], completionTokens: row[5], costMicros: row[6])
                }
            }
        }
    }

    /// Adds a turn to its day, in the turn's own transaction.
    static func countUsage(of turn: TurnCommit, _ db: Database) throws {
        guard let usage = turn.usage else { return }
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO usage_daily VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET requests = requests + 1,
                prompt_tokens = prompt_tokens + excluded.prompt_tokens,
                completion_tokens = completion_tokens + excluded.completion_tokens,
                cost_micros = cost_micros + excluded.cost_micros
                """)
        try statement.execute(arguments: [
            (usage.day ?? CivilDay(of: turn.finishedAt)).description, turn.assistant.rawValue, usage.model, usage.prompt,
            usage.completion, usage.costMicros,
        ])
    }
}
