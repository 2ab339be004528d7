import CardumeCore
import Testing

@Suite struct AutoscalingTrialTests {
    private static let autoscaler = AutoscalerSettings(
        minReplicas: 2, maxReplicas: 20, metrics: [.init(name: "demand", target: .averageValue(51_200))], behavior: .init())

    private static func run(
        _ trace: LoadTrace, _ change: (inout AutoscalingTrial.Settings) -> Void = { _ in }
    ) -> AutoscalingTrial.Result {
        var settings = AutoscalingTrial.Settings(autoscaler: Self.autoscaler)
        change(&settings)
        return AutoscalingTrial(settings, trace).run()
    }

    @Test func aFleetServesWhatItHasSlotsFor() {
        var fleet = WorkerFleet(.init(slotsPerPod: 10, turn: 2, boot: 5, drainTarget: 30), replicas: 1)
        for second in 0..<20 { fleet.step(to: Double(second), arrivals: 8) }
        // 10 slots of 2 s each are 5 a second; 8 come.
        #expect(fleet.inFlight == 10)
        #expect(fleet.waiting == 60, "100 of 160 have begun")
        #expect(fleet.demand == 10 + 60 * 2 / 30)
        fleet.scale(to: 3, at: 20)
        #expect(fleet.replicas == 3 && fleet.ready(at: 20) == 1 && fleet.ready(at: 25) == 3)
        fleet.scale(to: 2, at: 21)
        #expect(fleet.ready(at: 21) == 1, "who has not begun goes first")
        fleet.scale(to: 1, at: 26)
        #expect(fleet.inFlight == 10, "what runs ends")
        for second in 26..<28 { fleet.step(to: Double(second), arrivals: 0) }
        #expect(fleet.inFlight == 10)
    }

    @Test func percentilesAreThoseOfMessages() {
        var fleet = WorkerFleet(.init(slotsPerPod: 95, turn: 10, boot: 0), replicas: 1)
        fleet.step(to: 0, arrivals: 100)
        for second in 1...10 { fleet.step(to: Double(second), arrivals: 0) }
        #expect(fleet.waits.count == 100)
        #expect(fleet.waits.percentile(0.95) == 0)
        #expect(fleet.waits.percentile(0.96) == 10)
    }

    @Test func aMissingMetricFreezesThePods() {
        let trace = LoadTrace([.init(from: 0, rate: 30), .init(from: 600, rate: 100)], end: 1_800)
        let result = Self.run(trace) { $0.missing = 590..<1_500 }
        let during = result.samples[600..<1_500].map(\.replicas)
        #expect(Set(during).count == 1)
        #expect(result.failures == 60)
        #expect(result.samples[1_799].replicas > during[600], "and it goes on when the metric is back")
        #expect(result.verdict.contains { $0.contains("60 looks without the metric") })
    }

    /// The query takes the highest: however many say it, it is said once. The sum would count it for each.
    @Test func duplicatesChangeNothingUnlessSummed() {
        let trace = LoadTrace([.init(from: 0, rate: 75)], end: 1_800)
        let one = Self.run(trace)
        #expect(Self.run(trace) { $0.reporters = 20 } == one)
        let summed = Self.run(trace) { ($0.reporters, $0.aggregation) = (20, .sum) }
        #expect(summed.meanReplicas > one.meanReplicas * 1.5)
        #expect(summed.peakReplicas == 20)
    }

    @Test func traitsOfTheShapes() {
        #expect(LoadTrace(.steady).messages == 270_000)
        let day = LoadTrace(.businessDay)
        let peak = LoadTrace(
            day.steps.filter { (36_000..<39_600).contains($0.from) }.map { .init(from: $0.from - 36_000, rate: $0.rate) },
            end: 3_600)
        #expect(abs(peak.messages - 160_000) < 10)
        for shape in LoadTrace.Shape.allCases {
            #expect(LoadTrace(shape) == LoadTrace(shape), "the same seed gives the same")
            #expect((try? LoadTrace(csv: LoadTrace(shape).csv)) == LoadTrace(shape))
        }
        #expect(LoadTrace(.noisy, seed: 1) != LoadTrace(.noisy, seed: 2))
    }

    @Test(arguments: [
        ("", 1), ("0,1", 1), ("5,1\n9,0", 1), ("0,1\nx,2\n9,0", 2), ("0,1\n5\n9,0", 2), ("0,1\n5,-1\n9,0", 2),
        ("0,1\n5,1\n5,0", 3), ("0,1\n5,nan\n9,0", 2), ("0,1\n5,1e9\n9,0", 2), ("0,1\n1e18,0", 2),
    ])
    func mistakesAreNamedByLine(_ csv: String, _ line: Int) {
        let mistake = #expect(throws: LoadTrace.Mistake.self) { try LoadTrace(csv: csv) }
        #expect(mistake?.line == line)
    }

    @Test func commentsAndHeadersAreNotData() throws {
        let trace = try LoadTrace(csv: "seconds,messages_per_second\n# calm\n0, 1.5\n10,2 # less calm\n\n20,0\n")
        #expect(trace == LoadTrace([.init(from: 0, rate: 1.5), .init(from: 10, rate: 2)], end: 20))
        #expect(trace.messages == 35)
    }
}
