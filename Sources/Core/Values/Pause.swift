/// Somebody's wish that an assistant or a channel begins nothing new for now. What runs ends; what waits keeps its place.
public struct Pause: Hashable, Sendable {
    /// When it ends by itself; `nil` when only somebody can end it.
    public var until: Timestamp?

    public init(until: Timestamp? = nil) {
        self.until = until
    }
}
