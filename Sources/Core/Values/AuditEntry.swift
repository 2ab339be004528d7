/// A line of the audit log: who did what under /admin, to what, and what came of it. Written before it is done, completed after.
public struct AuditEntry: Hashable, Sendable {
    /// From 1, in the order in which things began.
    public var id: Int64
    public var at: Timestamp
    public var who: String
    /// ``AdminRole``'s name; empty where nobody was let in, and for what the API of messages and replays do.
    public var role: String
    public var address: String
    /// The route's name, such as `dead_letters.purge`.
    public var action: String
    public var target: String
    public var detail: String?
    public var traceID: String
    /// The answer's HTTP status; `nil` while it is being done, or when the process ended meanwhile.
    public var status: Int?

    public init(
        id: Int64 = 0, at: Timestamp = Timestamp(milliseconds: 0), who: String, role: String, address: String, action: String,
        target: String, detail: String? = nil, traceID: String, status: Int? = nil
    ) {
        self.id = id
        self.at = at
        self.who = who
        self.role = role
        self.address = address
        self.action = action
        self.target = target
        self.detail = detail
        self.traceID = traceID
        self.status = status
    }
}
