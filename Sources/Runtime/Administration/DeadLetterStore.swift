package import CardumeCore
import Foundation

/// Dead letters as operators look for them, in either database.
package struct DeadLetterStore: Sendable {
    /// Indexed in one transaction, or read at once.
    private static let batch = 500

    let database: any AdminDatabase

    package init(_ database: any AdminDatabase) { self.database = database }

    /// - Parameters:
    ///   - before: only those with lower numbers.
    /// - Returns: the latest first, those on their way back included.
    package func list(
        _ filter: DeadLetterFilter, before: Int64? = nil, limit: Int
    ) async throws(StoreError) -> [StoredDeadLetter] {
        try await self.index()
        let dialect = self.database.dialect
        return try await self.database.query { query in
            var condition = DeadLetterCondition(filter)
            if let before { condition.add("d.id < $", .int(before)) }
            let limit = condition.bind(.int(Int64(limit)))
            return try query(
                "SELECT \(Self.columns(dialect)) FROM {dead_letters} d WHERE \(condition.sql) ORDER BY d.id DESC LIMIT \(limit)",
                condition.parameters
            ).compactMap(Self.letter)
        }
    }

    package func letter(_ id: Int64) async throws(StoreError) -> StoredDeadLetter? {
        var filter = DeadLetterFilter()
        filter.ids = [id]
        return try await self.list(filter, limit: 1).first
    }

    package func count(_ filter: DeadLetterFilter) async throws(StoreError) -> Int {
        try await self.index()
        return try await self.database.query { query in
            let condition = DeadLetterCondition(filter).waiting
            return try query(
                "SELECT count(*) FROM {dead_letters} d WHERE \(condition.sql)", condition.parameters)[0].count(0)
        }
    }

    /// Looks at all that `filter` means, in steps.
    package func analyse(_ filter: DeadLetterFilter) async throws(StoreError) -> DeadLetterAnalysis {
        var analysis = DeadLetterAnalysis()
        var before: Int64?
        while true {
            let letters = try await self.list(filter, before: before, limit: Self.batch)
            for letter in letters { analysis.add(letter) }
            guard letters.count == Self.batch, let last = letters.last else { return analysis }
            before = last.id
        }
    }

    /// Deletes what `filter` means for good, but nothing that is on its way back or about to be.
    ///
    /// - Parameter count: how many the caller believes that there are; with any other number nothing is deleted.
    /// - Returns: how many there are, and whether they were deleted.
    package func purge(
        _ filter: DeadLetterFilter, count expected: Int
    ) async throws(StoreError) -> (count: Int, isDone: Bool) {
        try await self.index()
        let dialect = self.database.dialect
        return try await self.database.transaction { query in
            try dialect.excludeOthers(query)
            let condition = DeadLetterCondition(filter).waiting
            let count = try query(
                "SELECT count(*) FROM {dead_letters} d WHERE \(condition.sql)", condition.parameters)[0].count(0)
            guard count == expected else { return (count, false) }
            _ = try query(
                "DELETE FROM {dead_letters} WHERE id IN (SELECT d.id FROM {dead_letters} d WHERE \(condition.sql))",
                condition.parameters)
            return (count, true)
        }
    }

    /// Given up in each hour or day since a time, by category.
    ///
    /// - Returns: beginnings of hours or days, oldest first.
    package func errors(
        since: Timestamp, by step: Duration, assistant: String?
    ) async throws(StoreError) -> [(time: Timestamp, category: String, count: Int)] {
        let dialect = self.database.dialect
        return try await self.database.query { query in
            var filter = DeadLetterFilter()
            (filter.since, filter.assistant) = (since, assistant)
            var condition = DeadLetterCondition(filter)
            let step = condition.bind(.int(step.milliseconds))
            let time = "\(dialect.milliseconds("d.at")) / \(step) * \(step)"
            return try query(
                "SELECT \(time), d.category, count(*) FROM {dead_letters} d WHERE \(condition.sql) GROUP BY 1, 2 ORDER BY 1, 2",
                condition.parameters
            ).compactMap { row in
                row.time(0).map { ($0, row.text(1) ?? "", row.count(2)) }
            }
        }
    }

    // MARK: The index

    /// Fills in what people look for, of letters that nobody has looked at yet: writing letters stays as cheap as it is, and
    /// programs that do not know of these columns may still write them.
    private func index() async throws(StoreError) {
        var count = Self.batch
        while count == Self.batch {
            let isNew = try await self.database.query { query in
                try !query("SELECT id FROM {dead_letters} WHERE fingerprint IS NULL ORDER BY id LIMIT 1", []).isEmpty
            }
            guard isNew else { return }
            count = try await self.database.transaction { query in
                let rows = try query(
                    """
                    SELECT id, category, error, message, conversation FROM {dead_letters} WHERE fingerprint IS NULL
                    ORDER BY id LIMIT \(Self.batch)
                    """, [])
                for row in rows { try Self.index(row, query) }
                return rows.count
            }
        }
    }

    private static func index(_ row: AdminRow, _ query: AdminQuery) throws {
        guard let id = row.int(0) else { preconditionFailure("a dead letter without its key") }
        let (category, error) = (row.text(1) ?? "", row.text(2) ?? "")
        let fingerprint = ErrorFingerprint(category: category, error: error)
        let message = Self.message(row.text(3))
        let text = [message?.text, error].compactMap(\.self).joined(separator: " ")
        _ = try query(
            "UPDATE {dead_letters} SET fingerprint = $2, kind = $3, channel = $4, search = $5 WHERE id = $1",
            [
                .int(id), .text(fingerprint.text), .text(message?.kind.rawValue ?? MessageKind.unknown.rawValue),
                .text(Conversation.ID(row.text(4) ?? "").channel.rawValue),
                .text(FoldedText(text).words.joined(separator: " ")),
            ])
    }

    // MARK: Rows

    static func columns(_ dialect: AdminDialect) -> String {
        """
        d.id, d.assistant, d.category, d.error, d.attempts, \(dialect.milliseconds("d.at")), d.message, d.fingerprint, d.replays, \
        CASE WHEN d.replayed_at IS NULL THEN 0 ELSE 1 END
        """
    }

    /// `nil` for one whose message cannot be read.
    static func letter(_ row: AdminRow) -> StoredDeadLetter? {
        guard let id = row.int(0), let message = Self.message(row.text(6)) else { return nil }
        let (category, error) = (row.text(2) ?? "", row.text(3) ?? "")
        // A replica may not have heard of the index yet.
        let fingerprint = row.text(7) ?? ErrorFingerprint(category: category, error: error).text
        return StoredDeadLetter(
            id: id, message: message, assistant: AssistantID(row.text(1) ?? ""), category: category, error: error,
            fingerprint: fingerprint, attempts: row.count(4),
            at: row.time(5) ?? Timestamp(milliseconds: 0), replays: row.count(8), isReplaying: row.count(9) == 1)
    }

    private static func message(_ json: String?) -> InboundMessage? {
        json.flatMap { try? JSONDecoder().decode(InboundMessage.self, from: Data($0.utf8)) }
    }
}

/// A filter as a condition on `{dead_letters} d`.
struct DeadLetterCondition {
    private(set) var parameters: [AdminValue] = []
    private var parts: [String] = []

    var sql: String { self.parts.isEmpty ? "1 = 1" : self.parts.joined(separator: " AND ") }

    init(_ filter: DeadLetterFilter) {
        if let ids = filter.ids {
            // Numbers only: nothing to escape.
            self.parts.append(ids.isEmpty ? "1 = 0" : "d.id IN (\(ids.map(String.init).joined(separator: ", ")))")
        }
        let columns: [(String, String?)] = [
            ("assistant", filter.assistant), ("category", filter.category), ("channel", filter.channel),
            ("conversation", filter.conversation), ("kind", filter.kind), ("fingerprint", filter.fingerprint),
        ]
        for (column, value) in columns {
            if let value { self.add("d.\(column) = $", .text(value)) }
        }
        if let since = filter.since { self.add("d.at >= $", .time(since)) }
        if let until = filter.until { self.add("d.at < $", .time(until)) }
        if let id = filter.fromID { self.add("d.id >= $", .int(id)) }
        for word in filter.text.map({ FoldedText($0).words }) ?? [] {
            // Words are letters and digits: no wild card is among them.
            self.add("d.search LIKE $", .text("%\(word)%"))
        }
    }

    /// An unfinished replay has it.
    private static let isWanted = """
        EXISTS (
            SELECT 1 FROM {replay_items} o JOIN {replay_jobs} j ON j.id = o.job
            WHERE o.letter = d.id AND o.state IN ('pending', 'released', 'appended') AND j.state = 'running'
        )
        """

    /// Without those that are on their way back, or that an unfinished replay is going to put back.
    var waiting: DeadLetterCondition { self.adding("d.replayed_at IS NULL AND NOT \(Self.isWanted)") }

    /// Only the others.
    var replaying: DeadLetterCondition { self.adding("(d.replayed_at IS NOT NULL OR \(Self.isWanted))") }

    private func adding(_ condition: String) -> DeadLetterCondition {
        var own = self
        own.add(condition)
        return own
    }

    /// - Parameter condition: ends with `$`, which becomes the parameter.
    mutating func add(_ condition: String, _ value: AdminValue) {
        let name = self.bind(value)
        self.parts.append(condition.dropLast() + name)
    }

    mutating func add(_ condition: String) { self.parts.append(condition) }

    /// - Returns: the parameter's name.
    mutating func bind(_ value: AdminValue) -> String {
        self.parameters.append(value)
        return "$\(self.parameters.count)"
    }
}
