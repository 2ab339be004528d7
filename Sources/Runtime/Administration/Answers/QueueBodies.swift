package struct QueueBody: Codable, Sendable {
    package let queue: String
    package let assistant: String
    package let lane: String
    /// Unsettled messages, in flight included.
    package let depth: Int
    /// Of the first of them.
    package let oldest_seconds: Double?
    package let paused: Bool
    /// Turns of the assistant, in all processes.
    package let running: Int
    package let waiting: Int
    /// Processes that serve it.
    package let members: Int
}

package struct QueueListBody: Codable, Sendable {
    package let queues: [QueueBody]
}

package struct QueueDetailBody: Codable, Sendable {
    package struct Partition: Codable, Sendable {
        package let number: Int
        package let depth: Int
        package let oldest_at: String
        package let oldest_conversation: String
        package let owner: String?
    }

    package struct Owner: Codable, Sendable {
        package let member: String
        package let address: String?
        package let alive: Bool
        package let partitions: Int
    }

    package let status: QueueBody
    package let owners: [Owner]
    package let unowned_partitions: Int
    /// Those that hold something, the oldest first.
    package let partitions: [Partition]
}

/// The body of a pause, or of its end; all of it may be missing.
package struct PauseRequest: Codable, Sendable {
    package let expires_in: String?
    package let reason: String?

    package init(lifetime: String? = nil, reason: String? = nil) {
        self.expires_in = lifetime
        self.reason = reason
    }
}

package struct PausedBody: Codable, Sendable {
    /// `paused` or `resumed`.
    package let status: String
    /// The setting's path.
    package let setting: String
}
