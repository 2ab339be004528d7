import CardumeTesting
import Foundation

/// Workers that die, freeze, leave and come.
extension FaultMatrix {
    package static let workers: [Fault] = [
        Fault(
            "worker-killed", "kill -9 of one of two workers",
            expectation: "the other has its partitions within the lease's time and a poll",
            strike: { scene, _ in
                let begin = ContinuousClock.now
                await scene.kill(scene.workers[0])
                try await scene.deployment.balance(over: 1)
                let elapsed = begin.duration(to: .now)
                scene.mustBite(true, "taken over after \(elapsed.rounded)")
                scene.expect(elapsed < ClusterDeployment.timeToLive + .seconds(5), "taken over only after \(elapsed)")
            }),
        Fault(
            "worker-killed-before-commit", "a worker's database stops answering; it gets kill -9 before it knows",
            expectation: "its turns are run again by the other",
            strike: { scene, _ in
                let proxy = try await FaultyProxy.start(to: scene.deployment.postgres.port)
                let worker = try await scene.join(environment: ["CARDUME_DATABASE_URL": scene.databaseURL(port: proxy.port)])
                try await proxy.set(.stall)
                try await scene.sleep(.milliseconds(700))
                let unsettled = try await scene.deployment.depth()
                await scene.kill(worker)
                scene.mustBite(unsettled > 0, "unsettled messages: \(unsettled)")
            }),
        Fault(
            "worker-killed-before-settling", "a worker's Redis stops answering; it commits turns and gets kill -9",
            expectation: "the journal knows them: no second turn, no second reply",
            strike: { scene, _ in
                let proxy = try await FaultyProxy.start(to: scene.deployment.redis.port)
                let worker = try await scene.join(environment: ["CARDUME_REDIS_URL": scene.redisURL(port: proxy.port)])
                try await proxy.set(.stall)
                try await scene.sleep(.milliseconds(900))
                let journaled = try await scene.journaledAndUnsettled()
                await scene.kill(worker)
                scene.mustBite(journaled > 0, "journaled, not settled: \(journaled)")
            }),
        Fault(
            "worker-killed-in-model-call", "kill -9 while the model works on something",
            expectation: "the turns are run once more",
            configure: { $0.deployment.sandbox.modelLatency = .seconds(1)...(.seconds(1)) },
            strike: { scene, _ in await scene.kill(scene.workers[0]) },
            judge: { outcome in
                let again = outcome.scene.deployment.sandbox.modelCalls - outcome.answered
                outcome.scene.mustBite(again > 0, "model calls made again: \(again)")
            }),
        Fault(
            "worker-killed-before-request-arrives", "requests to the gateway hang unsent; kill -9",
            expectation: "the gateway's record has none of them: each is sent once, counted as a doubt",
            strike: { scene, _ in try await scene.killWhileSending(.hangBeforeSend) },
            judge: { $0.scene.mustBite($0.doubts > 0, "sends in doubt: \($0.doubts)") }),
        Fault(
            "worker-killed-before-answer", "the gateway sends and does not answer; kill -9",
            expectation: "the gateway's record has them: nothing is sent twice",
            strike: { scene, _ in try await scene.killWhileSending(.hangAfterSend) },
            judge: { outcome in
                outcome.scene.mustBite(outcome.doubts > 0, "sends in doubt: \(outcome.doubts)")
                outcome.scene.expect(outcome.repeats == 0, "\(outcome.repeats) replies sent twice")
            }),
        Fault(
            "worker-frozen", "SIGSTOP for more than twice the lease's time, then SIGCONT",
            expectation: "another works on; what the sleeper still wants to commit is refused",
            strike: { scene, _ in
                let worker = scene.workers[0]
                worker.signal(SIGSTOP)
                try await scene.sleep(ClusterDeployment.timeToLive * 2 + .seconds(1))
                worker.signal(SIGCONT)
                try await Waiting.until("the sleeper to notice") { worker.lines("\"lost\":\"").count > 0 }
            },
            judge: { $0.scene.mustBite($0.partitionsLost > 0, "partitions found taken: \($0.partitionsLost)") }),
        Fault(
            "worker-terminated", "SIGTERM while 50 turns and more are in flight",
            expectation: "status 0 within the deadline, no send in doubt",
            configure: { trial in
                trial.conversations = 120
                trial.deployment.sandbox.modelLatency = .seconds(1)...(.seconds(1))
            },
            strike: { scene, _ in
                try await Waiting.until("50 turns") { try await scene.deployment.depth() >= 100 }
                let elapsed = await ContinuousClock().measure { await scene.terminate(scene.workers[0]) }
                scene.mustBite(true, "ended after \(elapsed.rounded)")
                scene.expect(elapsed < .seconds(10), "SIGTERM took \(elapsed)")
            },
            judge: { outcome in
                let isBusy = outcome.partitionsLost > 0
                outcome.scene.expect(outcome.doubts == 0 || isBusy, "\(outcome.doubts) sends in doubt after a good end")
            }),
        Fault(
            "worker-terminated-in-hung-call", "SIGTERM while the model does not answer",
            expectation: "the call is given up, the message goes to another worker",
            strike: { scene, _ in
                scene.deployment.sandbox.update { $0.modelLatency = .seconds(120)...(.seconds(120)) }
                try await Waiting.until("calls that hang") { try await scene.deployment.depth() >= 20 }
                let elapsed = await ContinuousClock().measure { await scene.terminate(scene.workers[0]) }
                scene.mustBite(true, "ended after \(elapsed.rounded)")
                scene.expect(elapsed < .seconds(13), "SIGTERM took \(elapsed)")
                scene.deployment.sandbox.update { $0.modelLatency = .zero...(.milliseconds(200)) }
                // The other one's calls hang on.
                await scene.terminate(scene.workers[0])
                try await scene.start(2)
            }),
        Fault(
            "rolling-restart", "every worker is replaced, one after the other",
            expectation: "no send in doubt, no refused webhook",
            strike: { scene, _ in
                for worker in scene.workers {
                    try await scene.start(1)
                    await scene.terminate(worker)
                    try await scene.deployment.balance(over: 2)
                }
            },
            judge: { outcome in
                outcome.scene.expect(outcome.refusals == 0, "\(outcome.refusals) webhooks refused")
                outcome.scene.mustBite(outcome.workers.count == 4, "four processes")
            }),
        Fault(
            "scale", "one worker, six, one again",
            expectation: "partitions evenly spread within 15 s, none moved that could have stayed",
            configure: { trial in
                trial.workers = 1
                // Some for everybody.
                (trial.conversations, trial.pause) = (100, .seconds(1))
            },
            strike: { scene, _ in
                let first = try await scene.deployment.leases()
                try await scene.start(5)
                let begin = ContinuousClock.now
                let spread = try await scene.deployment.balance(over: 6)
                let elapsed = begin.duration(to: .now)
                scene.expect(elapsed < .seconds(15), "spread only after \(elapsed)")
                scene.expect(spread.counts.values.allSatisfy { (9...12).contains($0) }, "uneven: \(spread.counts)")
                scene.expect(spread.moved(since: first) <= 64 - 9, "partitions moved that could have stayed")
                try await Waiting.until("each to answer something") {
                    scene.workers.allSatisfy { !$0.lines("reply sent").isEmpty }
                }
                for worker in scene.workers.dropLast() { await scene.terminate(worker) }
                let last = try await scene.deployment.balance(over: 1)
                scene.mustBite(last.counts.values.first == 64, "six workers: \(spread.counts.values.sorted())")
            },
            judge: { outcome in
                // On a machine so busy that a lease ran out, somebody else had to ask what became of a send.
                outcome.scene.expect(outcome.doubts == 0 || outcome.partitionsLost > 0, "\(outcome.doubts) sends in doubt")
                outcome.scene.expect(outcome.refusals == 0, "\(outcome.refusals) webhooks refused")
                outcome.scene.expect(
                    outcome.workers.lines("message was running when the process died").isEmpty, "an end was taken for a death")
            }),
        Fault(
            "worker-flapping", "a worker starts, takes partitions and gets kill -9, five times",
            expectation: "the others go on",
            strike: { scene, _ in
                for _ in 0..<5 {
                    let worker = try await scene.join(environment: [:])
                    await scene.kill(worker)
                    try await scene.deployment.balance(over: 2)
                }
                scene.mustBite(true, "five deaths")
            }),
    ]
}

extension FaultScene {
    func databaseURL(port: Int) -> String { "postgres://postgres@127.0.0.1:\(port)/cardume" }
    func redisURL(port: Int) -> String { "redis://127.0.0.1:\(port)" }

    /// Messages in the log whose turns are in the journal.
    func journaledAndUnsettled() async throws -> Int {
        let script = """
            local entries = {}
            for _, log in ipairs(redis.call('KEYS', 'cardume:*:log:*')) do
                for _, entry in ipairs(redis.call('XRANGE', log, '-', '+')) do
                    table.insert(entries, table.concat(entry[2], ' '))
                end
            end
            return entries
            """
        let entries = try await self.deployment.askRedis("EVAL", script, "0").joined(separator: "\n")
        let unsettled = Set(entries.matches(of: #/C[0-9]+M[0-9]+/#).map { String($0.0) })
        let turns = try await self.deployment.rows(
            "SELECT message_id FROM cardume.messages WHERE message_id IS NOT NULL")
        return unsettled.intersection(turns).count
    }

    /// Lets requests to the gateway hang, kills a worker in the midst of them, and ends that.
    func killWhileSending(_ fault: SandboxSettings.SendFault) async throws {
        self.deployment.sandbox.update { ($0.sendFault, $0.sendFaults) = (fault, 1) }
        let requests = self.deployment.sandbox.sendRequests
        try await Waiting.until("requests that hang") { self.deployment.sandbox.sendRequests >= requests + 10 }
        await self.kill(self.workers[0])
        self.deployment.sandbox.update { $0.sendFaults = 0 }
    }
}
