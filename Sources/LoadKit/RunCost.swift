import CardumeCore

/// What the parts of a deployment have used until a moment.
package struct Footprint: Sendable {
    package var gateway = ProcessUsage(of: nil)
    package var workers: [ProcessUsage] = []
    package var redis = ProcessUsage(of: nil)
    package var postgres = ProcessUsage(of: nil)
    package var redisCommands = 0.0
    package var redisBytesIn = 0.0
    package var redisBytesOut = 0.0
    /// Bytes.
    package var redisMemory = 0.0
    package var redisConnections = 0.0
    package var commits = 0.0
    /// Bytes of write-ahead log.
    package var walBytes = 0.0
    package var databaseBytes = 0.0
    package var postgresConnections = 0.0

    package init() {}
}

/// What a run has cost the deployment, in sums over all processes of a kind.
package struct RunCost: Sendable, Codable {
    /// From the first message to the last reply.
    package var seconds: Double
    /// Replied.
    package var messages: Int
    /// Begun.
    package var conversations: Int
    package var workers: Int
    /// Seconds of processor time.
    package var gatewayCPU: Double
    package var workerCPU: Double
    package var redisCPU: Double
    package var postgresCPU: Double
    /// Bytes in physical memory, before the run and after it.
    package var gatewayMemoryBefore: Double
    package var gatewayMemory: Double
    package var workerMemoryBefore: Double
    package var workerMemory: Double
    package var redisMemoryBefore: Double
    package var redisMemory: Double
    package var redisCommands: Double
    package var redisBytesIn: Double
    package var redisBytesOut: Double
    package var redisConnections: Double
    package var commits: Double
    package var walBytes: Double
    /// What the database has grown by.
    package var databaseBytes: Double
    package var postgresConnections: Double

    /// - Parameter end: taken when the load has ended and everything is answered.
    package init(from begin: Footprint, to end: Footprint, seconds: Double, messages: Int, conversations: Int) {
        func sum(_ usages: [ProcessUsage]) -> (cpu: Double, memory: Double) {
            (usages.reduce(0) { $0 + $1.cpu.seconds }, usages.reduce(0) { $0 + Double($1.resident) })
        }
        (self.seconds, self.messages, self.conversations, self.workers) = (seconds, messages, conversations, end.workers.count)
        self.gatewayCPU = (end.gateway.cpu - begin.gateway.cpu).seconds
        self.workerCPU = sum(end.workers).cpu - sum(begin.workers).cpu
        self.redisCPU = (end.redis.cpu - begin.redis.cpu).seconds
        self.postgresCPU = max(0, (end.postgres.cpu - begin.postgres.cpu).seconds)
        (self.gatewayMemoryBefore, self.gatewayMemory) = (Double(begin.gateway.resident), Double(end.gateway.resident))
        (self.workerMemoryBefore, self.workerMemory) = (sum(begin.workers).memory, sum(end.workers).memory)
        (self.redisMemoryBefore, self.redisMemory) = (begin.redisMemory, end.redisMemory)
        self.redisCommands = end.redisCommands - begin.redisCommands
        self.redisBytesIn = end.redisBytesIn - begin.redisBytesIn
        self.redisBytesOut = end.redisBytesOut - begin.redisBytesOut
        self.redisConnections = end.redisConnections
        self.commits = end.commits - begin.commits
        self.walBytes = end.walBytes - begin.walBytes
        self.databaseBytes = end.databaseBytes - begin.databaseBytes
        self.postgresConnections = end.postgresConnections
    }
}
