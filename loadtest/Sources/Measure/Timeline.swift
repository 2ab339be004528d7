/// What happened when: counts and latencies in stretches of equal length. Few enough to draw, however long the run.
struct Timeline: Sendable, Codable {
    struct Stretch: Sendable, Codable {
        var intended = 0
        var accepted = 0
        var refused = 0
        var failed = 0
        var replied = 0
        /// To the door's answer, by the intended time.
        var acceptance = LogBins()
        /// To the reply, by the intended time.
        var reply = LogBins()
        /// The same less what a runtime that takes no time itself would have needed.
        var added = LogBins()
        /// The most that were seen; `nil` when nobody looked.
        var depth: Double?
        var inFlight: Double?
        /// Bytes, of all processes that were asked: the sum, averaged over the looks.
        var memory: Double?
        var looks = 0
        /// Which attempt at the run: a run that was interrupted goes on with the next.
        var segment = 0

        mutating func add(_ other: Stretch) {
            self.intended += other.intended
            self.accepted += other.accepted
            self.refused += other.refused
            self.failed += other.failed
            self.replied += other.replied
            self.acceptance.add(other.acceptance)
            self.reply.add(other.reply)
            self.added.add(other.added)
            self.depth = Self.most(self.depth, other.depth)
            self.inFlight = Self.most(self.inFlight, other.inFlight)
            let looks = self.looks + other.looks
            if looks > 0 {
                let sum = (self.memory ?? 0) * Double(self.looks) + (other.memory ?? 0) * Double(other.looks)
                self.memory = sum / Double(looks)
            }
            self.looks = looks
            self.segment = max(self.segment, other.segment)
        }

        private static func most(_ first: Double?, _ second: Double?) -> Double? {
            guard let first, let second else { return first ?? second }
            return max(first, second)
        }
    }

    static let maximumStretches = 1_200

    /// Seconds.
    private(set) var width: Double
    private(set) var stretches: [Stretch] = []

    /// - Parameter width: of a stretch, in seconds; doubled whenever there are too many.
    init(width: Double = 1) { self.width = width }

    /// - Parameter time: seconds since the run began, 0 or more.
    mutating func note(at time: Double, segment: Int = 0, _ change: (inout Stretch) -> Void) {
        var place = Int(time / self.width)
        while place >= Self.maximumStretches {
            self.coarsen()
            place = Int(time / self.width)
        }
        while self.stretches.count <= place {
            var stretch = Stretch()
            stretch.segment = segment
            self.stretches.append(stretch)
        }
        change(&self.stretches[place])
    }

    private mutating func coarsen() {
        self.width *= 2
        self.stretches = stride(from: 0, to: self.stretches.count, by: 2).map { place in
            var stretch = self.stretches[place]
            if place + 1 < self.stretches.count { stretch.add(self.stretches[place + 1]) }
            return stretch
        }
    }

    /// The same in at most so many stretches.
    func coarsened(to count: Int) -> Timeline {
        var timeline = self
        while timeline.stretches.count > count { timeline.coarsen() }
        return timeline
    }
}
