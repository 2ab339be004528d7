/// How a part of the process is that nobody but itself can look at.
public struct WatchStatus: Hashable, Sendable {
    public enum Grade: String, Sendable, Comparable {
        case healthy
        /// Something is the matter, and the process is still worth keeping.
        case degraded
        /// Only another process would help.
        case unhealthy

        private var rank: Int {
            switch self {
            case .healthy: 0
            case .degraded: 1
            case .unhealthy: 2
            }
        }

        public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rank < rhs.rank }
    }

    public var name: String
    public var grade: Grade
    /// What is the matter; `nil` when nothing is.
    public var problem: String?

    public init(name: String, grade: Grade = .healthy, problem: String? = nil) {
        self.name = name
        self.grade = grade
        self.problem = problem
    }
}
