import ArgumentParser

/// What a measured worker is told on its command line.
struct WorkerOptions: ParsableArguments {
    @Option var redis: String
    @Option var database: String?
    @Option var partitions = 64
    @Option var messages: Int
    @Option var conversations: Int
    @Option var first = 1
    @Option var slots = 20_000
    @Option var credits = 512
    @Option var turnMilliseconds = 0
    @Option var idleSeconds = 3600
    @Flag var latency = false
    @Flag var metrics = false

    init() {}

    init(_ workload: ClusterWorkload, redis: String, database: String?) {
        self.redis = redis
        self.database = database
        self.partitions = workload.partitions
        self.messages = workload.messages
        self.conversations = workload.conversations
        self.first = workload.first
        (self.slots, self.credits, self.turnMilliseconds, self.idleSeconds) = (20_000, 512, 0, 3600)
        self.latency = false
        self.metrics = false
    }

    var workload: ClusterWorkload {
        ClusterWorkload(
            messages: self.messages, conversations: self.conversations, partitions: self.partitions, first: self.first)
    }

    var arguments: [String] {
        var arguments = [
            "--redis", self.redis, "--partitions", "\(self.partitions)", "--messages", "\(self.messages)",
            "--conversations", "\(self.conversations)", "--first", "\(self.first)", "--slots", "\(self.slots)",
            "--credits", "\(self.credits)", "--turn-milliseconds", "\(self.turnMilliseconds)",
            "--idle-seconds", "\(self.idleSeconds)",
        ]
        if let database = self.database { arguments += ["--database", database] }
        if self.latency { arguments.append("--latency") }
        if self.metrics { arguments.append("--metrics") }
        return arguments
    }
}
