/// A process that takes part in sharing the partitions.
public struct Member: Hashable, Sendable {
    /// Unique for each start of a process: one that starts again is another member.
    public typealias ID = Identifier<Member>

    public var id: ID
    /// The queues whose partitions it may own. None while it is going down.
    public var queues: Set<QueueID>
    /// What it was doing when it renewed itself last.
    public var load: [AssistantID: TurnLoad]
    /// Where other processes reach its HTTP server; `nil` when they do not.
    public var address: String?

    public init(id: ID, queues: Set<QueueID>, load: [AssistantID: TurnLoad] = [:], address: String? = nil) {
        self.id = id
        self.queues = queues
        self.load = load
        self.address = address
    }
}

/// The turns of one assistant in one process.
public struct TurnLoad: Hashable, Sendable {
    public var running: Int
    /// For a slot.
    public var waiting: Int
    /// What the process knows of the assistant's queues; one that it serves and has not looked at yet is missing.
    public var queues: [QueueID: QueueReport]

    public init(running: Int, waiting: Int, queues: [QueueID: QueueReport] = [:]) {
        self.running = running
        self.waiting = waiting
        self.queues = queues
    }

    public var inFlight: Int { self.running + self.waiting }
}

extension TurnLoad: Codable {
    private enum CodingKeys: CodingKey {
        case running, waiting, queues
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func count(_ key: CodingKeys) throws -> Int {
            let count = try container.decode(Int.self, forKey: key)
            guard QueueReport.counts.contains(count) else {
                throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "no number of turns")
            }
            return count
        }
        // What another version says otherwise is not known, and the rest still counts.
        let queues = (try? container.decodeIfPresent([String: QueueReport].self, forKey: .queues)) ?? [:]
        self.init(
            running: try count(.running), waiting: try count(.waiting),
            queues: Dictionary(queues.filter(\.value.isPlausible).map { (QueueID($0.key), $0.value) }) { first, _ in first })
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.running, forKey: .running)
        try container.encode(self.waiting, forKey: .waiting)
        guard !self.queues.isEmpty else { return }
        let queues = Dictionary(self.queues.map { ($0.key.rawValue, $0.value) }) { first, _ in first }
        try container.encode(queues, forKey: .queues)
    }
}

/// The right to work on a partition.
public struct Ownership: Hashable, Sendable {
    public var epoch: Epoch
    /// The owner before this one did not say goodbye: what it was running may have killed it.
    public var followsCrash: Bool

    public init(epoch: Epoch, followsCrash: Bool) {
        self.epoch = epoch
        self.followsCrash = followsCrash
    }
}

/// Who holds a partition, whether alive or not.
public struct Lease: Hashable, Sendable {
    public var holder: Member.ID
    public var epoch: Epoch

    public init(holder: Member.ID, epoch: Epoch) {
        self.holder = holder
        self.epoch = epoch
    }
}

/// Who holds a partition's lease, alive or not.
public struct LeaseHolder: Hashable, Sendable {
    public var id: Member.ID
    /// As it said last; `nil` when it is dead or has left.
    public var member: Member?
    /// When it is dead unless it renews itself before; `nil` where members do not die, and of the dead.
    public var lifetimeLeft: Duration?

    public init(id: Member.ID, member: Member? = nil, lifetimeLeft: Duration? = nil) {
        self.id = id
        self.member = member
        self.lifetimeLeft = lifetimeLeft
    }
}

/// Members and leases at one moment.
public struct ClusterView: Hashable, Sendable {
    /// Those whose time has not run out.
    public var members: [Member]
    /// Partitions that nobody holds are missing.
    public var leases: [Partition.ID: Lease]

    public init(members: [Member], leases: [Partition.ID: Lease]) {
        self.members = members
        self.leases = leases
    }
}
