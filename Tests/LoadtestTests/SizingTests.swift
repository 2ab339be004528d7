import CardumeLoad
import CardumeTesting
import Testing
import Yams

@Suite struct SizingTests {
    private static func cost(messages: Int, cpu: Double, memory: Double = 100e6) -> RunCost {
        var end = Footprint()
        end.redisCommands = 20 * 60 + Double(messages) * 6
        end.redisBytesIn = Double(messages) * 2_048
        end.redisBytesOut = Double(messages) * 1_024
        end.commits = Double(messages) * 0.5
        end.walBytes = Double(messages) * 4_096
        end.databaseBytes = Double(messages) * 1_024
        (end.redisConnections, end.postgresConnections) = (5, 8)
        var cost = RunCost(from: Footprint(), to: end, seconds: 60, messages: messages, conversations: 100)
        (cost.workerCPU, cost.gatewayCPU, cost.redisCPU, cost.postgresCPU) = (cpu, cpu / 4, cpu / 10, cpu / 2)
        (cost.workerMemory, cost.gatewayMemory) = (memory, 50e6)
        return cost
    }

    /// 3 s of processor time for doing nothing in a minute, and 1 ms for each message.
    private static let measured = MessageCost(
        low: Self.cost(messages: 1_000, cpu: 4), high: Self.cost(messages: 10_000, cpu: 13), turnMemory: 10_240, added: 0.02)

    private static let demand = SizingDemand(
        rate: 180, peakPerHour: 160_000, conversations: 15_000, model: LogNormal(median: .seconds(1), p95: .seconds(3)),
        tokens: 800)

    @Test func idlingIsNotPutOnTheMessages() {
        #expect(abs(Self.measured.worker.perMessage - 0.001) < 1e-9)
        #expect(abs(Self.measured.worker.idle - 0.05) < 1e-9)
        #expect(abs(Self.measured.worker.perSecond(at: 180) - 0.23) < 1e-9)
        #expect(abs(Self.measured.redisCommands.perMessage - 6) < 1e-9)
        #expect(abs(Self.measured.redisCommands.idle - 20) < 1e-6)
        #expect(abs(Self.measured.redisBytes.perMessage - 3_072) < 1e-6)
        #expect(abs(Self.measured.commits.perSecond(at: 180) - 90) < 1e-6)
    }

    /// By hand: σ = ln 3 / 1.645 = 0.668, E = e^(σ²/2) = 1.25 s; L = 180 × 1.27 = 228.6; + 3.09 √L = 275.3.
    @Test func thePlanIsThatOfTheFormulae() {
        let plan = SizingPlan(Self.demand, Self.measured)
        #expect(plan.rate == 180, "160,000 an hour are 44.4 a second")
        #expect(abs(Self.demand.model.mean - 1.25) < 0.001)
        #expect(abs(plan.inFlight - 228.6) < 0.2)
        #expect(plan.slots == 276)
        #expect(plan.pods == 2, "180 × 1 ms / (0.6 − 0.05) = 0.33 of a pod, and one more")
        #expect(plan.slotsPerPod == 286, "L / 0.8 is more than L + 3.09 √L")
        #expect(abs(plan.target - 228.8) < 0.001)
        #expect(plan.gateways == 2)
        #expect(plan.resources.cores == 4)
        #expect(abs(plan.requestsPerMinute - 12_960) < 1e-6)
        #expect(abs(plan.tokensPerMinute - 12_960 * 800) < 1e-3)
        #expect(plan.databaseConnections == 3)
        #expect(plan.allDatabaseConnections == 20)
    }

    @Test func thePeakCountsWhereItIsHigher() {
        var demand = Self.demand
        demand.peakPerHour = 720_000
        #expect(SizingPlan(demand, Self.measured).rate == 200)
    }

    /// Whoever asks for more gets no less, of anything.
    @Test func plansGrowWithTheRate() {
        var before = SizingPlan(Self.demand, Self.measured)
        for rate in stride(from: 200.0, through: 20_000, by: 200) {
            var demand = Self.demand
            demand.rate = rate
            let plan = SizingPlan(demand, Self.measured)
            #expect(plan.slots >= before.slots && plan.pods >= before.pods && plan.gateways >= before.gateways)
            #expect((plan.pods - 1) * plan.slotsPerPod >= plan.slots, "one may be gone")
            let cores = rate * Self.measured.worker.perMessage / Double(plan.pods - 1) + Self.measured.worker.idle
            #expect(cores <= 0.6 + 1e-9)
            before = plan
        }
        #expect(before.pods == 38, "20,000 × 1 ms / 0.55 = 36.4")
    }

    @Test func memoryMayCountMoreThanProcessors() {
        var cost = Self.measured
        cost.turnMemory = 4 * 1_048_576
        // 276 × 4 MiB / (0.7 × 512 MiB − 95 MiB) = 4.2
        #expect(SizingPlan(Self.demand, cost).pods == 6)
    }

    @Test func everyStepIsShown() {
        let formulas = SizingPlan(Self.demand, Self.measured).formulas
        #expect(formulas.count >= 14)
        #expect(formulas.allSatisfy { !$0.name.isEmpty && !$0.formula.isEmpty && !$0.numbers.isEmpty && !$0.result.isEmpty })
        #expect(formulas.contains { $0.name == "Turns in flight" && $0.result == "229" })
    }

    @Test func theManifestSaysWhatThePlanSays() throws {
        let plan = SizingPlan(Self.demand, Self.measured)
        let component = try #require(Yams.load(yaml: SizingManifest(plan: plan).component) as? [String: Any])
        #expect(component["kind"] as? String == "Component")
        let patches = try #require(component["patches"] as? [[String: Any]]).compactMap { $0["patch"] as? String }
        #expect(patches.count == 3)
        let worker = try #require(Yams.load(yaml: patches[0]) as? [String: Any])
        #expect((worker["metadata"] as? [String: String])?["name"] == "cardume-worker")
        #expect(patches[0].contains("CARDUME_SLOTS, value: \"286\""))
        let operations = try #require(Yams.load(yaml: patches[1]) as? [[String: Any]])
        #expect(operations.map { $0["op"] as? String } == ["replace", "replace", "replace"])
        #expect(operations[0]["value"] as? Int == 2 && operations[1]["value"] as? Int == 6)
        #expect(operations[2]["value"] as? String == "228800m")
        let gateway = try #require(Yams.load(yaml: patches[2]) as? [String: Any])
        #expect((gateway["spec"] as? [String: Int])?["replicas"] == 2)
    }
}
