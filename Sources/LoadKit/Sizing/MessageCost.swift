/// What a message costs, as measured: between two runs of equal length at different rates, so that what a deployment costs that
/// does nothing is not put on the messages.
package struct MessageCost: Sendable, Codable, Equatable {
    /// What is used: with messages, and without.
    package struct Usage: Sendable, Codable, Equatable {
        /// For one message more.
        package var perMessage: Double
        /// In a second without any.
        package var idle: Double

        package init(perMessage: Double, idle: Double) {
            self.perMessage = perMessage
            self.idle = idle
        }

        fileprivate init(_ low: RunCost, _ high: RunCost, _ used: (RunCost) -> Double) {
            self.perMessage = max(0, (used(high) - used(low)) / Double(high.messages - low.messages))
            self.idle = max(0, used(low) - self.perMessage * Double(low.messages)) / low.seconds
        }

        /// In a second with so many messages.
        package func perSecond(at rate: Double) -> Double { self.idle + self.perMessage * rate }
    }

    /// Seconds of processor time.
    package var worker: Usage
    package var gateway: Usage
    package var redis: Usage
    package var postgres: Usage
    /// Bytes that a worker has in physical memory with hardly anything to do.
    package var workerMemory: Double
    package var gatewayMemory: Double
    /// Bytes more for each turn in flight in a worker.
    package var turnMemory: Double
    package var redisCommands: Usage
    /// In and out.
    package var redisBytes: Usage
    package var commits: Usage
    package var walBytes: Usage
    /// What the database grows by for a message.
    package var databaseBytes: Double
    /// Connections of the worker and the gateway together.
    package var redisConnections: Double
    package var postgresConnections: Double
    /// Seconds that a message took beside the model, at the median.
    package var added: Double

    /// - Parameters:
    ///   - low, high: of one worker each, `high` with more messages.
    ///   - turnMemory: measured apart.
    ///   - added: of the run with more messages.
    package init(low: RunCost, high: RunCost, turnMemory: Double, added: Double) {
        precondition(high.messages > low.messages && low.messages > 0, "\(low.messages) and \(high.messages) messages")
        self.worker = Usage(low, high, \.workerCPU)
        self.gateway = Usage(low, high, \.gatewayCPU)
        self.redis = Usage(low, high, \.redisCPU)
        self.postgres = Usage(low, high, \.postgresCPU)
        self.redisCommands = Usage(low, high, \.redisCommands)
        self.redisBytes = Usage(low, high) { $0.redisBytesIn + $0.redisBytesOut }
        self.commits = Usage(low, high, \.commits)
        self.walBytes = Usage(low, high, \.walBytes)
        self.workerMemory = low.workerMemory
        self.gatewayMemory = high.gatewayMemory
        self.turnMemory = turnMemory
        self.databaseBytes = high.databaseBytes / Double(high.messages)
        self.redisConnections = high.redisConnections
        self.postgresConnections = high.postgresConnections
        self.added = added
    }
}
