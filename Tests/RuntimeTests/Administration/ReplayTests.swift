import CardumeCore
import CardumeTesting
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import CardumeRuntime

/// Replays, step by step and with a crash between any two, in both databases.
@Suite(.serialized) struct ReplayTests {
    typealias Bed = AdminStoreTests.Bed
    typealias Kind = AdminStoreTests.Kind

    private static let now = AdminStoreTests.now
    private static let fast = ReplayJob.Options(rate: 10_000)

    private static func all() -> DeadLetterFilter { DeadLetterFilter() }

    private static func job(_ bed: Bed, _ id: Int64) async throws -> ReplayJob {
        try #require(try await ReplayStore(bed.database).jobs(id, limit: 1).first)
    }

    @Test(arguments: Kind.allCases) func lettersGoBackOneByOneInEachConversation(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = ReplayStore(bed.database)
        for number in 1...3 {
            try await bed.bury("a\(number)", in: "loja:a")
            try await bed.bury("b\(number)", in: "loja:b")
        }
        let forecast = try await store.forecast(Self.all(), Self.fast)
        #expect(forecast.count == 6 && forecast.conversations == 2 && forecast.repliesOnly == 0)
        let id = try #require(try await store.create(Self.all(), Self.fast, by: "ana", reason: "de novo").job)
        let second = try await store.create(Self.all(), Self.fast, by: "rui", reason: nil)
        #expect(second.job == nil && second.leftOut == 6, "they are on their way")
        #expect(try await store.forecast(Self.all(), Self.fast).replaying == 6)
        #expect(try await store.claim(for: "p").map(\.id) == [id])
        #expect(try await store.claim(for: "q").isEmpty, "one process has it")

        var released = try await store.release(10, of: id, Self.fast, for: "p", at: Self.now)
        #expect(released.map(\.message.id) == ["a1", "b1"], "one of each conversation")
        #expect(released.allSatisfy { $0.message.replay == MessageReplay(number: 1) })
        #expect(try await bed.standing("a1", in: "loja:a") == nil, "no dead letter any more")
        #expect(try await bed.standing("a2", in: "loja:a") == .deadLetter)
        // As after a crash: the same again.
        #expect(try await store.release(0, of: id, Self.fast, for: "p", at: Self.now).map(\.letter) == released.map(\.letter))
        try await store.appended(released.map(\.letter), of: id)
        #expect(try await store.release(10, of: id, Self.fast, for: "p", at: Self.now).isEmpty, "both are under way")

        try await bed.answer("a1", in: "loja:a")
        try await bed.bury("b1", in: "loja:b", .auth, "401", attempts: 2)
        let sweep = try await store.sweep(id, Self.fast, for: "p")
        #expect(sweep.answered == 1 && sweep.failed == 1 && !sweep.isDone)
        let again = try #require(try await DeadLetterStore(bed.database).letter(2))
        #expect(again.category == "auth" && again.replays == 1 && again.attempts == 2 && again.fingerprint == "auth: <n>")
        #expect(try await bed.standing("b1", in: "loja:b") == .deadLetter)
        released = try await store.release(10, of: id, Self.fast, for: "p", at: Self.now)
        #expect(released.map(\.message.id) == ["a2", "b2"], "where no hold stands in the way, the next follows")
        let progress = try await Self.job(bed, id).progress
        #expect(progress.pending == 2 && progress.underWay == 2 && progress.answered == 1 && progress.failed == 1)
    }

    @Test(arguments: Kind.allCases) func whatFailsAgainHoldsThoseBehindItBack(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = ReplayStore(bed.database)
        for number in 1...3 { try await bed.bury("m\(number)", holds: true) }
        var options = Self.fast
        options.releasesConversations = true
        let id = try #require(try await store.create(Self.all(), options, by: "ana", reason: nil).job)
        #expect(try await store.forecast(Self.all(), options).count == 0)
        _ = try await store.claim(for: "p")
        let released = try await store.release(10, of: id, options, for: "p", at: Self.now)
        try await store.appended(released.map(\.letter), of: id)
        try await bed.bury("m1", holds: true)
        #expect(try await store.sweep(id, options, for: "p").failed == 1)
        #expect(try await store.release(10, of: id, options, for: "p", at: Self.now).isEmpty)
        let end = try await store.sweep(id, options, for: "p")
        #expect(end.isDone && end.lifts.isEmpty, "it stays held")
        let job = try await Self.job(bed, id)
        #expect(job.state == .done && job.progress.failed == 1 && job.progress.skipped == 2)
        #expect(try await DeadLetterStore(bed.database).count(Self.all()) == 3)
    }

    @Test(arguments: Kind.allCases) func aJournaledTurnsRepliesAreSentAgainAndNothingElse(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = ReplayStore(bed.database)
        try await bed.answer("r1", in: "loja:r", send: .refused)
        try await bed.bury("r1", in: "loja:r", .refused, "no such number")
        try await bed.answer("d1", in: "loja:d", send: .parked)
        try await bed.bury("d1", in: "loja:d", .sendInDoubt, "who knows")
        try await bed.bury("t1", in: "loja:t", kind: .system)
        let forecast = try await store.forecast(Self.all(), Self.fast)
        #expect(forecast.count == 1 && forecast.repliesOnly == 1 && forecast.inDoubt == 1 && forecast.timers == 1)
        let id = try #require(try await store.create(Self.all(), Self.fast, by: "ana", reason: nil).job)
        _ = try await store.claim(for: "p")
        let released = try await store.release(10, of: id, Self.fast, for: "p", at: Self.now)
        #expect(released.map(\.message.id) == ["r1"])
        guard case .committed(let intents, _) = try await bed.standing("r1", in: "loja:r") else {
            Issue.record("the turn is journaled")
            return
        }
        #expect(intents.map(\.state) == [.pending] && intents.map(\.attempts) == [0])
        try await store.appended(released.map(\.letter), of: id)
        #expect(try await store.sweep(id, Self.fast, for: "p").answered == 0, "not sent yet")
        try await bed.set(.accepted, of: "r1", in: "loja:r")
        let sweep = try await store.sweep(id, Self.fast, for: "p")
        #expect(sweep.answered == 1 && sweep.isDone)

        var doubtful = Self.fast
        doubtful.resendsInDoubt = true
        let second = try #require(try await store.create(Self.all(), doubtful, by: "ana", reason: nil).job)
        _ = try await store.claim(for: "p")
        #expect(try await store.release(10, of: second, doubtful, for: "p", at: Self.now).map(\.message.id) == ["d1"])
        guard case .committed(let parked, _) = try await bed.standing("d1", in: "loja:d") else {
            Issue.record("the turn is journaled")
            return
        }
        #expect(parked.map(\.state) == [.pending])
    }

    @Test(arguments: Kind.allCases) func aJobIsCancelledAndWhatIsUnderWayEnds(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = ReplayStore(bed.database)
        for number in 1...3 { try await bed.bury("m\(number)", in: "loja:\(number)") }
        let id = try #require(try await store.create(Self.all(), Self.fast, by: "ana", reason: nil).job)
        _ = try await store.claim(for: "p")
        let released = try await store.release(1, of: id, Self.fast, for: "p", at: Self.now)
        #expect(try await store.cancel(id))
        #expect(try await !store.cancel(id))
        #expect(try await store.hasWork())
        #expect(try await store.claim(for: "p").map(\.id) == [id])
        #expect(try await store.release(5, of: id, Self.fast, for: "p", at: Self.now).map(\.letter) == released.map(\.letter))
        try await store.appended(released.map(\.letter), of: id)
        try await bed.answer("m1", in: "loja:1")
        _ = try await store.sweep(id, Self.fast, for: "p")
        #expect(try await !store.hasWork())
        let job = try await Self.job(bed, id)
        #expect(job.state == .cancelled && job.progress.answered == 1 && job.progress.pending == 2)
        #expect(
            try await store.create(Self.all(), Self.fast, by: "ana", reason: nil).job != nil,
            "the others may be asked for again")
    }

    @Test(arguments: Kind.allCases) func whoHasLostAJobChangesNothing(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = ReplayStore(bed.database)
        try await bed.bury("m1")
        let id = try #require(try await store.create(Self.all(), Self.fast, by: "ana", reason: nil).job)
        _ = try await store.claim(for: "p")
        try await store.leave("p")
        #expect(try await store.claim(for: "q").map(\.id) == [id])
        for runner in ["p", "nobody"] {
            let error = await #expect(throws: StoreError.self) {
                try await store.release(1, of: id, Self.fast, for: runner, at: Self.now)
            }
            #expect(error?.code == .fenced)
        }
        #expect(try await bed.standing("m1") == .deadLetter)
    }

    /// Four people ask at once, round after round: each letter is in one replay, and everybody is told of those that are not in
    /// theirs.
    @Test(arguments: Kind.allCases) func noLetterIsInTwoReplays(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = ReplayStore(bed.database)
        let letters = 40
        for number in 0..<letters { try await bed.bury("m\(number)", in: "loja:\(number)") }
        for _ in 0..<10 {
            let begun = try await withThrowingTaskGroup(of: ReplayStore.Begun.self) { group in
                for asker in 0..<4 {
                    group.addTask {
                        var filter = Self.all()
                        // Each means three quarters of them.
                        filter.ids = (1...Int64(letters)).filter { Int($0) % 4 != asker }
                        return try await store.create(filter, Self.fast, by: "p\(asker)", reason: nil)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let jobs = begun.compactMap(\.job)
            var totals = 0
            for job in jobs { totals += try await Self.job(bed, job).progress.total }
            #expect(totals == letters, "\(begun)")
            #expect(begun.reduce(0) { $0 + $1.leftOut } == 4 * letters * 3 / 4 - letters, "\(begun)")
            let twice = try await bed.database.query { query in
                try query("SELECT letter FROM {replay_items} GROUP BY letter HAVING count(*) > 1", []).count
            }
            #expect(twice == 0)
            try await bed.database.transaction { query in
                _ = try query("DELETE FROM {replay_items}", [])
                _ = try query("DELETE FROM {replay_jobs}", [])
            }
        }
    }

    // MARK: The runner

    /// A log that fails after it has appended, now and then: nobody knows then what became of the call.
    private final class ForgetfulLog: ForwardingLog {
        let log: any PartitionLog
        private let calls = Atomic(0)

        init(log: any PartitionLog) { self.log = log }

        func append(_ messages: [LogAppend]) async throws(StoreError) -> [AppendOutcome] {
            let outcomes = try await self.log.append(messages)
            if self.calls.add(1, ordering: .relaxed).newValue % 2 == 1 {
                throw StoreError(.unavailable, "the answer was lost")
            }
            return outcomes
        }
    }

    /// Two processes take turns, each stopped after a few steps, over a log whose answers are lost: each letter is in the log
    /// once.
    @Test(arguments: Kind.allCases) func nothingIsLostNorRepeated(_ kind: Kind) async throws {
        let bed = try await Bed(kind)
        let store = ReplayStore(bed.database)
        for number in 0..<40 { try await bed.bury("m\(number)", in: "loja:\(number % 8)") }
        let id = try #require(try await store.create(Self.all(), Self.fast, by: "ana", reason: nil).job)
        let memory = MemoryStore()
        let log = ForgetfulLog(log: memory)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let uptime = Mutex(0)
        var answered: Set<String> = []
        for round in 0..<400 {
            let runner = ReplayRunner(
                store: store, log: log, name: "p\(round)", logger: logger,
                now: {
                    Moment(
                        wallTime: Self.now,
                        uptime: .milliseconds(
                            uptime.withLock {
                                $0 += 1_000; return $0
                            }))
                }, lift: { _ in })
            for _ in 0..<2 { _ = try? await runner.step() }
            try await store.leave("p\(round)")
            for number in 0..<memory.partitionCount {
                let partition = Partition.ID(assistant: "suporte", number: number)
                guard try await memory.depth(of: partition) > 0 else { continue }
                for entry in try await memory.next(partition, after: .start, limit: 1_000)
                where answered.insert(entry.message.id.rawValue).inserted {
                    try await bed.answer(entry.message.id.rawValue, in: entry.message.conversation.rawValue)
                }
            }
            if try await !store.hasWork() { break }
        }
        let job = try await Self.job(bed, id)
        #expect(job.state == .done && job.progress.answered == 40, "\(job.progress)")
        #expect(memory.unsettled == 40, "each once")
        #expect(try await DeadLetterStore(bed.database).count(Self.all()) == 0)
        // In each conversation in the order in which they died.
        for number in 0..<memory.partitionCount {
            let partition = Partition.ID(assistant: "suporte", number: number)
            guard try await memory.depth(of: partition) > 0 else { continue }
            let entries = try await memory.next(partition, after: .start, limit: 1_000)
            for (_, own) in Dictionary(grouping: entries, by: \.message.conversation) {
                let numbers = own.compactMap { Int($0.message.id.rawValue.dropFirst()) }
                #expect(numbers == numbers.sorted() && numbers.count == 5)
            }
        }
    }

    @Test func theEmbeddedLogTakesAReplayOnceAndOnlyAsAReplay() async throws {
        let bed = try await Bed(.sqlite)
        let message = AdminStoreTests.message("m1", in: "loja:1")
        let route = Route(assistant: "suporte")
        guard case .appended = try await bed.log.append([LogAppend(message: message, route: route)])[0] else {
            Issue.record("new")
            return
        }
        try await bed.bury("m1")
        #expect(try await bed.log.append([LogAppend(message: message, route: route)]) == [.duplicate])
        for number in 1...2 {
            let replayed = message.replayed(MessageReplay(number: number), at: Self.now)
            guard case .appended = try await bed.log.append([LogAppend(message: replayed, route: route)])[0] else {
                Issue.record("replay \(number) is new")
                return
            }
            #expect(try await bed.log.append([LogAppend(message: replayed, route: route)]) == [.duplicate])
        }
    }
}
