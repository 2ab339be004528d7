/// What a message costs, as measured: between two runs of equal length at different rates, so that what a deployment costs that
/// does nothing is not put on the messages.
package struct MessageCost: Sendable, Codable, Equatable {
    /// Of one part of the deployment.
    package struct Processor: Sendable, Codable, Equatable {
        /// Seconds of processor time for one message more.
        package var perMessage: Double
        /// Cores in use without any message.
        package var idle: Double

        package init(perMessage: Double, idle: Double) {
            self.perMessage = perMessage
            self.idle = idle
        }

        fileprivate init(_ low: RunCost, _ high: RunCost, _ cpu: (RunCost) -> Double) {
            let slope = (cpu(high) - cpu(low)) / Double(high.messages - low.messages)
            self.perMessage = max(0, slope)
            self.idle = max(0, cpu(low) - self.perMessage * Double(low.messages)) / low.seconds
        }

        /// Cores in use at so many messages per second.
        package func cores(at rate: Double) -> Double { self.idle + self.perMessage * rate }
    }

    package var worker: Processor
    package var gateway: Processor
    package var redis: Processor
    package var postgres: Processor
    /// Bytes that a worker has in physical memory with hardly anything to do.
    package var workerMemory: Double
    package var gatewayMemory: Double
    /// Bytes more for each turn in flight in a worker.
    package var turnMemory: Double
    package var redisCommands: Double
    /// In and out.
    package var redisBytes: Double
    package var commits: Double
    package var walBytes: Double
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
        self.worker = Processor(low, high, \.workerCPU)
        self.gateway = Processor(low, high, \.gatewayCPU)
        self.redis = Processor(low, high, \.redisCPU)
        self.postgres = Processor(low, high, \.postgresCPU)
        self.workerMemory = low.workerMemory
        self.gatewayMemory = high.gatewayMemory
        self.turnMemory = turnMemory
        let messages = Double(high.messages)
        self.redisCommands = high.redisCommands / messages
        self.redisBytes = (high.redisBytesIn + high.redisBytesOut) / messages
        self.commits = high.commits / messages
        self.walBytes = high.walBytes / messages
        self.databaseBytes = high.databaseBytes / messages
        self.redisConnections = high.redisConnections
        self.postgresConnections = high.postgresConnections
        self.added = added
    }
}
