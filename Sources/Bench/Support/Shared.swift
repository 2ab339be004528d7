import CardumeLoad

// What this program shares with cardume-loadtest, by the names that it has here.
typealias BenchFailure = LoadFailure
typealias BenchServers = LocalServers
typealias CardumeInstance = CardumeLoad.CardumeInstance
typealias MonotonicTime = CardumeLoad.MonotonicTime
typealias OpenLoop = CardumeLoad.OpenLoop
typealias Percentiles = CardumeLoad.Percentiles
typealias ProcessUsage = CardumeLoad.ProcessUsage
typealias Program = CardumeLoad.Program
typealias TemporaryFolder = CardumeLoad.TemporaryFolder

extension Percentiles {
    /// - Parameter label: what was measured.
    static func figures(_ milliseconds: [String: Double], _ name: String, _ label: String) -> [Figure] {
        ["p50", "p95", "p99", "max"].map {
            Figure("\(name)_\($0)_milliseconds", "\(label) \($0)", milliseconds[$0] ?? 0, .milliseconds)
        }
    }
}
