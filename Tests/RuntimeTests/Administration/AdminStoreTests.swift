import CardumeCore
import CardumeTesting
import Foundation
import TestSupport
import Testing

@testable import CardumeRuntime

/// What operators see and change, in both databases.
@Suite(.serialized) struct AdminStoreTests {
    enum Kind: String, CaseIterable, Sendable {
        case sqlite
        case postgres
    }

    static let now = Timestamp(milliseconds: 1_795_176_000_000)

    /// A database with a journal that can be written to.
    final class Bed: Sendable {
        let database: any AdminDatabase
        let journal: any Journal
        let log: any PartitionLog
        let fence: Fence
        private let folder = TemporaryFolder()
        private let close: @Sendable () -> Void

        init(_ kind: Kind) async throws {
            let partition = Partition.ID(assistant: "suporte", number: 0)
            switch kind {
            case .sqlite:
                let store = try SQLiteStore(settings: SQLiteStore.Settings(folder: self.folder.path))
                (self.database, self.journal, self.log) = (store, store, store)
                self.fence = Fence(partition, store.ownership.epoch)
                self.close = { store.close() }
            case .postgres:
                let server = try await PostgresTestServer.shared()
                let pool = try server.pool(try await server.newDatabase())
                _ = try await PostgresMigrator(pool).up()
                _ = try await PostgresMaintenance(pool).run()
                let leases = PostgresLeaseStore(pool, timeToLive: .seconds(60))
                _ = try await leases.renew(Member(id: "a", queues: ["suporte"]))
                let claimed = try await leases.claim([partition], for: "a")
                self.database = PostgresAdministration(pool)
                self.journal = PostgresJournal(pool)
                self.log = MemoryStore()
                self.fence = Fence(partition, try #require(claimed[partition]).epoch)
                self.close = { pool.close() }
            }
        }

        deinit { self.close() }

        func bury(
            _ id: String, in conversation: String = "loja:1", _ category: TurnFailure.Category = .timeout,
            _ error: String = "no answer within 30s", kind: MessageKind = .text, text: String? = "Não consigo pagar",
            assistant: AssistantID = "suporte", attempts: Int = 3, at seconds: Int = 0, holds: Bool = false
        ) async throws {
            let letter = DeadLetter(
                message: AdminStoreTests.message(id, in: conversation, kind: kind, text: text), assistant: assistant,
                failure: TurnFailure(category: category, message: error, isRetryable: true), attempts: attempts,
                at: AdminStoreTests.now.advanced(by: .seconds(seconds)), holdsConversation: holds)
            #expect(try await self.journal.commit(.deadLetter(letter), self.fence) == .committed)
        }

        func answer(_ id: String, in conversation: String = "loja:1", send: SendIntent.State? = .accepted) async throws {
            let message = AdminStoreTests.message(id, in: conversation)
            let intents = send.map { state in
                [
                    SendIntent(
                        id: SendIntent.ID(conversation: message.conversation, turn: message.id, part: 0),
                        replyAddress: "1", text: "resposta", traceID: "", state: state, attempts: 1,
                        attemptedAt: AdminStoreTests.now, providerID: state == .accepted ? "P\(id)" : nil)
                ]
            }
            let turn = TurnCommit(
                turn: message.id, conversation: message.conversation, assistant: "suporte", messages: [message],
                intents: intents ?? [], usage: nil, attempt: 1, startedAt: AdminStoreTests.now,
                finishedAt: AdminStoreTests.now)
            #expect(try await self.journal.commit(.turn(turn), self.fence) == .committed)
        }

        func set(_ state: SendIntent.State, of id: String, in conversation: String = "loja:1") async throws {
            let intent = SendIntent(
                id: SendIntent.ID(conversation: Conversation.ID(conversation), turn: MessageID(id), part: 0),
                replyAddress: "1", text: "resposta", traceID: "", state: state, attempts: 1)
            _ = try await self.journal.commit(.send(intent), self.fence)
        }

        func standing(_ id: String, in conversation: String = "loja:1") async throws -> EntryStanding? {
            let offset = LogOffset(major: 1)
            let entry = LogEntry(offset: offset, message: AdminStoreTests.message(id, in: conversation))
            return try await self.journal.standing(of: [entry])[offset]
        }
    }

    static func message(
        _ id: String, in conversation: String, kind: MessageKind = .text, text: String? = "oi"
    ) -> InboundMessage {
        InboundMessage(
            id: MessageID(id), conversation: Conversation.ID(conversation), kind: kind, text: text, receivedAt: Self.now,
            replyAddress: "1", traceID: "0af7651916cd43dd8448eb211c80319c")
    }

    private static func filter(_ change: (inout DeadLetterFilter) -> Void = { _ in }) -> DeadLetterFilter {
        var filter = DeadLetterFilter()
        change(&filter)
        return filter
    }

    // MARK: Dead letters

    @Test(arguments: Kind.allCases) func lettersAreFound(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = DeadLetterStore(bed.database)
        for number in 1...5 { try await bed.bury("a\(number)", in: "loja:\(number)", at: number * 3_600) }
        try await bed.bury("b1", in: "outra:1", .auth, "401: key 12", assistant: "financeiro", at: 60)
        try await bed.bury("b2", in: "outra:1", .other, "nul \0 byte", kind: .image, text: nil, at: 61)
        #expect(try await store.count(Self.filter()) == 7)
        let pages = [
            try await store.list(Self.filter(), limit: 3), try await store.list(Self.filter(), before: 5, limit: 3),
        ]
        #expect(pages[0].map(\.message.id) == ["b2", "b1", "a5"] && pages[0].last?.id == 5)
        #expect(pages[1].map(\.message.id) == ["a4", "a3", "a2"])
        func ids(_ change: (inout DeadLetterFilter) -> Void) async throws -> [String] {
            try await store.list(Self.filter(change), limit: 100).map(\.message.id.rawValue)
        }
        #expect(try await ids { $0.assistant = "financeiro" } == ["b1"])
        #expect(try await ids { $0.category = "timeout" }.count == 5)
        #expect(try await ids { $0.channel = "outra" } == ["b2", "b1"])
        #expect(try await ids { $0.conversation = "loja:2" } == ["a2"])
        #expect(try await ids { $0.kind = "image" } == ["b2"])
        #expect(try await ids { $0.fingerprint = "auth: <n>: key <n>" } == ["b1"])
        #expect(try await ids { $0.ids = [2, 4, 99] } == ["a4", "a2"])
        #expect(try await ids { $0.ids = [] } == [])
        #expect(try await ids { $0.fromID = 6 } == ["b2", "b1"])
        #expect(try await ids { $0.since = Self.now.advanced(by: .seconds(4 * 3_600)) } == ["a5", "a4"])
        #expect(try await ids { $0.until = Self.now.advanced(by: .seconds(61)) } == ["b1"])
        #expect(try await ids { $0.text = "NAO  pagar" }.count == 6, "case and accents do not count")
        #expect(try await ids { $0.text = "answer within" }.count == 5, "the error is searched, too")
        #expect(try await ids { $0.text = "%" }.count == 7, "no words: nothing is asked for")
        #expect(try await ids { $0.text = "' OR 1=1" } == [])
        let first = try #require(try await store.letter(1))
        #expect(first.message == Self.message("a1", in: "loja:1", text: "Não consigo pagar"))
        #expect(first.attempts == 3 && first.at == Self.now.advanced(by: .seconds(3_600)) && !first.isReplaying)
        #expect(try await store.letter(99) == nil)
    }

    @Test(arguments: Kind.allCases) func lettersAreAnalysedAndCountedByTime(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = DeadLetterStore(bed.database)
        for number in 1...1_200 {
            let error = number % 3 == 0 ? "answered 50\(number % 4)" : "no answer within \(number)s"
            try await bed.bury("m\(number)", in: "loja:\(number % 50)", .timeout, error, at: number % 2 == 0 ? 10 : 3_700)
        }
        let analysis = try await store.analyse(Self.filter())
        #expect(analysis.count == 1_200 && analysis.conversationCount == 50)
        #expect(
            analysis.topErrors(5).map { "\($0.count) \($0.fingerprint)" } == [
                "800 timeout: no answer within <n>s", "400 timeout: answered <n>",
            ])
        let errors = try await store.errors(since: Self.now, by: .seconds(3_600), assistant: "suporte")
        #expect(errors.map(\.count) == [600, 600] && errors.map(\.category) == ["timeout", "timeout"])
        #expect(errors[0].time.milliseconds % 3_600_000 == 0)
        #expect(try await store.errors(since: Self.now, by: .seconds(3_600), assistant: "outro").isEmpty)
    }

    @Test(arguments: Kind.allCases) func onlyWhatWasCountedIsPurged(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = DeadLetterStore(bed.database)
        for number in 1...4 { try await bed.bury("m\(number)", in: "loja:\(number)", at: number) }
        let old = Self.filter { $0.until = Self.now.advanced(by: .seconds(3)) }
        #expect(try await store.purge(old, count: 3) == (2, false))
        #expect(try await store.count(Self.filter()) == 4)
        #expect(try await store.purge(old, count: 2) == (2, true))
        #expect(try await store.list(Self.filter(), limit: 9).map(\.message.id) == ["m4", "m3"])
        let replays = ReplayStore(bed.database)
        _ = try await replays.create(
            Self.filter { $0.ids = [3] }, ReplayJob.Options(rate: 1), by: "ana", reason: nil)
        #expect(try await store.purge(Self.filter(), count: 1) == (1, true), "what is about to go back stays")
        #expect(try await store.list(Self.filter(), limit: 9).map(\.message.id) == ["m3"])
    }

    // MARK: Audit and conversations

    @Test(arguments: Kind.allCases) func auditLinesAreBegunAndEnded(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = AuditStore(bed.database)
        for (who, action) in [("ana", "queues.pause"), ("rui", "dead_letters.purge"), ("ana", "dead_letters.purge")] {
            _ = try await store.begin(
                AuditEntry(
                    who: who, role: "admin", address: "127.0.0.1", action: action, target: "/admin/x", traceID: "t"))
        }
        try await store.end(2, status: 409, detail: "count 3")
        try await store.end(3, status: 200, detail: nil)
        let all = try await store.entries(who: nil, action: nil, before: nil, limit: 10)
        #expect(all.map(\.id) == [3, 2, 1] && all.map(\.status) == [200, 409, nil])
        #expect(all[1].who == "rui" && all[1].detail == "count 3" && all[0].detail == nil)
        #expect(abs(all[0].at.elapsed(since: SystemTime.now).seconds) < 60)
        #expect(try await store.entries(who: "ana", action: nil, before: nil, limit: 10).map(\.id) == [3, 1])
        #expect(
            try await store.entries(who: nil, action: "dead_letters.purge", before: 3, limit: 10).map(\.id) == [2])
    }

    @Test(arguments: Kind.allCases) func aConversationIsShownHeldAndListed(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = ConversationStore(bed.database)
        #expect(try await store.record(of: "loja:1", limit: 5).isEmpty)
        try await bed.answer("m1")
        try await bed.answer("m2", send: .refused)
        let record = try await store.record(of: "loja:1", limit: 3)
        #expect(
            record.lines.map(\.text) == ["resposta", "oi", "resposta"] && record.lines.map(\.role.rawValue).first == "assistant"
        )
        #expect(Set(record.turns.map(\.id)) == ["m1", "m2"] && record.turns[0].assistant == "suporte")
        #expect(record.turns[0].finishedAt == Self.now)
        #expect(Set(record.sends.map(\.state)) == ["accepted", "refused"] && !record.isHeld)
        try await store.hold("loja:1")
        try await store.hold("loja:1")
        try await store.hold("loja:0")
        #expect(try await store.record(of: "loja:1", limit: 3).isHeld)
        #expect(try await bed.journal.load("loja:1", contextMessages: 0).isHeld)
        #expect(try await store.held(after: nil, limit: 5) == ["loja:0", "loja:1"])
        #expect(try await store.held(after: "loja:0", limit: 5) == ["loja:1"])
    }

    @Test(arguments: Kind.allCases) func aHoldIsThePersonsWhoSetIt(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let (store, audit) = (ConversationStore(bed.database), AuditStore(bed.database))
        let name: Conversation.ID = "loja-são:1"
        func write(_ action: String, _ path: String, _ status: Int?, _ detail: String? = nil) async throws {
            let entry = AuditEntry(
                who: "ana", role: "operator", address: "", action: action, target: AuditEntry.target(path: path), traceID: "")
            let id = try await audit.begin(entry)
            if let status { try await audit.end(id, status: status, detail: detail) }
        }
        #expect(try await store.holdCause(of: name) == .unknown)
        try await bed.bury("m1", in: name.rawValue, holds: true)
        #expect(try await store.holdCause(of: name) == .deadLetter)
        // However it was escaped.
        for path in ["/admin/conversations/loja-s%C3%A3o:1/hold", "/admin/conversations/loja%2Ds%c3%a3o%3A1/hold"] {
            try await write("conversations.hold", path, 503)
            #expect(try await store.holdCause(of: name) == .deadLetter, "it was not done")
            try await write("conversations.hold", path, 200, "reason: pediu gente")
            guard case .person(let hold) = try await store.holdCause(of: name) else {
                Issue.record("a person holds it")
                return
            }
            #expect(hold.by == "ana" && hold.reason == "pediu gente")
            #expect(abs(hold.since.elapsed(since: SystemTime.now).seconds) < 60)
            #expect(try await store.holdCause(of: "loja-são:2") == .unknown)
            try await audit.released(name, by: "api")
            #expect(try await store.holdCause(of: name) == .deadLetter, "it was released meanwhile")
        }
        try await write("conversations.hold", "/admin/conversations/loja-s%C3%A3o:1/hold", nil)
        guard case .person(let unfinished) = try await store.holdCause(of: name) else {
            Issue.record("its process ended before it could say so")
            return
        }
        #expect(unfinished.reason == nil)
    }
}

enum SystemTime {
    static var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)) }
}
