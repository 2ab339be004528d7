/// One ordered share of a queue.
public enum Partition {
    /// Number of partitions of a new log. Fixed at creation.
    public static let defaultCount = 64

    public struct ID: Hashable, Comparable, Sendable, CustomStringConvertible {
        public let queue: QueueID
        /// `0 ..< partition count`.
        public let number: Int

        public init(_ queue: QueueID, number: Int) {
            self.queue = queue
            self.number = number
        }

        /// Of the assistant's own queue.
        public init(assistant: AssistantID, number: Int) {
            self.init(QueueID(assistant), number: number)
        }

        public static func < (lhs: Self, rhs: Self) -> Bool {
            (lhs.queue, lhs.number) < (rhs.queue, rhs.number)
        }

        public var description: String { "\(self.queue)/\(self.number)" }
    }
}

/// Where an entry stands in its partition's log. Grows with every append; never reused within a log's life.
///
/// Two words, so that a Redis stream id (`milliseconds-sequence`) and an SQLite row id both fit.
public struct LogOffset: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let major: UInt64
    public let minor: UInt64

    public init(major: UInt64, minor: UInt64 = 0) {
        self.major = major
        self.minor = minor
    }

    /// Before every entry.
    public static let start = LogOffset(major: 0)

    public static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.major, lhs.minor) < (rhs.major, rhs.minor)
    }

    public var description: String { "\(self.major)-\(self.minor)" }

    /// - Parameter description: as ``description`` gives it; `nil` for anything else.
    public init?(_ description: String) {
        let parts = description.split(separator: "-", omittingEmptySubsequences: false).map { UInt64($0) }
        guard parts.count == 2, let major = parts[0], let minor = parts[1] else { return nil }
        self.init(major: major, minor: minor)
    }
}

extension LogOffset: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let offset = LogOffset(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an offset")
        }
        self = offset
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}

/// The generation of an ownership. A stale one can commit nothing.
public struct Epoch: Hashable, Comparable, Sendable {
    public let rawValue: Int64

    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// What an owner shows with everything it writes: of which partition, in which generation.
public struct Fence: Hashable, Sendable {
    public var partition: Partition.ID
    public var epoch: Epoch

    public init(_ partition: Partition.ID, _ epoch: Epoch) {
        self.partition = partition
        self.epoch = epoch
    }
}
