/// A shape of load that another project publishes figures for, and these figures.
struct PeerScenario: Sendable {
    enum Shape: Sendable {
        /// Appends, so many messages a call, and waits for each call before the next.
        case append(batch: Int, characters: Int)
        /// Works a backlog that is there when the clock starts, with a turn that does nothing.
        case drain(slots: Int, journal: JournalKind)
    }

    /// What somebody else measured, elsewhere.
    struct Published: Sendable {
        let what: String
        let perSecond: Double
        /// As far as it is told.
        let hardware: String
        let source: String
    }

    let name: String
    let label: String
    let shape: Shape
    /// At the peer's size.
    let messages: Int
    let published: [Published]
    /// What makes the figures hard to compare.
    let caution: String

    /// Smaller, for a quick look; the shape stays.
    func scaled(by share: Double) -> PeerScenario {
        PeerScenario(
            name: self.name, label: self.label, shape: self.shape, messages: max(1_000, Int(Double(self.messages) * share)),
            published: self.published, caution: self.caution)
    }
}

extension PeerScenario {
    private static let chasqui = "chasquimq.pages.dev/benchmarks"
    private static let chasquiHost = "Apple M3, 8 cores, Redis 8.6 in Docker on the same host, nothing persisted"
    private static let bunqueue = "bunqueue.dev/blog/benchmarks-vs-bullmq, 2026-07-08"

    /// All of them, in the order in which they run.
    static let all: [PeerScenario] = [
        PeerScenario(
            name: "queue_add", label: "bullmq-bench: queue-add", shape: .append(batch: 1, characters: 3_900), messages: 5_000,
            published: [
                Published(what: "ChasquiMQ 1.0", perSecond: 16_548, hardware: Self.chasquiHost, source: Self.chasqui)
            ],
            caution: "One call at a time: this is a round trip. Ours also looks for a duplicate and routes, and Redis persists."
        ),
        PeerScenario(
            name: "queue_add_bulk", label: "bullmq-bench: queue-add-bulk", shape: .append(batch: 50, characters: 40),
            messages: 50_000,
            published: [
                Published(what: "ChasquiMQ 1.0", perSecond: 196_038, hardware: Self.chasquiHost, source: Self.chasqui),
                Published(
                    what: "BullMQ 5.79 (bulk of 100)", perSecond: 24_800, hardware: "Apple M1 Max, Redis 8.8",
                    source: Self.bunqueue),
            ],
            caution: "Ours takes one batch for each partition, looks for duplicates and routes; theirs do not."),
        PeerScenario(
            name: "worker_generic", label: "bullmq-bench: worker-generic (one at a time)",
            shape: .drain(slots: 1, journal: .memory), messages: 20_000, published: [],
            caution: "No figure of a stated machine was found."),
        PeerScenario(
            name: "worker_concurrent", label: "bullmq-bench: worker-concurrent (100 at once)",
            shape: .drain(slots: 100, journal: .memory), messages: 200_000,
            published: [
                Published(
                    what: "ChasquiMQ 1.0", perSecond: 419_004, hardware: Self.chasquiHost + ", quiet", source: Self.chasqui),
                Published(
                    what: "ChasquiMQ 1.0", perSecond: 111_968, hardware: Self.chasquiHost + ", busy", source: Self.chasqui),
            ],
            caution: "Theirs keep no order; ours keeps it in each conversation. Journal in memory, as they have none."),
        PeerScenario(
            name: "sidekiqload", label: "sidekiqload: 500,000 no-ops", shape: .drain(slots: 30, journal: .memory),
            messages: 500_000,
            published: [
                Published(
                    what: "Sidekiq 7.0, YJIT, 30 threads", perSecond: 23_500,
                    hardware: "one core, machine not told, 1 ms to Redis",
                    source: "Sidekiq's README and bin/sidekiqload")
            ],
            caution:
                "Theirs has 1 ms of network to Redis, ours loopback. Theirs loses a job that runs when its process is killed."),
        PeerScenario(
            name: "river", label: "River: burn-down of 1,000,000", shape: .drain(slots: 2_000, journal: .postgres),
            messages: 1_000_000,
            published: [
                Published(
                    what: "River, 2,000 goroutines", perSecond: 46_000, hardware: "Apple M2 (MacBook Air 2022), 8 cores",
                    source: "riverqueue.com/docs/benchmarks")
            ],
            caution: "River's queue is PostgreSQL; ours reads from Redis and commits every turn to PostgreSQL, fsync on."),
    ]
}
