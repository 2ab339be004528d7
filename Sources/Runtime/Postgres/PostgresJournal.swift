package import CardumeCore
import Synchronization

/// The cluster deployment's journal.
///
/// Records of concurrent callers, of any partition, are committed in groups: one statement, one round trip, one `fsync`; see
/// ``PostgresJournalGroup``. Conversations are loaded, and standings asked, in groups as well.
///
/// When the connection breaks between a commit and its answer, the caller is told ``StoreError/Code/unavailable`` and repeats
/// the record: a turn comes back as ``CommitOutcome/duplicate``; sends, dead letters and holds are written again as they are;
/// a crash mark is counted once, unless this process dies before it repeats it.
package final class PostgresJournal: Journal, UsageReader {
    private struct Loading: Sendable {
        let conversation: Conversation.ID
        let contextMessages: Int
    }

    private struct Mark: Hashable {
        let conversation: Conversation.ID
        let message: MessageID
    }

    /// Rejected webhooks kept, and bytes kept of each.
    private static let rejectedWebhookLimit: Int64 = 1_000
    private static let rejectedBodyLimit = 65_536

    private let pool: PostgresPool
    private let commits: GroupedCalls<PostgresJournalGroup.Item, CommitOutcome>
    private let loads: GroupedCalls<Loading, ConversationSnapshot>
    private let standings: GroupedCalls<InboundMessage, EntryStanding?>
    /// Crash marks of which nobody knows whether they were counted.
    private let doubts = Mutex<[Mark: Int64]>([:])

    /// - Parameters:
    ///   - pool: of a database whose schema is current; see ``PostgresMigrator/requireCurrent()``.
    ///   - onCommit: told of each group: how many records, and how long it took.
    package init(_ pool: PostgresPool, onCommit: @escaping @Sendable (Int, Duration) -> Void = { _, _ in }) {
        self.pool = pool
        self.commits = GroupedCalls(conversation: { $0.conversation }) { group in
            let begin = ContinuousClock.now
            defer { onCommit(group.count, begin.duration(to: .now)) }
            return await Self.commit(group, pool)
        }
        self.loads = GroupedCalls { group in await Self.answer(group) { try await Self.load($0, pool) } }
        self.standings = GroupedCalls { group in await Self.answer(group) { try await Self.standing(of: $0, pool) } }
    }

    package func commit(_ record: JournalRecord, _ fence: Fence) async throws(StoreError) -> CommitOutcome {
        guard case .crashMark(let conversation, let message) = record else {
            return try await self.commits(PostgresJournalGroup.Item(record: record, fence: fence, attempt: 0))
        }
        let mark = Mark(conversation: conversation, message: message)
        let attempt = self.doubts.withLock { $0.removeValue(forKey: mark) } ?? .random(in: .min ... .max)
        do {
            return try await self.commits(PostgresJournalGroup.Item(record: record, fence: fence, attempt: attempt))
        } catch  where error.code.isTransient {
            self.doubts.withLock { $0[mark] = attempt }
            throw error
        }
    }

    package func standing(of entries: [LogEntry]) async throws(StoreError) -> [LogOffset: EntryStanding] {
        guard entries.count > 1 else {
            guard let entry = entries.first, let standing = try await self.standings(entry.message) else { return [:] }
            return [entry.offset: standing]
        }
        let standings: [EntryStanding?]
        do {
            standings = try await Self.standing(of: entries.map(\.message), self.pool)
        } catch {
            throw StoreError(postgres: error)
        }
        let known = zip(entries, standings).compactMap { entry, standing in standing.map { (entry.offset, $0) } }
        return Dictionary(known) { first, _ in first }
    }

    package func load(
        _ conversation: Conversation.ID, contextMessages: Int
    ) async throws(StoreError) -> ConversationSnapshot {
        try await self.loads(Loading(conversation: conversation, contextMessages: contextMessages))
    }

    package func beginning(of conversation: Conversation.ID) async throws(StoreError) -> Timestamp? {
        try await self.query(PostgresJournalSQL.beginning, [.text(conversation.rawValue)]).first?.time(0)
    }

    package func providerIDs(of conversation: Conversation.ID) async throws(StoreError) -> Set<String> {
        let rows = try await self.query(PostgresJournalSQL.providerIDs, [.text(conversation.rawValue)])
        return Set(rows.compactMap { $0.text(0) })
    }

    package func lift(holdOn conversation: Conversation.ID) async throws(StoreError) {
        _ = try await self.query(PostgresJournalSQL.lift, [.text(conversation.rawValue)])
    }

    package func recordRejected(_ webhook: RejectedWebhook) async throws(StoreError) {
        _ = try await self.query(
            PostgresJournalSQL.reject,
            [
                .text(webhook.source), .text(webhook.reason), .bytes(Array(webhook.body.prefix(Self.rejectedBodyLimit))),
                .time(webhook.receivedAt), .int(Self.rejectedWebhookLimit),
            ])
    }

    package func usage(since day: CivilDay) async throws(StoreError) -> [DailyUsage] {
        let rows = try await self.query(PostgresJournalSQL.usage, [.text(day.description)])
        return rows.compactMap { row in
            guard let day = row.text(0).flatMap({ CivilDay($0) }), let assistant = row.text(1), let model = row.text(2) else {
                return nil
            }
            return DailyUsage(
                day: day, assistant: AssistantID(assistant), model: model, requests: Int(row.int(3) ?? 0),
                promptTokens: Int(row.int(4) ?? 0), completionTokens: Int(row.int(5) ?? 0), costMicros: row.int(6) ?? 0)
        }
    }

    private func query(
        _ sql: PostgresStatement.SQL, _ parameters: [PostgresParameter]
    ) async throws(StoreError) -> PostgresResult {
        do {
            return try await self.pool.query(PostgresStatement(sql, parameters))
        } catch {
            throw StoreError(postgres: error)
        }
    }

    // MARK: Groups

    /// A group that cannot be written because of one of its records is halved until that one stands alone.
    private static func commit(
        _ items: [PostgresJournalGroup.Item], _ pool: PostgresPool
    ) async -> [Result<CommitOutcome, StoreError>] {
        let group = PostgresJournalGroup(items)
        do {
            return group.outcomes(try await pool.query(group.statement))
        } catch  where items.count > 1 && error.mayBeOneRecords {
            let half = items.count / 2
            let first = await Self.commit(Array(items[..<half]), pool)
            return first + (await Self.commit(Array(items[half...]), pool))
        } catch {
            return items.map { _ in .failure(StoreError(postgres: error)) }
        }
    }

    private static func answer<Input, Output>(
        _ group: [Input], _ read: ([Input]) async throws -> [Output]
    ) async -> [Result<Output, StoreError>] {
        do {
            return try await read(group).map { .success($0) }
        } catch {
            return group.map { _ in .failure(StoreError(postgres: error)) }
        }
    }

    // MARK: Reading

    private static func load(_ group: [Loading], _ pool: PostgresPool) async throws -> [ConversationSnapshot] {
        let conversations = PostgresParameter.texts(group.map(\.conversation.rawValue))
        let wanted = PostgresParameter.ints(group.map { Int64($0.contextMessages) })
        let results = try await pool.pipeline([
            PostgresStatement(PostgresJournalSQL.context, [conversations, wanted]),
            PostgresStatement(PostgresJournalSQL.holds, [conversations]),
            PostgresStatement(PostgresJournalSQL.efforts, [conversations]),
        ])
        let held = Set(results[1].compactMap { $0.text(0).map { Conversation.ID($0) } })
        var snapshots = group.map { ConversationSnapshot(isHeld: held.contains($0.conversation)) }
        for row in results[2] {
            guard let index = group.firstIndex(where: { $0.conversation.rawValue == row.text(0) }) else { continue }
            snapshots[index].efforts = row.text(1).map(LaneHistory.efforts) ?? []
        }
        // Each conversation's latest come first.
        for row in results[0].reversed() {
            guard let number = row.int(0), let role = row.text(1), let text = row.text(2) else { continue }
            snapshots[Int(number) - 1].context.append(
                ContextMessage(role: ContextMessage.Role(rawValue: role) ?? .contact, text: text))
        }
        return snapshots
    }

    private static func standing(
        of messages: [InboundMessage], _ pool: PostgresPool
    ) async throws -> [EntryStanding?] {
        let key = [
            PostgresParameter.texts(messages.map(\.conversation.rawValue)), .texts(messages.map(\.id.rawValue)),
        ]
        let results = try await pool.pipeline([
            PostgresStatement(PostgresJournalSQL.standing, key), PostgresStatement(PostgresJournalSQL.sendsOfTurns, key),
        ])
        var sends: [Int: [SendIntent]] = [:]
        for row in results[1] {
            let index = Int(row.int(0) ?? 0) - 1
            sends[index, default: []].append(Self.intent(row, of: messages[index]))
        }
        return results[0].enumerated().map { index, row in
            if row.bool(0) == true { return .deadLetter }
            if let turn = row.text(4) { return .merged(into: Turn.ID(turn)) }
            if row.bool(1) == true { return .committed(sends[index] ?? [], transfer: row.text(3).map { AssistantID($0) }) }
            return row.int(2).map { .marked(Int($0)) }
        }
    }

    private static func intent(_ row: PostgresRow, of message: InboundMessage) -> SendIntent {
        SendIntent(
            id: SendIntent.ID(conversation: message.conversation, turn: message.id, part: Int(row.int(1) ?? 0)),
            replyAddress: row.text(2) ?? "", text: row.text(3) ?? "", traceID: row.text(4) ?? "",
            state: row.text(5).flatMap { SendIntent.State(rawValue: $0) } ?? .unknown, attempts: Int(row.int(6) ?? 0),
            attemptedAt: row.time(7), ambiguousAttempts: Int(row.int(8) ?? 0), resends: Int(row.int(9) ?? 0),
            server: row.text(12), providerID: row.text(10), lastError: row.text(11))
    }
}

extension PostgresError {
    /// Whether a group may have failed because of a single record in it.
    fileprivate var mayBeOneRecords: Bool { self.code == .constraint || self.code == .data || self.code == .programmer }
}
