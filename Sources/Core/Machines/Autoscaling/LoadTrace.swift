/// Messages per second over time: steps, each of which lasts until the next.
public struct LoadTrace: Hashable, Sendable {
    public struct Step: Hashable, Sendable {
        /// From 0, in seconds.
        public var from: Double
        /// Messages per second.
        public var rate: Double

        public init(from: Double, rate: Double) {
            self.from = from
            self.rate = rate
        }
    }

    /// What is wrong with a text, and in which line.
    public struct Mistake: Error, Hashable, Sendable {
        public var line: Int
        public var message: String
    }

    private static let longest = 31 * 86_400.0
    private static let fastest = 1_000_000.0
    public static let header = "seconds,messages_per_second"

    /// In the order of time, the first at 0.
    public let steps: [Step]
    /// In seconds.
    public let end: Double

    /// - Parameter end: after the last step begins.
    public init(_ steps: [Step], end: Double) {
        self.steps = steps
        self.end = end
    }

    /// Reads lines of seconds and rate, with or without a header, comments behind `#`. The last line says when it ends.
    public init(csv: String) throws(Mistake) {
        var steps: [Step] = []
        for (index, line) in csv.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let text = line.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)[0].filter { !$0.isWhitespace }
            if text.isEmpty || text == Self.header { continue }
            let fields = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
            guard fields.count == 2, let from = fields[0], let rate = fields[1], from <= Self.longest,
                (0...Self.fastest).contains(rate)
            else {
                throw Mistake(
                    line: index + 1,
                    message: "expected seconds and messages per second (31 days and a million at most), such as \"60,12.5\"")
            }
            guard from >= 0, from > steps.last?.from ?? -1 else {
                throw Mistake(line: index + 1, message: "times must grow")
            }
            steps.append(Step(from: from, rate: rate))
        }
        guard steps.count >= 2, steps[0].from == 0 else {
            throw Mistake(line: 1, message: "a trace begins at 0 seconds and ends with the time of its last line")
        }
        self.init(steps.dropLast(), end: steps[steps.count - 1].from)
    }

    public var csv: String {
        let lines = self.steps.map { "\(Self.text($0.from)),\(Self.text($0.rate))" }
        return ([Self.header] + lines + ["\(Self.text(self.end)),0"]).joined(separator: "\n") + "\n"
    }

    /// Messages in all.
    public var messages: Double {
        zip(self.steps, self.steps.dropFirst().map(\.from) + [self.end]).reduce(0) { $0 + ($1.1 - $1.0.from) * $1.0.rate }
    }

    /// Up to three decimals.
    private static func text(_ value: Double) -> String {
        let thousandths = Int((value * 1_000).rounded())
        guard thousandths % 1_000 != 0 else { return "\(thousandths / 1_000)" }
        var digits = String(1_000 + thousandths % 1_000).dropFirst()
        while digits.last == "0" { digits = digits.dropLast() }
        return "\(thousandths / 1_000).\(digits)"
    }
}
