import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// What becomes of single messages when answers are lost, servers sleep at the end, or forget.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ClusterFaultTests {
    /// The answer to a commit is lost on its way, again and again: what was journaled is neither done again nor in doubt.
    @Test func commitsWhoseAnswersAreLost() async throws {
        var options = ClusterDeployment.Options()
        options.sandbox.modelLatency = .zero...(.milliseconds(20))
        options.isDatabaseBehindProxy = true
        let deployment = try await ClusterDeployment(options)
        let proxy = try #require(deployment.proxy)
        let workers = try await deployment.startAll(workers: 1)
        try await proxy.set(.cutAfterRequest(containing: "pergunta", times: 5))
        for round in 0..<5 {
            try await deployment.deliver(Load.contact(round), "P\(round)", "pergunta \(round)")
            try await deployment.settle(replies: round + 1)
        }
        #expect(try await proxy.cuts == 5)
        #expect(!workers.lines("store unavailable").isEmpty)
        #expect(deployment.sandbox.sends.map(\.text) == (0..<5).map { "Recebi: pergunta \($0)" })
        #expect(deployment.sandbox.sendRequests == 5)
        #expect(try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends") == 0)
    }

    /// Nothing answers, and the process is told to go.
    @Test func terminationDoesNotWaitForServersThatSleep() async throws {
        let deployment = try await ClusterDeployment()
        let workers = try await deployment.startAll(workers: 2)
        deployment.postgres.pause()
        workers[0].signal(SIGTERM)
        let begin = ContinuousClock.now
        #expect(await workers[0].end() == 0)
        deployment.redis.pause()
        workers[1].signal(SIGTERM)
        #expect(await workers[1].end() == 0)
        print("SIGTERM while servers sleep: \(begin.duration(to: .now))")
        #expect(begin.duration(to: .now) < .seconds(40))
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
