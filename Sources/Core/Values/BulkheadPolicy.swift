/// How an assistant's slots in one process are shared between its lanes, and with the other assistants.
public struct BulkheadPolicy: Hashable, Sendable {
    public struct LanePolicy: Hashable, Sendable {
        /// `nil` for as many as the assistant has.
        public var slots: Int?
        /// Slots that no other lane may take. Defaults to 0.
        public var floor: Int
        /// Whether nothing new may begin.
        public var isPaused: Bool
        /// Whether conversations move to a queue of the lane's own, which other processes may serve. Only for
        /// ``Lane/separable``.
        public var isSeparate: Bool

        public init(slots: Int? = nil, floor: Int = 0, isPaused: Bool = false, isSeparate: Bool = false) {
            self.slots = slots
            self.floor = floor
            self.isPaused = isPaused
            self.isSeparate = isSeparate
        }
    }

    /// Slots of the process that no other assistant may take, where the process has a total. Defaults to 0.
    public var floor: Int
    /// Share of a total that is used up. From 1, the default.
    public var weight: Int
    public var lanes: [Lane: LanePolicy]
    public var laneRule: LaneRule
    /// Lowest limit that adaptation may come to, in each lane; `nil` for fixed limits, the default.
    public var adaptiveFloor: Int?
    /// Where adaptation begins, in each lane; `nil`, the default, for the most that the lane may have.
    public var adaptiveStart: Int?

    public init(
        floor: Int = 0, weight: Int = 1, lanes: [Lane: LanePolicy] = [:], laneRule: LaneRule = LaneRule(),
        adaptiveFloor: Int? = nil, adaptiveStart: Int? = nil
    ) {
        self.floor = floor
        self.weight = weight
        self.lanes = lanes
        self.laneRule = laneRule
        self.adaptiveFloor = adaptiveFloor
        self.adaptiveStart = adaptiveStart
    }
}

extension Assistant {
    /// For the bulkhead.
    public var slotLimits: SlotLimits {
        SlotLimits(
            slots: self.slots, floor: self.bulkhead.floor, weight: self.bulkhead.weight, isPaused: self.pause != nil,
            lanes: self.bulkhead.lanes.mapValues { SlotLimits.Lane(slots: $0.slots, floor: $0.floor, isPaused: $0.isPaused) })
    }

    /// Lanes whose limit is found out. What timers do says nothing about anybody's capacity.
    public var adaptiveLimits: [Lane: AdaptiveLimit.Policy] {
        guard let floor = self.bulkhead.adaptiveFloor else { return [:] }
        return [Lane.light, .heavy, .image, .audio].reduce(into: [:]) { result, lane in
            result[lane] = AdaptiveLimit.Policy(
                floor: floor, ceiling: min(self.bulkhead.lanes[lane]?.slots ?? self.slots, self.slots),
                initial: self.bulkhead.adaptiveStart)
        }
    }

    /// Its queues: its own, and those of lanes that have been given one.
    public var queues: [QueueID] {
        [QueueID(self.id)] + Lane.separable.filter { self.isSeparate($0) }.map { QueueID(self.id, lane: $0) }
    }

    /// The queue that a turn of `lane` belongs to.
    public func queue(of lane: Lane) -> QueueID {
        QueueID(self.id, lane: self.isSeparate(lane) ? lane : .light)
    }

    private func isSeparate(_ lane: Lane) -> Bool {
        Lane.separable.contains(lane) && self.bulkhead.lanes[lane]?.isSeparate ?? false
    }
}
