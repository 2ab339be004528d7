import CardumeCore
import CardumeRuntime

/// What the processes of a deployment said of themselves at one moment.
struct TopReading: Sendable {
    struct Process: Sendable {
        var name: String
        /// The same in every reading; empty when it tells none.
        var address: String
        /// `nil` when it did not answer.
        var figures: MetricFigures?
        /// Why it did not.
        var problem: String?
    }

    var time: Timestamp
    /// Of a monotonic clock.
    var uptime: Duration
    var processes: [Process] = []
    /// `nil` where nobody may or can say.
    var overview: OverviewBody?
    var pools: [String: PoolBody]?
    /// What dead letters of the last hour have in common.
    var errors: DeadLetterAnalysisBody?
    /// What could not be asked, and why.
    var problems: [String] = []
}

/// The readings that rates are made of.
struct TopHistory: Sendable {
    /// Over which rates are taken.
    static let window = Duration.seconds(10)
    /// Readings in between are not kept: a reading holds all pages.
    private static let step = Duration.seconds(2)

    private var kept: [TopReading] = []
    private(set) var latest: TopReading?

    /// The oldest within the window, or the one before the latest; `nil` after the first.
    var earlier: TopReading? { self.kept.first }

    mutating func add(_ reading: TopReading) {
        if let latest = self.latest, self.kept.last.map({ latest.uptime - $0.uptime >= Self.step }) ?? true {
            self.kept.append(latest)
        }
        while self.kept.count > 1, self.kept[0].uptime < reading.uptime - Self.window { self.kept.removeFirst() }
        self.latest = reading
    }
}
