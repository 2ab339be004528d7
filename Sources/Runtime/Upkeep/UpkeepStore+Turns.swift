import CardumeCore

/// Turns go with their sends.
extension UpkeepStore {
    /// Those of conversations that go on; silent ones leave as a whole.
    func countTurns(before time: Timestamp) async throws(StoreError) -> Int {
        let isFree = Self.isFree("x.conversation", self.dialect)
        return try await self.database.query { query in
            try query("SELECT count(*) FROM {turns} x WHERE x.finished_at < $1 AND \(isFree)", [.time(time)])[0].count(0)
        }
    }

    /// Deletes up to `limit` turns that ended before `time`, with their sends.
    ///
    /// - Returns: how many; fewer turns than `limit` when there are no more, but for those that others have in hand.
    func deleteTurns(before time: Timestamp, limit: Int) async throws(StoreError) -> (turns: Int, sends: Int) {
        switch self.dialect {
        case .postgres: try await self.deleteTurnsByPlace(before: time, limit: limit)
        case .sqlite: try await self.deleteTurnsByKey(before: time, limit: limit)
        }
    }

    /// The index on the time is one of block ranges: it finds the oldest part of the table, in which the rows are.
    private func deleteTurnsByPlace(
        before time: Timestamp, limit: Int
    ) async throws(StoreError) -> (turns: Int, sends: Int) {
        let isFree = Self.isFree("x.conversation", .postgres)
        return try await self.database.transaction { query in
            let row = try query(
                """
                WITH old AS (
                    DELETE FROM {turns} WHERE ctid = ANY (ARRAY(
                        SELECT x.ctid FROM {turns} x WHERE x.finished_at < $1 AND \(isFree)
                        LIMIT $2 FOR UPDATE OF x SKIP LOCKED
                    )) RETURNING conversation, turn
                ), gone AS (
                    DELETE FROM {sends} s USING old WHERE s.conversation = old.conversation AND s.turn = old.turn RETURNING 1
                )
                SELECT (SELECT count(*) FROM old), (SELECT count(*) FROM gone)
                """, [.time(time), .int(Int64(limit))])[0]
            return (row.count(0), row.count(1))
        }
    }

    private func deleteTurnsByKey(
        before time: Timestamp, limit: Int
    ) async throws(StoreError) -> (turns: Int, sends: Int) {
        let isFree = Self.isFree("x.conversation", .sqlite)
        let found = try await self.database.query { query in
            try query(
                "SELECT x.conversation, x.turn FROM {turns} x WHERE x.finished_at < $1 AND \(isFree) LIMIT $2",
                [.time(time), .int(Int64(limit))]
            ).map { [AdminValue.text($0.text(0) ?? ""), .text($0.text(1) ?? "")] }
        }
        guard !found.isEmpty else { return (0, 0) }
        return try await self.database.transaction { query in
            var (turns, sends) = (0, 0)
            for key in found {
                let gone = try query(
                    """
                    DELETE FROM {turns} AS x WHERE x.conversation = $2 AND x.turn = $3 AND x.finished_at < $1 AND \(isFree)
                    RETURNING 1
                    """, [.time(time)] + key)
                guard !gone.isEmpty else { continue }
                turns += 1
                sends += try query("DELETE FROM {sends} WHERE conversation = $1 AND turn = $2 RETURNING 1", key).count
            }
            return (turns, sends)
        }
    }
}
