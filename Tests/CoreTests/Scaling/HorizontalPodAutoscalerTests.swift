import CardumeCore
import Testing

/// The controller as its source has it. Numbers marked "upstream" are from Kubernetes' own tests.
@Suite struct HorizontalPodAutoscalerTests {
    private typealias Policy = AutoscalerSettings.Policy
    private typealias Rules = AutoscalerSettings.Rules

    /// Plays looks 15 s apart, each with the metric's value, and keeps the number of replicas between them.
    private struct Play {
        var autoscaler: HorizontalPodAutoscaler
        var replicas: Int
        var now: Duration = .zero

        /// - Parameter value: `nil` for a metric that cannot be read.
        @discardableResult
        mutating func look(_ value: Double?, times: Int = 1) -> Int {
            for _ in 0..<times {
                let observation = HorizontalPodAutoscaler.Observation(
                    wanted: self.replicas, present: self.replicas, metrics: ["m": value.map { [Int64(($0 * 1_000).rounded())] }]
                )
                self.replicas = self.autoscaler.look(observation, at: self.now).replicas
                self.now += HorizontalPodAutoscaler.syncPeriod
            }
            return self.replicas
        }
    }

    private static func play(
        _ replicas: Int, min: Int = 1, max: Int = 100, target: Int64 = 1_000, behavior: AutoscalerSettings.Behavior? = .init()
    ) -> Play {
        let metric = AutoscalerSettings.Metric(name: "m", target: .averageValue(target))
        let settings = AutoscalerSettings(minReplicas: min, maxReplicas: max, metrics: [metric], behavior: behavior)
        return Play(autoscaler: HorizontalPodAutoscaler(settings), replicas: replicas)
    }

    private static func decide(
        _ target: AutoscalerSettings.Target, wanted: Int, values: [Int64]?, readiness: [Bool] = []
    ) -> HorizontalPodAutoscaler.Decision {
        var autoscaler = HorizontalPodAutoscaler(
            AutoscalerSettings(maxReplicas: 10, metrics: [.init(name: "m", target: target)], behavior: .init()))
        return autoscaler.look(
            .init(wanted: wanted, present: wanted, readiness: readiness, metrics: ["m": values]), at: .zero)
    }

    @Test func averageValueDividesTheSum() {
        // upstream: TestReplicaCalcScaleUp…ExternalMetric: 3 replicas, 8600m, target 2150m
        #expect(Self.decide(.averageValue(2_150), wanted: 3, values: [8_600]).replicas == 4)
        #expect(Self.decide(.averageValue(2_150), wanted: 3, values: [8_000, 600]).replicas == 4, "items are summed")
    }

    @Test func valueCountsReadyPodsOnly() {
        // upstream: "would expect 6 if we didn't ignore unready"
        let decision = Self.decide(.value(4_400), wanted: 3, values: [8_600], readiness: [false, true, false])
        // Down, and within the window of the first recommendation.
        #expect(decision.replicas == 3)
        // upstream: one ready pod of one
        #expect(Self.decide(.value(4_400), wanted: 1, values: [8_600], readiness: [true]).replicas == 2)
        let noWindow = AutoscalerSettings.Behavior(
            down: Rules(window: .zero, policies: [Policy(.percent, 100, per: .seconds(15))]))
        var autoscaler = HorizontalPodAutoscaler(
            AutoscalerSettings(maxReplicas: 10, metrics: [.init(name: "m", target: .value(4_400))], behavior: noWindow))
        let observation = HorizontalPodAutoscaler.Observation(
            wanted: 3, present: 3, readiness: [false, true, false], metrics: ["m": [8_600]])
        #expect(autoscaler.look(observation, at: .zero).replicas == 2)
    }

    @Test func failedAndEmptyMetricsChangeNothing() {
        let empty = Self.decide(.averageValue(1_000), wanted: 3, values: [])
        #expect(empty.replicas == 3)
        #expect(empty.problem == "no metrics returned from external metrics API")
        let failed = Self.decide(.averageValue(1_000), wanted: 3, values: nil)
        #expect(failed.replicas == 3 && failed.problem?.contains("unable to fetch") == true)
        #expect(Self.decide(.value(1_000), wanted: 3, values: [9_000]).problem?.contains("no pods") == true)
    }

    /// One metric that fails keeps the others from scaling in, not from scaling out.
    @Test func partialFailure() {
        func decide(_ value: Int64) -> Int {
            let metrics = ["a", "b"].map { AutoscalerSettings.Metric(name: $0, target: .averageValue(1_000)) }
            let rules = Rules(window: .zero, policies: [Policy(.percent, 100, per: .seconds(15))])
            var autoscaler = HorizontalPodAutoscaler(
                AutoscalerSettings(maxReplicas: 10, metrics: metrics, behavior: .init(up: rules, down: rules)))
            return autoscaler.look(.init(wanted: 4, present: 4, metrics: ["a": nil, "b": [value]]), at: .zero).replicas
        }
        #expect(decide(1_000) == 4)
        #expect(decide(6_000) == 6)
    }

    @Test(arguments: [(10.9, 10), (11.0, 10), (11.001, 12), (9.0, 10)])
    func toleranceIsATenth(_ value: Double, _ expected: Int) {
        var play = Self.play(10)
        #expect(play.look(value) == expected)
    }

    @Test func toleranceMayBeConfigured() {
        var behavior = AutoscalerSettings.Behavior()
        behavior.up.tolerance = 0
        var play = Self.play(10, behavior: behavior)
        #expect(play.look(10.1) == 11)
    }

    @Test func downWaitsForTheWindow() {
        var play = Self.play(10)
        // The first recommendation is what there is: for one window nothing goes down.
        #expect(play.look(2, times: 20) == 10)
        #expect(play.look(2) == 2)
    }

    /// The window holds what was asked for, not what was done.
    @Test func windowsHoldUnstabilisedRecommendations() {
        let slowUp = Rules(window: .seconds(60), policies: [Policy(.percent, 900, per: .seconds(15))])
        var play = Self.play(2, behavior: .init(up: slowUp))
        #expect(play.look(8, times: 4) == 2, "the first record, 2, is the lowest of the minute")
        #expect(play.look(8) == 8)
        #expect(play.look(50) == 8, "and 8 is now")
    }

    @Test func upIsLimitedByTheLargerPolicy() {
        var play = Self.play(2)
        #expect(play.look(90) == 6, "4 pods are more than 100 %")
        #expect(play.look(90) == 12, "100 % are more than 4 pods")
        #expect(play.look(90) == 24)
    }

    @Test func minSelectsTheSmallerChangeInBothDirections() {
        let policies = [Policy(.percent, 50, per: .seconds(60)), Policy(.pods, 1, per: .seconds(60))]
        var behavior = AutoscalerSettings.Behavior(
            up: Rules(window: .zero, select: .min, policies: policies),
            down: Rules(window: .zero, select: .min, policies: policies))
        var play = Self.play(10, behavior: behavior)
        #expect(play.look(50) == 11)
        #expect(play.look(50, times: 3) == 11, "one a minute")
        #expect(play.look(50) == 12)
        play = Self.play(10, behavior: behavior)
        #expect(play.look(1) == 9)
        behavior.down.select = .max
        play = Self.play(10, behavior: behavior)
        #expect(play.look(1) == 5)
        behavior.down.select = .disabled  // Kubernetes' policy: never fewer pods.
        play = Self.play(10, behavior: behavior)
        #expect(play.look(1, times: 100) == 10)
    }

    @Test func percentIsRoundedUpBothWays() {
        let rules = Rules(window: .zero, policies: [Policy(.percent, 10, per: .seconds(15))])
        var play = Self.play(5, behavior: .init(up: rules, down: rules))
        #expect(play.look(50) == 6, "5.5 up to 6")
        play = Self.play(5, behavior: .init(up: rules, down: rules))
        #expect(play.look(1) == 4, "4.5 down to 4")
    }

    /// What went out lately gives its part of the policy back.
    @Test func scalingsCountInBothDirections() {
        let rules = Rules(window: .zero, policies: [Policy(.pods, 4, per: .seconds(60))])
        var play = Self.play(10, behavior: .init(up: rules, down: rules))
        #expect(play.look(14) == 14)
        #expect(play.look(30) == 14, "four have come within the minute")
        #expect(play.look(6) == 6, "as many may go as came, and four more")
        #expect(play.look(30) == 14, "and those may come back")
    }

    @Test func boundsGoBeforeEverything() {
        var play = Self.play(30, min: 2, max: 20)
        #expect(play.look(nil) == 20)
        play = Self.play(1, min: 2, max: 20)
        #expect(play.look(nil) == 2)
        #expect(play.look(1_000, times: 4) == 20)
    }

    @Test func zeroIsLeftByNobody() {
        var play = Self.play(0)
        #expect(play.look(100, times: 10) == 0)
        play = Self.play(0, min: 0)
        #expect(play.look(3) == 3)
    }

    @Test func withoutBehaviorOlderRulesCount() {
        var play = Self.play(1, behavior: nil)
        #expect(play.look(50) == 4)
        #expect(play.look(50) == 8)
        #expect(play.look(50, times: 3) == 50)
        #expect(play.look(1, times: 19) == 50, "five minutes")
        #expect(play.look(1, times: 2) == 1)
    }

    @Test func aMissingMetricFreezes() {
        var play = Self.play(6)
        play.look(6)
        #expect(play.look(nil, times: 400) == 6)
        // A record older than the window is none: the value counts at once.
        #expect(play.look(1) == 1)
    }

    @Test func sumsDoNotOverflow() {
        #expect(Self.decide(.averageValue(1_000), wanted: 3, values: [.max, .max]).replicas == 7, "4 more at most")
    }
}
