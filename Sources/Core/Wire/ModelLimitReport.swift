/// What a model server's answer says of its limits, in `x-ratelimit-*` headers. Anything that makes no sense is left out.
public struct ModelLimitReport: Hashable, Sendable {
    public struct Side: Hashable, Sendable {
        /// In a minute. From 1.
        public var limit: Int?
        public var remaining: Int?
        /// Until all of the limit is there again.
        public var reset: Duration?

        public init(limit: Int? = nil, remaining: Int? = nil, reset: Duration? = nil) {
            self.limit = limit
            self.remaining = remaining
            self.reset = reset
        }
    }

    public var requests = Side()
    public var tokens = Side()

    /// - Parameter header: the value of a header by its name in lower case.
    public init(header: (String) -> String?) {
        func side(_ name: String, upTo largest: Int) -> Side {
            let limit = Self.integer(header("x-ratelimit-limit-\(name)"), 1...largest)
            // Without a limit beside them, they may be anything.
            guard limit != nil else { return Side() }
            return Side(
                limit: limit, remaining: Self.integer(header("x-ratelimit-remaining-\(name)"), 0...largest),
                reset: header("x-ratelimit-reset-\(name)").flatMap(Self.duration))
        }
        self.requests = side("requests", upTo: 1_000_000_000)
        self.tokens = side("tokens", upTo: 1_000_000_000_000)
    }

    public init(requests: Side = Side(), tokens: Side = Side()) {
        self.requests = requests
        self.tokens = tokens
    }

    public var isEmpty: Bool { self.requests.limit == nil && self.tokens.limit == nil }

    private static func integer(_ text: String?, _ range: ClosedRange<Int>) -> Int? {
        guard let text, text.utf8.count <= 16, let value = Int(text), range.contains(value) else { return nil }
        return value
    }

    /// `12ms`, `7.66s`, `6m0s`, `1h2m3.5s`, as Go writes durations; at most a day.
    static func duration(_ text: String) -> Duration? {
        guard text.utf8.count <= 32 else { return nil }
        var rest = Substring(text)
        var milliseconds = 0.0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let unit = rest.dropFirst(number.count).prefix { $0.isASCII && $0.isLetter }
            guard let value = Double(number), let scale = ["ms": 1.0, "s": 1_000, "m": 60_000, "h": 3_600_000][String(unit)]
            else {
                return nil
            }
            milliseconds += value * scale
            rest = rest.dropFirst(number.count + unit.count)
        }
        guard milliseconds <= 86_400_000 else { return nil }
        return .milliseconds(Int64(milliseconds.rounded(.up)))
    }
}
