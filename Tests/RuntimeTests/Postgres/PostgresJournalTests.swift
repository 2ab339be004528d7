import CardumeCore
import CardumeTesting
import Foundation
import Synchronization
import Testing

@testable import CardumeRuntime

/// A journal and its leases in a database of their own.
private struct JournalBed {
    let pool: PostgresPool
    let journal: PostgresJournal
    let leases: PostgresLeaseStore

    init(timeToLive: Duration = .seconds(60), _ adjust: (inout PostgresSettings) -> Void = { _ in }) async throws {
        let server = try await PostgresTestServer.shared()
        self.pool = try server.pool(try await server.newDatabase(), adjust)
        _ = try await PostgresMigrator(self.pool).up()
        _ = try await PostgresMaintenance(self.pool).run()
        self.journal = PostgresJournal(self.pool)
        self.leases = PostgresLeaseStore(self.pool, timeToLive: timeToLive)
    }

    func fence(_ number: Int = 0, for member: Member.ID = "a") async throws -> Fence {
        let partition = Partition.ID(assistant: "suporte", number: number)
        _ = try await self.leases.renew(Member(id: member, queues: ["suporte"]))
        let claimed = try await self.leases.claim([partition], for: member)
        return Fence(partition, try #require(claimed[partition]).epoch)
    }

    func count(_ table: String, _ condition: String = "true") async throws -> Int64? {
        try await self.pool.query(PostgresStatement("SELECT count(*) FROM cardume.\(table) WHERE \(condition)"))[0].int(0)
    }
}

private enum Record {
    static let now = Timestamp(milliseconds: 1_795_176_000_000)

    static func message(_ id: String, in conversation: String) -> InboundMessage {
        InboundMessage(
            id: MessageID(id), conversation: Conversation.ID(conversation), text: "pergunta \(id)", receivedAt: Self.now,
            replyAddress: "1@s", traceID: "0af7651916cd43dd8448eb211c80319c")
    }

    static func turn(_ message: InboundMessage, reply: String? = nil) -> JournalRecord {
        let intents = reply.map {
            SendIntent(
                id: SendIntent.ID(conversation: message.conversation, turn: message.id, part: 0), replyAddress: "1@s", text: $0,
                traceID: message.traceID, state: .sending, attempts: 1, attemptedAt: Self.now)
        }
        return .turn(
            TurnCommit(
                turn: message.id, conversation: message.conversation, assistant: "suporte", messages: [message],
                intents: intents.map { [$0] } ?? [], usage: nil, attempt: 1, startedAt: Self.now, finishedAt: Self.now))
    }

    static func entry(_ message: InboundMessage, _ offset: UInt64 = 1) -> LogEntry {
        LogEntry(offset: LogOffset(major: offset), message: message)
    }
}

@Suite(.serialized)
struct PostgresJournalTests {
    @Test func aConversationBeginsAnewAfterItsClosing() async throws {
        let bed = try await JournalBed()
        let fence = try await bed.fence()
        func commit(_ message: InboundMessage, at time: Timestamp, closes: Bool = false) async throws {
            let commit = TurnCommit(
                turn: message.id, conversation: message.conversation, assistant: "suporte", messages: [message], intents: [],
                usage: nil, attempt: 1, startedAt: time, finishedAt: time, closesConversation: closes)
            #expect(try await bed.journal.commit(.turn(commit), fence) == .committed)
        }
        func message(_ id: String, at time: Timestamp) -> InboundMessage {
            var message = Record.message(id, in: "loja:1")
            message.receivedAt = time
            return message
        }
        let times = (0..<4).map { Record.now.advanced(by: .seconds(60 * $0)) }
        #expect(try await bed.journal.beginning(of: "loja:1") == nil)
        try await commit(message("1", at: times[0]), at: times[0])
        try await commit(message("2", at: times[1]), at: times[1])
        #expect(try await bed.journal.beginning(of: "loja:1") == times[0])
        let firing = ConversationTimer.Firing(rule: "fim", since: times[1], dueAt: times[2], contactWroteAt: times[1])
        let timer = ConversationTimer(conversation: "loja:1", replyAddress: "1@s", traceID: "t", firing: firing)
        try await commit(timer.message(at: times[2]), at: times[2], closes: true)
        #expect(try await bed.journal.beginning(of: "loja:1") == nil)
        try await commit(message("3", at: times[3]), at: times[3])
        #expect(try await bed.journal.beginning(of: "loja:1") == times[3])
        #expect(try await bed.journal.beginning(of: "loja:2") == nil)
    }

    @Test func theJournalKeepsItsPromises() async throws {
        let bed = try await JournalBed()
        try await JournalConformance(bed.journal, bed.leases).run()
        bed.pool.close()
    }

    @Test func theOverrideStoreKeepsItsPromises() async throws {
        let bed = try await JournalBed()
        let store = PostgresOverrideStore(bed.pool, polling: bed.pool)
        try await OverrideStoreConformance(store).run { try await ContinuousClock().sleep(for: $0) }
        bed.pool.close()
    }

    @Test func usageIsAddedUp() async throws {
        let bed = try await JournalBed()
        try await UsageConformance(bed.journal, bed.leases).run()
        bed.pool.close()
    }

    @Test func theLeaseStoreKeepsItsPromises() async throws {
        let bed = try await JournalBed(timeToLive: .seconds(1))
        try await LeaseStoreConformance(bed.leases).run {
            try await Waiting.until("the member's end") {
                try await bed.count("members", "expires_at > clock_timestamp()") == 0
            }
            _ = try await bed.leases.renew(Member(id: "b", queues: ["suporte"]))
        }
        bed.pool.close()
    }

    @Test func recordsOfManyConversationsAreCommittedTogether() async throws {
        let bed = try await JournalBed()
        var fences: [Fence] = []
        for number in 0..<8 { fences.append(try await bed.fence(number)) }
        let before = try await bed.pool.query(PostgresStatement("SELECT pg_current_xact_id()::text::int8"))[0].int(0) ?? 0
        let outcomes = try await withThrowingTaskGroup(of: CommitOutcome.self) { [fences] group in
            for index in 0..<2_000 {
                group.addTask {
                    let message = Record.message("m", in: "loja:\(index)")
                    return try await bed.journal.commit(Record.turn(message, reply: "oi"), fences[index % 8])
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes == Array(repeating: .committed, count: 2_000))
        #expect(try await bed.count("turns") == 2_000)
        #expect(try await bed.count("messages") == 4_000)
        #expect(try await bed.count("messages_default") == 0)
        #expect(try await bed.count("sends") == 2_000)
        let after = try await bed.pool.query(PostgresStatement("SELECT pg_current_xact_id()::text::int8"))[0].int(0) ?? 0
        #expect(after - before < 500, "in groups")
        let snapshots = try await withThrowingTaskGroup(of: ConversationSnapshot.self) { group in
            for index in 0..<2_000 {
                group.addTask { try await bed.journal.load(Conversation.ID("loja:\(index)"), contextMessages: 10) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(
            snapshots.allSatisfy {
                $0.context == [
                    ContextMessage(role: .contact, text: "pergunta m"), ContextMessage(role: .assistant, text: "oi"),
                ]
            })
        bed.pool.close()
    }

    @Test func recordsOfOneConversationKeepTheirOrder() async throws {
        let bed = try await JournalBed()
        let fence = try await bed.fence()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<300 {
                group.addTask {
                    let message = Record.message("m\(index % 30)", in: "loja:\(index / 30)")
                    _ = try await bed.journal.commit(Record.turn(message), fence)
                    _ = try await bed.journal.commit(Record.turn(message), fence)
                }
            }
            try await group.waitForAll()
        }
        #expect(try await bed.count("turns") == 300)
        #expect(try await bed.count("messages") == 300)
        bed.pool.close()
    }

    @Test func eachCallerLearnsItsOwnOutcome() async throws {
        let bed = try await JournalBed()
        let (mine, lost) = (try await bed.fence(0), try await bed.fence(1))
        let done = Record.message("done", in: "loja:done")
        _ = try await bed.journal.commit(Record.turn(done), mine)
        try await bed.leases.release([lost], of: "a")
        _ = try await bed.fence(1, for: "b")
        let monstrous = String(repeating: "x", count: 9_000) + (0..<9_000).map { _ in String(Int.random(in: 0...9)) }.joined()
        // A group in the making while the lock holds the first one back.
        let outcomes = try await withThrowingTaskGroup(of: (Int, Result<CommitOutcome, StoreError>).self) { group in
            for index in 0..<200 {
                group.addTask {
                    do throws(StoreError) {
                        let outcome: CommitOutcome
                        switch index % 4 {
                        case 0: outcome = try await bed.journal.commit(Record.turn(done), mine)
                        case 1:
                            let message = Record.message("m", in: "loja:\(index)")
                            outcome = try await bed.journal.commit(Record.turn(message), lost)
                        case 2 where index == 50:
                            let message = Record.message(monstrous, in: "loja:\(index)")
                            outcome = try await bed.journal.commit(Record.turn(message), mine)
                        default:
                            let message = Record.message("m", in: "loja:\(index)")
                            outcome = try await bed.journal.commit(Record.turn(message), mine)
                        }
                        return (index, .success(outcome))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        for (index, outcome) in outcomes {
            switch (index % 4, outcome) {
            case (0, .success(let outcome)): #expect(outcome == .duplicate)
            case (1, .failure(let error)): #expect(error.code == .fenced)
            case (_, .failure(let error)): #expect(index == 50 && error.code == .incompatible, "\(error)")
            case (_, .success(let outcome)): #expect(outcome == .committed && index != 50 && index % 4 != 1)
            }
        }
        #expect(try await bed.count("turns") == 1 + 99)
        bed.pool.close()
    }

    @Test func aTakeoverWaitsForCommitsInFlightAndStopsLaterOnes() async throws {
        let bed = try await JournalBed { $0.maximumConnections = 6 }
        let partition = Partition.ID(assistant: "suporte", number: 0)
        var current = try await bed.fence()
        for round in 0..<20 {
            let fence = current
            let writer = Task {
                var committed: [String] = []
                for index in 0... {
                    let id = "\(round)-\(index)"
                    let outcomes = await withTaskGroup(of: String?.self) { group in
                        for part in 0..<20 {
                            group.addTask {
                                let message = Record.message("\(id)-\(part)", in: "loja:\(part)")
                                let outcome = try? await bed.journal.commit(Record.turn(message), fence)
                                return outcome == .committed ? "\(id)-\(part)" : nil
                            }
                        }
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                    committed += outcomes.compactMap { $0 }
                    if outcomes.contains(nil) { return committed }
                }
                return committed
            }
            try await Waiting.until("twenty turns") { try await bed.count("turns", "turn LIKE '\(round)-%'") ?? 0 > 20 }
            let claimed = try await bed.leases.claim([partition], for: "a")
            // Nothing of the earlier epoch appears after the claim has been answered.
            let atClaim = try await bed.count("turns", "turn LIKE '\(round)-%'")
            current = Fence(partition, try #require(claimed[partition]).epoch)
            let committed = await writer.value
            #expect(try await bed.count("turns", "turn LIKE '\(round)-%'") == atClaim)
            #expect(atClaim == Int64(committed.count))
        }
        bed.pool.close()
    }

    @Test func aCommitWhoseAnswerWasLostIsRecognised() async throws {
        let bed = try await JournalBed { $0.maximumConnections = 2 }
        let fence = try await bed.fence()
        let killer = try await PostgresTestServer.shared().pool()
        // Other tests use the same server.
        let database = try await bed.pool.query(PostgresStatement("SELECT current_database()::text"))[0].text(0) ?? ""
        let kill = PostgresStatement(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'WITH fences%' AND datname = $1",
            [.text(database)])
        let (commits, kills) = (Counter(), Counter())
        let unknown = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<40 {
                group.addTask {
                    var interrupted = 0
                    for number in 0..<25 {
                        let message = Record.message("m\(number)", in: "loja:\(index)")
                        for record in [
                            JournalRecord.crashMark(message.conversation, message.id), Record.turn(message, reply: "oi"),
                        ] {
                            while true {
                                // While the others' commits are on their way.
                                if commits.increment() % 100 == 0 { kills.add(try await killer.query(kill).count) }
                                do {
                                    let outcome = try await bed.journal.commit(record, fence)
                                    if outcome == .duplicate { #expect(interrupted > 0) }
                                    break
                                } catch let error as StoreError where error.code.isTransient {
                                    interrupted += 1
                                }
                            }
                            guard case .crashMark = record else { continue }
                            let standing = try await Waiting.value(of: "an answer") {
                                try await bed.journal.standing(of: [Record.entry(message)])
                            }
                            #expect(standing[LogOffset(major: 1)] == .marked(1), "one attempt, one mark")
                        }
                    }
                    return interrupted
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(kills.value > 0)
        #expect(unknown > 0, "connections broke in the middle of commits")
        #expect(try await Waiting.value(of: "an answer") { try await bed.count("turns") } == 1_000)
        #expect(try await bed.count("messages") == 2_000, "nothing twice, nothing lost")
        #expect(try await bed.count("sends") == 1_000)
        #expect(try await bed.count("crash_marks") == 0)
        killer.close()
        bed.pool.close()
    }

    /// Counted by many tasks.
    private final class Counter: Sendable {
        private let count = Atomic(0)

        var value: Int { self.count.load(ordering: .relaxed) }
        func increment() -> Int { self.count.add(1, ordering: .relaxed).newValue }
        func add(_ number: Int) { self.count.add(number, ordering: .relaxed) }
    }

    /// A commit that waits for a standby which does not exist has happened when it is cancelled, but nobody says so.
    @Test func whatWasCommittedWithoutAnAnswerIsNotDoneTwice() async throws {
        let server = try await PostgresTestServer([
            "synchronous_standby_names": "nobody", "synchronous_commit": "local",
        ])
        let admin = try server.pool()
        _ = try await PostgresMigrator(admin).up()
        let fence = try await {
            let leases = PostgresLeaseStore(admin)
            let partition = Partition.ID(assistant: "suporte", number: 0)
            _ = try await leases.renew(Member(id: "a", queues: ["suporte"]))
            return Fence(partition, try #require(try await leases.claim([partition], for: "a")[partition]).epoch)
        }()
        let message = Record.message("m", in: "loja:1")
        let steps: [(JournalRecord, CommitOutcome, EntryStanding)] = [
            (.crashMark(message.conversation, message.id), .committed, .marked(1)),
            (Record.turn(message), .duplicate, .committed([])),
        ]
        for (record, outcome, standing) in steps {
            _ = try await admin.query(PostgresStatement("ALTER DATABASE postgres SET synchronous_commit = on"))
            let pool = try server.pool()
            let journal = PostgresJournal(pool)
            let hasten = Task {
                let cancel = PostgresStatement(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
                try await Waiting.until("a commit that waits for its standby") { try await !admin.query(cancel).isEmpty }
            }
            await #expect { try await journal.commit(record, fence) } throws: { ($0 as? StoreError)?.code == .unavailable }
            try await hasten.value
            _ = try await admin.query(PostgresStatement("ALTER DATABASE postgres RESET synchronous_commit"))
            #expect(try await journal.commit(record, fence) == outcome)
            #expect(try await journal.standing(of: [Record.entry(message)]) == [LogOffset(major: 1): standing])
            pool.close()
        }
        admin.close()
    }

    @Test func whatIsGivenBackKeepsNoMarks() async throws {
        let bed = try await JournalBed()
        let (first, second) = (try await bed.fence(0), try await bed.fence(1))
        _ = try await bed.journal.commit(.crashMark("loja:1", "m"), first)
        _ = try await bed.journal.commit(.crashMark("loja:2", "m"), second)
        try await bed.leases.release([first], of: "a")
        #expect(try await bed.count("crash_marks", "conversation = 'loja:1'") == 0)
        #expect(try await bed.count("crash_marks") == 1)
        bed.pool.close()
    }

    @Test func rejectedWebhooksAreBounded() async throws {
        let bed = try await JournalBed()
        _ = try await bed.pool.query(
            PostgresStatement(
                "INSERT INTO cardume.rejected_webhooks (source, reason, body, at) SELECT 's', 'r', '', now() FROM generate_series(1, 1500)"
            ))
        try await bed.journal.recordRejected(
            RejectedWebhook(
                source: "evolution", reason: "r\u{0}", body: Array(repeating: 0, count: 70_000), receivedAt: Record.now))
        #expect(try await bed.count("rejected_webhooks", "source = 's'") == 999)
        #expect(try await bed.count("rejected_webhooks", "length(body) = 65536") == 1)
        bed.pool.close()
    }

    @Test func twentyClaimersGetEachLeaseOnce() async throws {
        let bed = try await JournalBed { $0.maximumConnections = 20 }
        let partitions = (0..<64).map { Partition.ID(assistant: "suporte", number: $0) }
        for round in 0..<5 {
            let owners = try await withThrowingTaskGroup(of: [Partition.ID: Ownership].self) { group in
                for index in 0..<20 {
                    group.addTask {
                        let id = Member.ID("\(round)-\(index)")
                        _ = try await bed.leases.renew(Member(id: id, queues: ["suporte"]))
                        return try await bed.leases.claim(partitions.shuffled(), for: id)
                    }
                }
                return try await group.reduce(into: []) { $0 += Array($1) }
            }
            #expect(owners.count == 64)
            #expect(Set(owners.map(\.key)) == Set(partitions))
            #expect(owners.allSatisfy { $0.value.epoch == Epoch(rawValue: Int64(round + 1)) })
            #expect(owners.allSatisfy { $0.value.followsCrash == (round > 0) })
            for index in 0..<20 { try await bed.leases.leave(Member.ID("\(round)-\(index)")) }
        }
        bed.pool.close()
    }
}
