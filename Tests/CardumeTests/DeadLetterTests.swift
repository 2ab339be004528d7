import CardumeCore
import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// Dead letters of the real program, from the command line: found, understood, replayed in order, deleted.
@Suite(.serialized, .timeLimit(.minutes(5))) struct DeadLetterTests {
    private static let token = "token-de-operador-mestre"
    private static let administration = """
        admin: { token: \(Self.token) }
        breakers: { minimum_calls: 1000000 }
        """

    struct Replay: Decodable {
        let id: Int
        let state: String
        let total: Int
        let pending: Int
        let under_way: Int
        let answered: Int
        let failed: Int
        let skipped: Int
    }

    private struct Analysis: Decodable {
        struct Error: Decodable {
            let fingerprint: String
            let count: Int
        }
        let total: Int
        let top_errors: [Error]
        let recommendations: [String]
    }

    /// Calls the program's commands against a door.
    private struct Shell {
        let folder: String
        let port: Int

        @discardableResult
        func callAsFunction(_ arguments: String..., expecting status: Int32 = 0) async throws -> String {
            let process = try CardumeProcess(
                arguments,
                environment: [
                    "CARDUME_ADMIN_TOKEN": DeadLetterTests.token, "CARDUME_ADMIN_URL": "http://127.0.0.1:\(self.port)",
                    "CARDUME_OPERATOR": "ana",
                ], folder: self.folder)
            #expect(await process.end() == status, "\(arguments): \(process.output)")
            return process.output
        }

        func decode<Answer: Decodable>(_ type: Answer.Type, _ arguments: String...) async throws -> Answer {
            let process = try CardumeProcess(
                arguments + ["--json"],
                environment: [
                    "CARDUME_ADMIN_TOKEN": DeadLetterTests.token, "CARDUME_ADMIN_URL": "http://127.0.0.1:\(self.port)",
                ], folder: self.folder)
            try #require(await process.end() == 0, "\(arguments): \(process.output)")
            return try JSONDecoder().decode(type, from: Data(process.output.utf8))
        }

        func ended(_ id: Int) async throws -> Replay {
            try await Waiting.value(of: "replay \(id) to end", within: .seconds(60)) {
                let replay = try await self.decode(Replay.self, "dlq", "replays", String(id))
                guard replay.state == "done" else { throw ServerError("\(replay)") }
                return replay
            }
        }
    }

    private static func texts(_ deployment: SandboxState, _ contact: Int) -> [String] {
        deployment.sends.filter { $0.number.hasPrefix(Load.contact(contact)) }.map(\.text)
    }

    /// Two sorts of trouble among good messages: a model that fails, and replies that are refused.
    @Test func twoFingerprintsAreFoundUnderstoodAndReplayedInOrder() async throws {
        var sandbox = SandboxSettings()
        sandbox.modelLatency = .zero...(.milliseconds(5))
        sandbox.modelPoison = "veneno"
        let deployment = try await Deployment(sandbox, assistant: "attempts: 1", extra: Self.administration)
        try await deployment.start()
        let shell = Shell(folder: deployment.folder.path, port: try deployment.port)
        let (conversations, good) = (10, 20)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for contact in 0..<conversations {
                group.addTask {
                    for number in 0..<good {
                        let text = number % 5 == 4 ? "veneno \(number)" : "mensagem \(number)"
                        try await deployment.deliver(Load.contact(contact), "C\(contact)M\(number)", text)
                    }
                }
            }
            try await group.waitForAll()
        }
        try await deployment.settle(replies: 160)
        deployment.sandbox.update { settings in
            settings.sendFaults = 1
            settings.sendFault = .refused
        }
        for contact in 0..<5 { try await deployment.deliver(Load.contact(contact), "C\(contact)R", "recusada") }
        try await Waiting.until("all dead letters") {
            try deployment.rows("SELECT count(*) FROM dead_letters") == ["45"]
                && deployment.rows("SELECT count(*) FROM queue") == ["0"]
        }
        deployment.sandbox.update { $0.sendFaults = 0 }

        let analysis = try await shell.decode(Analysis.self, "dlq", "analyze")
        #expect(analysis.total == 45 && analysis.top_errors.map(\.count) == [40, 5], "\(analysis)")
        let poison = try #require(analysis.top_errors.first?.fingerprint)
        print(try await shell("dlq", "analyze"))
        let list = try await shell("dlq", "list", "--fingerprint", poison, "--limit", "3")
        #expect(list.contains("veneno 19") && list.contains("more with --before"), "\(list)")
        #expect(try await shell("dlq", "list", "--text", "RECUSADA").contains("refused"))
        #expect(try await shell("dlq", "stats").hasPrefix("45 dead letters of 10 conversations"))
        #expect(try await shell("dlq", "show", "1").contains("fingerprint   \(poison)"))

        // Still broken: everything fails again, and stays.
        let dry = try await shell("dlq", "replay", "--fingerprint", poison, "--dry-run")
        #expect(dry.contains("would replay 40 letters of 10 conversations"), "\(dry)")
        let first = try await shell.decode(Replay.self, "dlq", "replay", "1", "2")
        let failed = try await shell.ended(first.id)
        #expect(failed.total == 2 && failed.failed == 2 && failed.answered == 0)
        #expect(try await shell("dlq", "show", "1").contains("replayed 1 times"))

        deployment.sandbox.update { $0.modelPoison = "" }
        let calls = deployment.sandbox.modelCalls
        let second = try await shell.decode(Replay.self, "dlq", "replay", "--all", "--rate", "50", "--reason", "consertado")
        #expect(second.total == 45)
        #expect(try await shell.ended(second.id).answered == 45)
        try await deployment.settle(replies: 205)
        #expect(deployment.sandbox.modelCalls - calls == 40, "what was answered is not asked again")
        #expect(deployment.sandbox.sends.count == 205)
        for contact in 0..<conversations {
            let texts = Self.texts(deployment.sandbox, contact)
            let ordered = texts.filter { $0.contains("veneno") }
            #expect(ordered == [4, 9, 14, 19].map { "Recebi: veneno \($0)" }, "\(contact): \(texts)")
            #expect(texts.count { $0 == "Recebi: recusada" } == (contact < 5 ? 1 : 0))
        }
        #expect(try deployment.rows("SELECT count(*) FROM dead_letters") == ["0"])
        #expect(try await shell("dlq", "replay", "--all", expecting: 1).contains("no dead letter that can be replayed"))
        #expect(try await shell("admin", "audit", "--action", "replays.begin").contains("reason: consertado"))
        print(try await shell("dlq", "replays"))
        #expect(try await deployment.terminate() == 0)
    }

    /// What is parked behind a dead letter is answered after it, once the hold is lifted; a letter that fails again holds all.
    @Test func aHeldConversationGoesOnInItsOldOrder() async throws {
        var sandbox = SandboxSettings()
        sandbox.modelLatency = .zero...(.milliseconds(5))
        sandbox.modelPoison = "veneno"
        let deployment = try await Deployment(
            sandbox, assistant: "attempts: 1, on_dead_letter: hold", extra: Self.administration)
        try await deployment.start()
        let shell = Shell(folder: deployment.folder.path, port: try deployment.port)
        for (number, text) in ["um", "veneno", "tres", "quatro"].enumerated() {
            try await deployment.deliver(Load.contact(0), "M\(number)", text)
        }
        try await Waiting.until("the dead letter") { try deployment.rows("SELECT count(*) FROM dead_letters") == ["1"] }
        let name = "loja-uberlandia:\(Load.contact(0))"
        #expect(try await shell("conversation", "held") == name)
        let replay = try await shell.decode(Replay.self, "dlq", "replay", "--all", "--release")
        #expect(try await shell.ended(replay.id).failed == 1)
        #expect(try await shell("conversation", "held") == name, "it stays held")
        #expect(Self.texts(deployment.sandbox, 0) == ["Recebi: um"])

        // As after a crash of the owner: what is parked is read before what is put back.
        try await deployment.crash()
        try await deployment.start()
        let again = Shell(folder: deployment.folder.path, port: try deployment.port)
        deployment.sandbox.update { $0.modelPoison = "" }
        let second = try await again.decode(Replay.self, "dlq", "replay", "--all", "--release")
        #expect(try await again.ended(second.id).answered == 1)
        try await deployment.settle(replies: 4)
        #expect(Self.texts(deployment.sandbox, 0) == ["um", "veneno", "tres", "quatro"].map { "Recebi: \($0)" })
        #expect(try await again("conversation", "held") == "no conversation is held")
        let shown = try await again("conversation", "show", name)
        #expect(shown.contains("nothing unsettled") && shown.contains("Recebi: veneno"), "\(shown)")
        #expect(try await deployment.terminate() == 0)
    }

    @Test func aConversationIsHeldAndReleasedByHand() async throws {
        var sandbox = SandboxSettings()
        sandbox.modelLatency = .zero...(.milliseconds(5))
        let deployment = try await Deployment(sandbox, extra: Self.administration)
        try await deployment.start()
        let shell = Shell(folder: deployment.folder.path, port: try deployment.port)
        let name = "loja-uberlandia:\(Load.contact(0))"
        try await deployment.deliver(Load.contact(0), "M0", "um")
        try await deployment.settle(replies: 1)
        #expect(try await shell("conversation", "hold", name, "--reason", "pediu gente") == "\(name): held")
        try await Waiting.until("the notice to be settled") { try deployment.rows("SELECT count(*) FROM queue") == ["0"] }
        for number in 1...3 { try await deployment.deliver(Load.contact(0), "M\(number)", "\(number)") }
        try await deployment.deliver(Load.contact(1), "O0", "outra")
        try await deployment.sandboxSent(2)
        #expect(Self.texts(deployment.sandbox, 0) == ["Recebi: um"], "only the other one is answered")
        let why = try await shell("explain", name)
        #expect(why.contains("is held by ana since ") && why.contains("until somebody releases it: pediu gente"), "\(why)")
        #expect(try await shell("explain", name, "--json").contains(#""hold":{"by":"ana","reason":"pediu gente","since":"#))
        let queue = try await shell("queue", "show", "suporte")
        #expect(queue.contains(name), "\(queue)")
        print(queue)
        #expect(try await shell("conversation", "release", name) == "\(name): released")
        try await deployment.settle(replies: 5)
        #expect(Self.texts(deployment.sandbox, 0) == ["um", "1", "2", "3"].map { "Recebi: \($0)" })
        #expect(try await shell("queue", "pause", "suporte", "--for", "1h").hasPrefix("paused: assistants.suporte.paused"))
        #expect(try await shell("queue", "list").contains("paused"))
        #expect(try await shell("queue", "resume", "suporte").hasPrefix("resumed"))
        #expect(try await !shell("queue", "list").contains("paused"))
        #expect(try await deployment.terminate() == 0)
    }

    /// Old ones are deleted only when they were counted.
    @Test func purgesNeedTheirCount() async throws {
        var sandbox = SandboxSettings()
        sandbox.modelPoison = "veneno"
        let deployment = try await Deployment(sandbox, assistant: "attempts: 1", extra: Self.administration)
        try await deployment.start()
        let shell = Shell(folder: deployment.folder.path, port: try deployment.port)
        for contact in 0..<3 { try await deployment.deliver(Load.contact(contact), "M\(contact)", "veneno") }
        try await Waiting.until("three dead letters") { try deployment.rows("SELECT count(*) FROM dead_letters") == ["3"] }
        #expect(try await shell("dlq", "purge", expecting: 1).contains("an empty filter means all dead letters"))
        #expect(try await shell("dlq", "purge", "--all").hasPrefix("there are 3; nothing was deleted"))
        #expect(try await shell("dlq", "purge", "--all", "--count", "2", expecting: 1).contains("there are 3 of them, not 2"))
        #expect(try await shell("dlq", "purge", "--until", "1h", "--count", "0") == "deleted 0")
        #expect(try await shell("dlq", "purge", "--all", "--count", "3") == "deleted 3")
        #expect(try await shell("dlq", "list") == "no dead letters")
        #expect(try await deployment.terminate() == 0)
    }

    /// The whole: 500 dead letters of two sorts among 20,000 messages. Takes minutes: only when CARDUME_INCIDENT is set.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["CARDUME_INCIDENT"] != nil, "CARDUME_INCIDENT is not set"))
    func anIncident() async throws {
        var sandbox = SandboxSettings()
        sandbox.modelLatency = .zero...(.milliseconds(5))
        sandbox.modelPoison = "veneno"
        let deployment = try await Deployment(sandbox, assistant: "attempts: 1", extra: Self.administration)
        try await deployment.start()
        let shell = Shell(folder: deployment.folder.path, port: try deployment.port)
        let (conversations, messages) = (200, 100)
        func deliver(_ numbers: Range<Int>, _ text: @escaping @Sendable (Int) -> String) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for contact in 0..<conversations {
                    group.addTask {
                        for number in numbers {
                            try await deployment.deliver(Load.contact(contact), "C\(contact)M\(number)", text(number))
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        let begin = ContinuousClock.now
        // Two of a hundred meet the model's trouble; half of the conversations then have a reply refused.
        try await deliver(0..<(messages - 1)) { $0 % 50 == 25 ? "veneno \($0)" : "mensagem \($0)" }
        try await deployment.settle(replies: conversations * (messages - 1 - 2), within: .seconds(240))
        deployment.sandbox.update { ($0.sendFaults, $0.sendFault) = (1, .refused) }
        for contact in 0..<100 {
            try await deployment.deliver(Load.contact(contact), "C\(contact)R", "mensagem \(messages - 1)")
        }
        try await Waiting.until("500 dead letters") { try deployment.rows("SELECT count(*) FROM dead_letters") == ["500"] }
        deployment.sandbox.update { $0.sendFaults = 0 }
        for contact in 100..<conversations {
            try await deployment.deliver(Load.contact(contact), "C\(contact)R", "mensagem \(messages - 1)")
        }
        let delivered = begin.duration(to: .now)
        let analysisBegan = ContinuousClock.now
        let analysis = try await shell.decode(Analysis.self, "dlq", "analyze")
        print("20,000 messages in \(delivered); analysed in \(analysisBegan.duration(to: .now)):")
        #expect(analysis.total == 500 && analysis.top_errors.map(\.count) == [400, 100])
        print(try await shell("dlq", "analyze"))
        print(try await shell("dlq", "replay", "--all", "--dry-run"))
        deployment.sandbox.update { $0.modelPoison = "" }
        let (calls, replayBegan) = (deployment.sandbox.modelCalls, ContinuousClock.now)
        let replay = try await shell.decode(Replay.self, "dlq", "replay", "--all", "--rate", "50")
        #expect(try await shell.ended(replay.id).answered == 500)
        let elapsed = replayBegan.duration(to: .now)
        print("500 dead letters replayed in \(elapsed), \(500 / elapsed.seconds) in a second")
        #expect(elapsed >= .seconds(9.8), "no faster than 50 in a second")
        #expect(deployment.sandbox.modelCalls - calls == 400)
        #expect(deployment.sandbox.sends.count == conversations * messages)
        for contact in 0..<conversations {
            let poisoned = Self.texts(deployment.sandbox, contact).filter { $0.contains("veneno") }
            #expect(poisoned == ["Recebi: veneno 25", "Recebi: veneno 75"])
        }
        #expect(try await deployment.terminate() == 0)
    }

    // MARK: In a cluster

    /// The process that replays is killed in the middle, twice; another one goes on.
    @Test func aReplayOutlivesItsProcess() async throws {
        var options = ClusterDeployment.Options()
        options.sandbox.modelLatency = .milliseconds(5)...(.milliseconds(20))
        options.sandbox.modelPoison = "mensagem"
        options.assistants = ["suporte": "attempts: 1"]
        let deployment = try await ClusterDeployment(options)
        let environment = ["CARDUME_ADMIN_TOKEN": Self.token, "CARDUME_BREAKERS_MINIMUM_CALLS": "1000000"]
        let workers = try await deployment.startWorkers(2, environment: environment)
        var gateway = try await deployment.startGateway(environment: environment)
        try await deployment.balance(over: 2)
        let (conversations, messages) = (20, 8)
        try await deployment.deliverAll(conversations: conversations, messages: messages)
        let all = conversations * messages
        try await Waiting.until("all dead letters") {
            guard try await deployment.number("SELECT count(*) FROM cardume.dead_letters") == all else { return false }
            return try await deployment.depth() == 0
        }
        deployment.sandbox.update { $0.modelPoison = "" }
        let shell = Shell(folder: deployment.workingFolder, port: try deployment.port)
        let replay = try await shell.decode(Replay.self, "dlq", "replay", "--all", "--rate", "40")
        #expect(replay.total == all)
        for round in 1...2 {
            try await Waiting.until("part of the replay") {
                try await deployment.number("SELECT count(*) FROM cardume.replay_items WHERE state = 'answered'") >= all * round
                    / 4
            }
            if round == 1 {
                gateway.signal(SIGKILL)
                await gateway.end()
                gateway = try await deployment.startGateway(environment: environment)
            } else {
                workers[0].signal(SIGKILL)
                await workers[0].end()
            }
        }
        let end = try await Shell(folder: deployment.workingFolder, port: try deployment.port).ended(replay.id)
        #expect(end.answered == all && end.failed == 0)
        try await deployment.settle(replies: all)
        let doubts = try await deployment.number("SELECT sum(ambiguous_attempts) FROM cardume.sends")
        try await deployment.check(conversations: conversations, messages: messages, repeats: doubts)
        #expect(try await deployment.number("SELECT max(replays) FROM cardume.dead_letters") == 0)
        workers[1].signal(SIGTERM)
        gateway.signal(SIGTERM)
        #expect(await workers[1].end() == 0)
        #expect(await gateway.end() == 0)
    }
}

extension Deployment {
    fileprivate func sandboxSent(_ count: Int) async throws {
        try await Waiting.until("\(count) replies") { self.sandbox.sends.count >= count }
    }
}
