/// One instant on both clocks: what machines decide by is told to them.
public struct Moment: Hashable, Sendable {
    /// To be held against what others wrote down. May be wrong, and may jump.
    public var wallTime: Timestamp
    /// Monotonic, since any fixed origin of this process.
    public var uptime: Duration

    public init(wallTime: Timestamp, uptime: Duration) {
        self.wallTime = wallTime
        self.uptime = uptime
    }
}
