import Benchmark
import HotPaths

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = Benchmark.Configuration(
        // Processor time is counted in steps of 10 ms, which says nothing here. Instructions are left out where the machine has
        // no counter for them, as most virtual ones.
        metrics: [.wallClock, .instructions],
        timeUnits: .nanoseconds,
        scalingFactor: .kilo, maxDuration: .milliseconds(800), maxIterations: 5_000,
        // The quickest sample alone: all others hold what else the machine did.
        thresholds: [
            .wallClock: BenchmarkThresholds(relative: [.p0: 20]),
            .instructions: BenchmarkThresholds(relative: [.p0: 5]),
        ])
    for path in hotPaths {
        Benchmark(path.name) { benchmark in
            var path: any HotPath = path.init()
            _ = path.run(1_000)
            benchmark.startMeasurement()
            blackHole(path.run(benchmark.scaledIterations.count))
            benchmark.stopMeasurement()
        }
    }
}
