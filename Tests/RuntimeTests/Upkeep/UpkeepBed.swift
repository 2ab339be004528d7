import CardumeCore
import CardumeTesting
import Foundation
import TestSupport
import Testing

@testable import CardumeRuntime

/// A database of either kind with histories of any age in it, and a log.
final class UpkeepBed: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case sqlite
        case postgres
        /// PostgreSQL behind PgBouncer in transaction mode, with servers of its own.
        case pooled

        static let allCases: [Kind] = [.sqlite, .postgres]
    }

    static let day = Duration.seconds(86_400)

    let kind: Kind
    let database: any AdminDatabase
    let journal: any Journal
    let log: any PartitionLog
    let fence: Fence
    let partitions: PostgresMaintenance?
    /// `nil` without PostgreSQL.
    let pool: PostgresPool?
    let folder = TemporaryFolder()
    /// For an archive.
    let archive = TemporaryFolder()
    let now: Timestamp
    private let close: @Sendable () -> Void
    private let servers: [any Sendable]

    init(_ kind: Kind) async throws {
        self.kind = kind
        let partition = Partition.ID(assistant: "suporte", number: 0)
        switch kind {
        case .sqlite:
            let store = try SQLiteStore(settings: SQLiteStore.Settings(folder: self.folder.path))
            (self.database, self.journal, self.log) = (store, store, store)
            self.fence = Fence(partition, store.ownership.epoch)
            (self.pool, self.partitions) = (nil, nil)
            self.close = { store.close() }
            self.servers = []
        case .postgres, .pooled:
            let pool: PostgresPool
            if kind == .pooled {
                let server = try await PostgresServer.start()
                let bouncer = try await PgBouncerServer.start(before: server)
                pool = PostgresPool(try PostgresSettings(url: bouncer.url))
                self.servers = [server, bouncer]
            } else {
                let server = try await PostgresTestServer.shared()
                pool = try server.pool(try await server.newDatabase())
                self.servers = []
            }
            _ = try await PostgresMigrator(pool).up()
            let partitions = PostgresMaintenance(pool)
            _ = try await partitions.createWeeks()
            let leases = PostgresLeaseStore(pool, timeToLive: .seconds(60))
            _ = try await leases.renew(Member(id: "a", queues: ["suporte"]))
            let claimed = try await leases.claim([partition], for: "a")
            self.database = PostgresAdministration(pool)
            self.journal = PostgresJournal(pool)
            self.log = MemoryStore(partitionCount: 64)
            self.fence = Fence(partition, try #require(claimed[partition]).epoch)
            (self.pool, self.partitions) = (pool, partitions)
            self.close = { pool.close() }
        }
        self.now = try await UpkeepStore(self.database).state().now
    }

    deinit { self.close() }

    var store: UpkeepStore { UpkeepStore(self.database) }

    var site: UpkeepSite {
        UpkeepSite(
            database: self.database, partitions: self.partitions, log: self.log, queues: ["suporte"],
            session: Self.day, ownsEverything: true)
    }

    /// Retention 90 days, dead letters 30, no archive.
    func settings(_ change: (inout UpkeepSettings) -> Void = { _ in }) throws -> UpkeepSettings {
        let configuration = try CardumeConfiguration(yaml: "upkeep: { pause: 0s, batch: 7 }", file: "c", environment: [:])
        var settings = configuration.upkeep
        change(&settings)
        return settings
    }

    /// The same with an archive of conversations silent for 90 days.
    func archiving(_ change: (inout UpkeepSettings) -> Void = { _ in }) throws -> UpkeepSettings {
        try self.settings { settings in
            settings.archive = UpkeepSettings.Archive(folder: self.archive.path, after: Self.day * 90)
            change(&settings)
        }
    }

    /// One pass, with the lease.
    func pass(
        _ settings: UpkeepSettings, name: String = "test", isDryRun: Bool = false,
        fault: @escaping @Sendable (ArchivePoint) throws -> Void = { _ in }
    ) async throws -> UpkeepReport {
        let state =
            try await isDryRun ? self.store.state() : #require(try await self.store.claim(for: name, evenIfNotDue: true))
        var pass = UpkeepPass(
            self.site, settings, state, name: name, program: "cardume test", isDryRun: isDryRun, uptime: { .zero },
            sleep: { _ in }, fault: fault)
        let report = try await pass.run()
        if !isDryRun { try await pass.finish(report) }
        return report
    }

    // MARK: Writing

    func sql(_ sql: String, _ parameters: [AdminValue] = []) async throws {
        try await self.database.transaction { query in _ = try query(sql, parameters) }
    }

    func ago(_ days: Double) -> Timestamp { self.now.advanced(by: .milliseconds(-Int64(days * 86_400_000))) }

    /// A turn with a line of the contact and one for each reply, all at one time.
    func turn(
        _ id: String, in conversation: String, daysAgo: Double, sends: [SendIntent.State] = [.accepted]
    ) async throws {
        let time = self.ago(daysAgo)
        let message = InboundMessage(
            id: MessageID(id), conversation: Conversation.ID(conversation), text: "pergunta \0 \(id)", receivedAt: time,
            replyAddress: "1", traceID: "t")
        let intents = sends.enumerated().map { part, state in
            SendIntent(
                id: SendIntent.ID(conversation: message.conversation, turn: message.id, part: part), replyAddress: "1",
                text: "resposta \(id).\(part)", traceID: "t", state: state, attempts: 1, attemptedAt: time,
                providerID: state == .accepted ? "P\(id).\(part)" : nil)
        }
        let commit = TurnCommit(
            turn: message.id, conversation: message.conversation, assistant: "suporte", messages: [message], intents: intents,
            usage: TokenUsage(model: "m", prompt: 10, completion: 5), attempt: 1, startedAt: time, finishedAt: time,
            efforts: [1, 2])
        #expect(try await self.journal.commit(.turn(commit), self.fence) == .committed)
    }

    /// A timer that closed the conversation.
    func closing(_ conversation: String, daysAgo: Double) async throws {
        let time = self.ago(daysAgo)
        let firing = ConversationTimer.Firing(rule: "fim", since: time, dueAt: time, contactWroteAt: time)
        let timer = ConversationTimer(
            conversation: Conversation.ID(conversation), replyAddress: "1", traceID: "t", firing: firing)
        let message = timer.message(at: time)
        let commit = TurnCommit(
            turn: message.id, conversation: message.conversation, assistant: "suporte", messages: [message], intents: [],
            usage: nil, attempt: 1, startedAt: time, finishedAt: time, closesConversation: true)
        #expect(try await self.journal.commit(.turn(commit), self.fence) == .committed)
    }

    func bury(_ id: String, in conversation: String, daysAgo: Double, holds: Bool = false) async throws {
        let time = self.ago(daysAgo)
        let message = InboundMessage(
            id: MessageID(id), conversation: Conversation.ID(conversation), text: "oi", receivedAt: time, replyAddress: "1",
            traceID: "t")
        let letter = DeadLetter(
            message: message, assistant: "suporte",
            failure: TurnFailure(category: .timeout, message: "late", isRetryable: true), attempts: 3, at: time,
            holdsConversation: holds)
        #expect(try await self.journal.commit(.deadLetter(letter), self.fence) == .committed)
    }

    func enqueue(_ id: String, in conversation: String, daysAgo: Double = 0) async throws {
        let message = InboundMessage(
            id: MessageID(id), conversation: Conversation.ID(conversation), text: "oi", receivedAt: self.ago(daysAgo),
            replyAddress: "1", traceID: "t")
        _ = try await self.log.append([LogAppend(message: message, route: Route(assistant: "suporte", isChosen: true))])
    }

    // MARK: Reading

    /// All rows of what conversations consist of, in text, but for what numbers timers.
    func dump() async throws -> [String] {
        let dialect = self.database.dialect
        let time = dialect.milliseconds
        var tables: [(String, [String])] = [
            ("messages", ["conversation", "id", "role", "message_id", "kind", "text", "sent_at", time("at")]),
            (
                "turns",
                [
                    "conversation", "turn", "assistant", "attempt", time("started_at"), time("finished_at"), "model",
                    "prompt_tokens", "completion_tokens", "transfer_to", "merged_into",
                ]
            ),
            (
                "sends",
                [
                    "conversation", "turn", "part", "reply_address", "text", "trace_id", "state", "attempts",
                    time("attempted_at"), "ambiguous_attempts", "resends", "provider_id", "last_error", "server",
                ]
            ),
            ("timers_audit", ["conversation", "assistant", "rule", "outcome", time("due_at"), time("at")]),
            ("closings", ["conversation", dialect == .sqlite ? "message_id" : time("at")]),
            ("lane_histories", ["conversation", "efforts"]),
            ("dead_letters", ["conversation", "message_id", "category", time("at")]),
        ]
        if dialect == .postgres {
            tables.append(("conversations", ["conversation", "assistant", "turns", time("first_at"), time("latest_at")]))
        }
        let all = tables
        return try await self.database.query { query in
            try all.flatMap { table, columns in
                let cells = columns.map { column in
                    let isBytes = dialect == .postgres && ["messages", "sends"].contains(table) && column == "text"
                    let text = isBytes ? "encode(\(column), 'hex')" : column == "text" ? "hex(\(column))" : column
                    return "coalesce(CAST(\(text) AS text), '-')"
                }
                let row = cells.joined(separator: " || '|' || ")
                return try query("SELECT \(row) FROM {\(table)}", []).map { "\(table): \($0.text(0) ?? "")" }
            }.sorted()
        }
    }

    /// What of ``dump()`` belongs to `conversation`.
    static func rows(of conversation: String, in dump: [String]) -> [String] {
        dump.filter { $0.contains(": \(conversation)|") }
    }

    func count(_ table: String, _ condition: String = "1 = 1") async throws -> Int {
        try await self.database.query { query in
            try query("SELECT count(*) FROM {\(table)} WHERE \(condition)", [])[0].count(0)
        }
    }

    /// All conversations of all finished files, each held against its manifest.
    func archived() async throws -> [ArchivedConversation] {
        let folder = ArchiveFolder(self.archive.path)
        var conversations: [ArchivedConversation] = []
        for file in try await folder.files() { conversations += try await folder.contents(of: file, only: nil).conversations }
        return conversations
    }
}
