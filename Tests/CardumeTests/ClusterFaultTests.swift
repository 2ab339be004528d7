import CardumeTesting
import Foundation
import Testing

@testable import CardumeTesting

/// Redis and PostgreSQL that die, sleep and forget, under load and with the real processes before them.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ClusterFaultTests {
    private static let conversations = 40
    private static let all = conversations * messages
    private static let messages = 20

    /// Two workers and a gateway under load; `fault` happens in the middle and is over when it returns.
    ///
    /// - Returns: the processes, how often a webhook was not accepted, and how long the fault lasted.
    private static func endure(
        _ fault: (ClusterDeployment) async throws -> Void
    ) async throws -> (workers: [CardumeProcess], refusals: Int, elapsed: Duration) {
        var options = ClusterDeployment.Options()
        options.sandbox.modelLatency = .zero...(.milliseconds(200))
        options.sandbox.sendLatency = .zero...(.milliseconds(2))
        options.sandbox.seed = 11
        let deployment = try await ClusterDeployment(options)
        let workers = try await deployment.startAll(workers: 2)
        let refusals = Refusals()
        async let load: Void = deployment.deliverAll(
            conversations: Self.conversations, messages: Self.messages, pause: .milliseconds(100), refusals: refusals)
        try await deployment.sent(Self.all / 4)
        let begin = ContinuousClock.now
        try await fault(deployment)
        let elapsed = begin.duration(to: .now)
        let healed = ContinuousClock.now
        try await deployment.sent(deployment.sandbox.sends.count + 20)
        let recovery = healed.duration(to: .now)
        try await load
        try await deployment.settle(replies: Self.all)
        try await deployment.check(conversations: Self.conversations, messages: Self.messages)
        let doubts = try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends")
        let again = deployment.sandbox.sendRequests - Self.all
        print(
            """
            fault of \(elapsed): progress after \(recovery), \(refusals.count) webhooks refused, \(workers.sum("lost")) \
            partitions lost, \(doubts) sends in doubt, \(again) sent again
            """)
        #expect(recovery < .seconds(15))
        #expect(again <= doubts)
        #expect(workers.allSatisfy { !$0.hasEnded })
        // Once a second for each dependency, and what is logged once.
        let seconds = Int(elapsed.components.seconds + recovery.components.seconds) + 5
        for worker in workers {
            let errors = worker.lines("\"level\":\"error\"").count + worker.lines("\"level\":\"warning\"").count
            #expect(errors <= 4 * seconds + 64, "\(errors) lines of trouble in about \(seconds) seconds")
        }
        for worker in workers { worker.signal(SIGTERM) }
        for worker in workers { #expect(await worker.end() == 0) }
        return (workers, refusals.count, elapsed)
    }

    @Test func redisIsKilledAndStartsAgain() async throws {
        let (workers, refusals, _) = try await Self.endure { deployment in
            try await deployment.redis.kill9()
            try await ContinuousClock().sleep(for: .milliseconds(3_000))
            try await deployment.redis.restart()
        }
        #expect(refusals > 0)
        #expect(workers.allSatisfy { !$0.lines("Redis lost").isEmpty })
        #expect(workers.sum("lost") >= 64, "nobody's trust ended")
    }

    @Test func redisIsAwayForAMoment() async throws {
        let (workers, _, _) = try await Self.endure { deployment in
            try await deployment.redis.kill9()
            try await deployment.redis.restart()
        }
        #expect(workers.allSatisfy { !$0.lines("Redis lost").isEmpty })
    }

    @Test func redisSleeps() async throws {
        let (workers, refusals, elapsed) = try await Self.endure { deployment in
            deployment.redis.pause()
            try await ContinuousClock().sleep(for: .seconds(8))
            deployment.redis.resume()
        }
        #expect(elapsed > .seconds(7))
        #expect(refusals > 0)
        #expect(workers.sum("lost") >= 64, "nobody's trust ended")
    }

    @Test func postgresRestartsImmediately() async throws {
        let (workers, _, _) = try await Self.endure { try await $0.postgres.restartImmediately() }
        #expect(!workers.lines("store unavailable").isEmpty)
    }

    @Test func postgresSleeps() async throws {
        let (workers, _, _) = try await Self.endure { deployment in
            deployment.postgres.pause()
            try await ContinuousClock().sleep(for: .seconds(7))
            deployment.postgres.resume()
        }
        #expect(workers.sum("lost") >= 64, "nobody's trust ended")
    }

    @Test func redisForgetsEverythingWhileNothingIsThere() async throws {
        let deployment = try await ClusterDeployment()
        let workers = try await deployment.startAll(workers: 2)
        try await deployment.deliverAll(conversations: 20, messages: 2)
        try await deployment.settle(replies: 40)
        #expect(Int(try await deployment.redis.cli("DBSIZE")) ?? 0 > 0)
        try await deployment.redis.cli("FLUSHALL")
        for conversation in 0..<20 {
            for message in 2..<5 {
                try await deployment.deliver(
                    Load.contact(conversation), "C\(conversation)M\(message)", "mensagem \(message)")
            }
        }
        try await deployment.settle(replies: 100)
        try await deployment.check(conversations: 20, messages: 5)
        // Dead entries of the deduplication are gone, so this one comes again; the journal knows it.
        try await deployment.deliver(Load.contact(0), "C0M4", "mensagem 4")
        try await Waiting.until("the log to be empty") { try await deployment.depth() == 0 }
        try await deployment.check(conversations: 20, messages: 5)
        for worker in workers { worker.signal(SIGTERM) }
        for worker in workers { #expect(await worker.end() == 0) }
    }
}
