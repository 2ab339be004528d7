import CardumeTesting
import Testing

struct SimulationTests {
    @Test func everyPromiseIsKept() {
        let result = SimulationCampaign(seeds: 1..<101).run()
        #expect(result.runs == 100)
        #expect(result.failure == nil, "cardume-bench simulate \(result.failure?.arguments ?? "")")
    }

    /// Each has broken a promise before: a timer that set itself anew for ever; a held conversation's suspect that came back
    /// unsuspected; a partition claimed twice, whose owner's death was forgotten; a hold's notice that outlived its release; the
    /// second message of a merged turn, which nobody suspected; a merged turn whose first message a failover lost, or put last.
    @Test(arguments: [237, 1_622, 3_608, 12_465, 24_239, 35_700, 120_591]) func whatWasMendedStaysMended(seed: UInt64) {
        let result = Simulation(seed: seed).run()
        #expect(result.violation == nil)
    }

    @Test(arguments: [3, 17, 170]) func aSeedRepeatsItself(seed: UInt64) {
        let (first, second) = (Simulation(seed: seed).run(isRecording: true), Simulation(seed: seed).run(isRecording: true))
        #expect(first.digest == second.digest)
        #expect(first.history == second.history)
        #expect(!first.history.isEmpty)
        #expect(Simulation(seed: seed).run().digest == first.digest, "to look on changes nothing")
        #expect(Simulation(seed: seed + 1).run().digest != first.digest)
    }

    /// Each process hashes in its own way.
    @Test func aSeedRepeatsItselfInAnotherProcess() async throws {
        var digests: [[UInt8]] = []
        for _ in 0..<3 {
            let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
                print("digest", SimulationCampaign(seeds: 1..<41).run().digest)
            }
            let output = try #require(child?.standardOutputContent)
            digests.append(output)
        }
        #expect(String(decoding: digests[0], as: UTF8.self).contains("digest "))
        #expect(digests[1] == digests[0] && digests[2] == digests[0])
    }

    @Test(arguments: Safeguard.allCases) func aMissingSafeguardIsNoticed(safeguard: Safeguard) throws {
        let campaign = SimulationCampaign(seeds: 1..<2_001) { seed in
            var simulation = Simulation(seed: seed)
            simulation.without = [safeguard]
            return simulation
        }
        _ = try #require(campaign.run().failure, "2,000 seeds have not missed \(safeguard.rawValue)")
    }

    @Test func aFailureIsShortened() throws {
        let campaign = SimulationCampaign(seeds: 1..<2_001) { seed in
            var simulation = Simulation(seed: seed)
            simulation.without = [.recognition]
            return simulation
        }
        let failure = try #require(campaign.run().failure)
        let short = failure.shortened()
        let (long, outcome) = (failure.run(isRecording: true), short.run(isRecording: true))
        #expect(outcome.violation?.promise == long.violation?.promise)
        #expect(outcome.schedule.count <= long.schedule.count)
        #expect(outcome.history.contains { $0.contains("BROKEN") })
    }
}
