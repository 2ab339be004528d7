/// A span as a collector has received it.
public struct CollectedSpan: Hashable, Sendable {
    public struct Link: Hashable, Sendable {
        public let traceID: String
        public let spanID: String
    }

    public let traceID: String
    public let spanID: String
    /// `nil` for the first of its trace.
    public let parentID: String?
    public let state: String?
    public let name: String
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    public let kind: Int
    /// Nanoseconds since 1970.
    public let beganAt: UInt64
    public let endedAt: UInt64
    /// Numbers and flags as text.
    public let attributes: [String: String]
    public let links: [Link]
    /// 0 unset, 1 good, 2 error.
    public let status: Int
    /// Attributes of the process that made it.
    public let resource: [String: String]
}
