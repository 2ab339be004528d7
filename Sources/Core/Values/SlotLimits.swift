/// How many slots one bulkhead may have.
public struct SlotLimits: Hashable, Sendable {
    public struct Lane: Hashable, Sendable {
        /// `nil` for as many as the bulkhead has.
        public var slots: Int?
        /// Slots of the bulkhead that no other lane may take. Defaults to 0.
        public var floor: Int
        public var isPaused: Bool

        public init(slots: Int? = nil, floor: Int = 0, isPaused: Bool = false) {
            self.slots = slots
            self.floor = floor
            self.isPaused = isPaused
        }
    }

    /// From 1.
    public var slots: Int
    /// Slots of the total that no other bulkhead may take. Defaults to 0.
    public var floor: Int
    /// Share of a total that is used up; from 1.
    public var weight: Int
    /// Whether nothing new may begin.
    public var isPaused: Bool
    private var lanes: [CardumeCore.Lane: Lane]

    public init(
        slots: Int, floor: Int = 0, weight: Int = 1, isPaused: Bool = false, lanes: [CardumeCore.Lane: Lane] = [:]
    ) {
        self.slots = slots
        self.floor = floor
        self.weight = weight
        self.isPaused = isPaused
        self.lanes = lanes
    }

    /// Those of one lane.
    public subscript(lane: CardumeCore.Lane) -> Lane {
        get { self.lanes[lane] ?? Lane() }
        set { self.lanes[lane] = newValue }
    }
}
