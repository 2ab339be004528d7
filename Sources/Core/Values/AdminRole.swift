/// What somebody may do under /admin; each may do what those before it may.
public enum AdminRole: String, Sendable, CaseIterable, Comparable, Codable {
    /// Looks.
    case viewer
    /// Sets things going again: pauses, holds, transfers, replays, changes settings.
    case `operator`
    /// Takes things away for good, rolls back, reads the audit log.
    case admin

    private var rank: Int {
        switch self {
        case .viewer: 0
        case .operator: 1
        case .admin: 2
        }
    }

    public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rank < rhs.rank }
}
