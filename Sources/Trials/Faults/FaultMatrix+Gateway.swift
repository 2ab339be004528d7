import CardumeTesting
import Foundation

/// The gateway and the model: slow, silent, repeating, poisoned; and everything at once.
extension FaultMatrix {
    package static let gateway: [Fault] = [
        Fault(
            "send-times-out", "a fifth of the replies is sent, and the request never answered",
            expectation: "each is found in the gateway's record: none is sent twice",
            strike: { scene, _ in try await scene.failSends(.hangAfterSend) },
            judge: { outcome in
                outcome.scene.mustBite(outcome.doubts > 0, "sends in doubt: \(outcome.doubts)")
                outcome.scene.expect(outcome.repeats == 0, "\(outcome.repeats) replies sent twice")
            }),
        Fault(
            "send-fails-after-it", "a fifth of the replies is sent, and answered with 400",
            expectation: "a doubt, not a failure: each is found in the gateway's record",
            strike: { scene, _ in try await scene.failSends(.errorAfterSend) },
            judge: { outcome in
                outcome.scene.mustBite(outcome.doubts > 0, "sends in doubt: \(outcome.doubts)")
                outcome.scene.expect(outcome.repeats == 0, "\(outcome.repeats) replies sent twice")
            }),
        Fault(
            "gateway-slow", "the gateway takes 1.5 s for each request, for 10 s", expectation: "slower, and no lease lost",
            strike: { scene, _ in
                scene.deployment.sandbox.update { $0.sendLatency = .milliseconds(1_500)...(.milliseconds(1_500)) }
                try await scene.sleep(.seconds(10))
                let depth = try await scene.deployment.depth()
                scene.mustBite(depth > 10, "unsettled in it: \(depth)")
                scene.deployment.sandbox.update { $0.sendLatency = .zero...(.milliseconds(2)) }
            },
            judge: { $0.scene.expect($0.partitionsLost == 0, "\($0.partitionsLost) partitions lost") }),
        Fault(
            "webhooks-repeated", "old webhooks come again, in any order, while new ones come",
            expectation: "each message is answered once, where it first stood",
            strike: { scene, seed in
                var generator = SeededGenerator(seed: seed)
                let before = scene.deployment.sandbox.sends.count
                var repeated = 0
                for _ in 0..<3 {
                    for conversation in (0..<scene.traffic.conversations).shuffled(using: &generator) {
                        for number in [1, 0] {
                            try await scene.deployment.deliver(
                                Load.contact(conversation), "C\(conversation)M\(number)", "mensagem \(number)")
                            repeated += 1
                        }
                    }
                }
                scene.mustBite(scene.deployment.sandbox.sends.count > before, "webhooks repeated: \(repeated)")
            },
            judge: { $0.scene.expect($0.repeats == 0, "\($0.repeats) replies sent twice") }),
        Fault(
            "poison", "messages that the model fails on, every time",
            expectation: "they become dead letters after their attempts; everybody else is answered",
            configure: { $0.deployment.sandbox.modelPoison = "veneno" },
            strike: { scene, _ in
                for number in 0..<3 {
                    try await scene.deployment.deliver("5534991110000", "P\(number)", "veneno \(number)")
                }
                try await Waiting.until("three dead letters", within: .seconds(60)) {
                    try await scene.deployment.number("SELECT count(*) FROM cardume.dead_letters") == 3
                }
                scene.ownWork(letters: 3)
                scene.mustBite(true, "dead letters: 3")
            }),
        Fault(
            "nemesis", "eight of the others' strikes, drawn by the seed, one after the other, without a pause between them",
            expectation: "after the last one the backlog goes to nothing",
            configure: { $0.workers = 3 },
            strike: { scene, seed in
                var generator = SeededGenerator(seed: seed)
                for _ in 0..<8 { try await scene.strikeAtRandom(using: &generator) }
            }),
    ]
}

extension FaultScene {
    /// For 5 s.
    fileprivate func failSends(_ fault: SandboxSettings.SendFault) async throws {
        self.deployment.sandbox.update { ($0.sendFault, $0.sendFaults) = (fault, 0.2) }
        try await self.sleep(.seconds(5))
        self.deployment.sandbox.update { $0.sendFaults = 0 }
    }

    fileprivate func strikeAtRandom(using generator: inout SeededGenerator) async throws {
        let seconds = Duration.milliseconds(Int.random(in: 500...4_000, using: &generator))
        switch Int.random(in: 0..<6, using: &generator) {
        case 0:
            await self.kill(self.workers[0])
            try await self.start(1)
            self.mustBite(true, "a worker killed")
        case 1:
            await self.terminate(self.workers[0])
            try await self.start(1)
            self.mustBite(true, "a worker replaced")
        case 2:
            let worker = self.workers[1]
            worker.signal(SIGSTOP)
            try await self.sleep(seconds)
            worker.signal(SIGCONT)
            self.mustBite(true, "a worker frozen for \(seconds.rounded)")
        case 3:
            try await self.deployment.redis.kill9()
            try await self.sleep(seconds)
            try await self.deployment.redis.restart()
            self.mustBite(true, "Redis gone for \(seconds.rounded)")
        case 4:
            self.deployment.postgres.pause()
            try await self.sleep(seconds)
            self.deployment.postgres.resume()
            self.mustBite(true, "PostgreSQL asleep for \(seconds.rounded)")
        default:
            try await self.deployment.postgres.restartImmediately()
            self.mustBite(true, "PostgreSQL restarted")
        }
    }
}
