import CardumeCore

/// The whole deployment at a glance.
package struct OverviewBody: Codable, Sendable {
    package struct Member: Codable, Sendable {
        package let id: String
        /// Where it serves /admin and /metrics; missing when others are not told.
        package let address: String?
        package let queues: [String]
        package let running: Int
        package let waiting: Int
    }

    package struct DeadLetters: Codable, Sendable {
        package let total: Int
        package let latest_hour: Int
    }

    package let at: String
    package let version: String
    package let settings_version: Int64?
    package let queues: [QueueBody]
    package let members: [Member]
    package let dead_letters: DeadLetters
    package let running_replays: Int
}

package struct UsageBody: Codable, Sendable {
    package struct Line: Codable, Sendable {
        package let day: String
        package let assistant: String
        package let model: String
        package let requests: Int
        package let prompt_tokens: Int
        package let completion_tokens: Int
        /// In the currency of the models' prices.
        package let cost: Double
    }

    package struct Sum: Codable, Sendable {
        package private(set) var requests = 0
        package private(set) var prompt_tokens = 0
        package private(set) var completion_tokens = 0
        package private(set) var cost = 0.0

        mutating func add(_ line: Line) {
            self.requests += line.requests
            self.prompt_tokens += line.prompt_tokens
            self.completion_tokens += line.completion_tokens
            self.cost += line.cost
        }
    }

    package let since: String
    package let days: [Line]
    package let by_assistant: [String: Sum]
    package let by_model: [String: Sum]
    package let total: Sum

    init(since day: CivilDay, _ lines: [Line]) {
        self.since = day.description
        self.days = lines
        self.by_assistant = lines.reduce(into: [:]) { $0[$1.assistant, default: Sum()].add($1) }
        self.by_model = lines.reduce(into: [:]) { $0[$1.model, default: Sum()].add($1) }
        self.total = lines.reduce(into: Sum()) { $0.add($1) }
    }
}

/// Dead letters by time and category.
package struct ErrorsBody: Codable, Sendable {
    package struct Line: Codable, Sendable {
        package let at: String
        package let category: String
        package let count: Int
    }

    package let since: String
    /// `hour` or `day`.
    package let step: String
    package let errors: [Line]
    package let by_category: [String: Int]
}

package struct AuditBody: Codable, Sendable {
    package struct Line: Codable, Sendable {
        package let id: Int64
        package let at: String
        package let who: String
        package let role: String
        package let address: String
        package let action: String
        package let target: String
        package let detail: String?
        package let trace_id: String
        /// Missing when the process ended before it was done, or is still at it.
        package let status: Int?

        init(_ entry: AuditEntry) {
            (self.id, self.at, self.who, self.role) = (entry.id, entry.at.text, entry.who, entry.role)
            (self.address, self.action, self.target) = (entry.address, entry.action, entry.target)
            (self.detail, self.trace_id, self.status) = (entry.detail, entry.traceID, entry.status)
        }
    }

    package let audit: [Line]
    package let next: Int64?
}
