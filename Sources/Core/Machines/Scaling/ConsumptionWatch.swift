/// Finds readers that wait for entries although the log has some: their connection may look well and bring nothing.
///
/// Told now and then where each reader stands, and behind which of them the log has more. A reader that stays where it is is
/// started again, a few times; when that does not help, the process is not worth keeping. A log that does not answer says
/// nothing about readers: as long as it does not, nobody is suspected.
public struct ConsumptionWatch: Sendable {
    /// One partition's reader.
    public struct Reader: Hashable, Sendable {
        public var fence: Fence
        /// The latest entry it has read.
        public var cursor: LogOffset
        /// Whether it has asked the log for more, and waits.
        public var isWaiting: Bool

        public init(fence: Fence, cursor: LogOffset, isWaiting: Bool) {
            self.fence = fence
            self.cursor = cursor
            self.isWaiting = isWaiting
        }
    }

    private struct Suspicion {
        var fence: Fence
        /// Where the reader stood when it was suspected first.
        var cursor: LogOffset
        /// Since when the present start of it brings nothing.
        var since: Duration
        var restarts = 0
        /// Since when nobody works on the partition here.
        var absentSince: Duration?
    }

    /// After this time somebody else has the partition.
    private static let absence: Duration = .seconds(30)
    /// Restarts of one reader, one after the other, that must not be in vain all of them.
    public static let restartLimit = 2

    /// How long a reader may stay behind. Defaults to 4 s: with two looks, 2 s apart, a reader is found within 10 s.
    public var patience: Duration
    private var suspicions: [Partition.ID: Suspicion] = [:]

    public init(patience: Duration = .seconds(4)) {
        self.patience = patience
    }

    /// Readers of whom it is to be found out whether the log has more for them.
    public func candidates(_ readers: [Reader]) -> [Partition.ID: LogOffset] {
        Dictionary(readers.filter(\.isWaiting).map { ($0.fence.partition, $0.cursor) }) { max($0, $1) }
    }

    /// - Parameters:
    ///   - readers: all of this process.
    ///   - behind: those of ``candidates(_:)`` for which the log has more; `nil` when the log did not answer.
    /// - Returns: those to start again: to be closed, and opened anew.
    public mutating func looked(_ readers: [Reader], behind: Set<Partition.ID>?, at now: Duration) -> [Fence] {
        let present = Dictionary(readers.map { ($0.fence.partition, $0) }) { $1 }
        self.forgetAbsent(present.keys, at: now)
        guard let behind else {
            for partition in self.suspicions.keys { self.suspicions[partition]?.since = now }
            return []
        }
        var restarts: [Fence] = []
        for (partition, reader) in present {
            let isBehind = behind.contains(partition)
            let first = Suspicion(fence: reader.fence, cursor: reader.cursor, since: now)
            guard var suspicion = self.suspicions[partition] else {
                if isBehind { self.suspicions[partition] = first }
                continue
            }
            if reader.cursor > suspicion.cursor || (reader.isWaiting && !isBehind) {
                // It has gone on, or there is nothing left to go on to.
                self.suspicions[partition] = isBehind ? first : nil
                continue
            }
            if !reader.isWaiting || reader.fence != suspicion.fence {
                // Busy with what it has, being closed, or begun again from the log's start.
                (suspicion.fence, suspicion.since) = (reader.fence, now)
            } else if now - suspicion.since >= self.patience {
                suspicion.restarts += 1
                suspicion.since = now
                restarts.append(reader.fence)
            }
            self.suspicions[partition] = suspicion
        }
        return restarts.sorted { $0.partition < $1.partition }
    }

    private mutating func forgetAbsent(_ present: some Collection<Partition.ID>, at now: Duration) {
        for (partition, suspicion) in self.suspicions {
            if present.contains(partition) {
                guard suspicion.absentSince != nil else { continue }
                // What happened meanwhile is not known.
                self.suspicions[partition]?.absentSince = nil
                self.suspicions[partition]?.since = now
            } else if now - (suspicion.absentSince ?? now) >= Self.absence {
                self.suspicions[partition] = nil
            } else {
                self.suspicions[partition]?.absentSince = suspicion.absentSince ?? now
            }
        }
    }

    /// Partitions whose readers were started again and have not gone on since.
    public var restarted: [Partition.ID] { self.suspicions.filter { $0.value.restarts > 0 }.keys.sorted() }

    /// Partitions for which starting again has not helped.
    public var stuck: [Partition.ID] { self.suspicions.filter { $0.value.restarts > Self.restartLimit }.keys.sorted() }
}
