/// One metric as it is published: what `/metrics` says of it, and what `docs/metrics.md` lists.
///
/// Each part of the program declares its families in a file of its own (`extension MetricFamily { static let queues = [...] }`);
/// ``all`` joins them. What is published without being declared is a programmer error.
public struct MetricFamily: Hashable, Sendable {
    public enum Kind: String, Sendable {
        /// Only grows; its name ends in `_total`.
        case counter
        case gauge
        /// Durations in seconds, or sizes; with `_bucket`, `_sum` and `_count`.
        case histogram
    }

    /// In Prometheus' conventions: `cardume_…`, base units (`_seconds`, `_bytes`).
    public var name: String
    public var kind: Kind
    /// One sentence.
    public var help: String
    /// Names of its labels, in the order in which they are written. Each has few values: assistants, channels, servers, models,
    /// categories; never conversations, contacts or message ids.
    public var labels: [String]
    /// Upper bounds of a histogram's buckets, ascending, without infinity.
    public var buckets: [Double]

    public init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = [], buckets: [Double] = []) {
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
        self.buckets = buckets
    }

    /// Every metric that the program may publish.
    public static let all: [MetricFamily] = Self.groups.flatMap(\.families)
}

/// A value that is known when somebody asks for it: of a queue, a breaker, a pool.
public struct MetricSample: Sendable {
    /// The family's; for counters, too, with its `_total`.
    public var name: String
    /// By the family's label names.
    public var labels: [String: String]
    public var value: Double

    public init(_ name: String, _ labels: [String: String], _ value: Double) {
        self.name = name
        self.labels = labels
        self.value = value
    }

    /// Of a family without labels.
    public init(_ name: String, _ value: Double) { self.init(name, [:], value) }
}

/// Answers with figures that exist anyway, once for each scrape. What it does not know it leaves out: absent is not 0.
public protocol MetricSource: Sendable {
    /// Called for each scrape, at most once at a time; answers within a second, from memory where it can.
    func samples() async -> [MetricSample]
}
