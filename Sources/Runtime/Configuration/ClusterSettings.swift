package import CardumeCore

/// Where the cluster's log and journal are, and how this process takes part.
public struct ClusterSettings: Sendable {
    public var redisURL: String
    package var redisIsCluster: Bool
    package var redisAuthorityFile: String?
    package var redisServerName: String?
    package var redisPrefix: String
    package var redisConnectTimeout: Duration
    package var redisReplyDeadline: Duration
    public var databaseURL: String
    package var databaseConnections: Int
    package var databaseIdleConnections: Int
    package var databaseWaiters: Int
    package var databaseWaitTimeout: Duration
    package var databaseConnectTimeout: Duration
    package var databaseStatementTimeout: Duration
    /// `nil`: everything is read from the primary.
    package var replicaURL: String?
    package var replicaLag: Duration
    /// Empty for all.
    package var queues: Set<AssistantID>
    package var timeToLive: Duration
    package var interval: Duration
    package var handoverDeadline: Duration

    /// `nil` unless both addresses are given.
    init?(_ root: ConfigurationSection) {
        let (redis, database, lease) = (root.section("redis"), root.section("database"), root.section("lease"))
        guard let redisURL = redis.optional("url"), let databaseURL = database.optional("url") else { return nil }
        self.redisURL = redisURL
        self.redisIsCluster = redis.flag("cluster")
        self.redisAuthorityFile = redis.optional("ca_file")
        self.redisServerName = redis.optional("server_name")
        self.redisPrefix = redis.text("prefix")
        self.redisConnectTimeout = redis.duration("connect_timeout")
        self.redisReplyDeadline = redis.duration("reply_deadline")
        self.databaseURL = databaseURL
        self.databaseConnections = database.integer("connections")
        self.databaseIdleConnections = database.integer("idle_connections")
        self.databaseWaiters = database.integer("waiters")
        self.databaseWaitTimeout = database.duration("wait_timeout")
        self.databaseConnectTimeout = database.duration("connect_timeout")
        self.databaseStatementTimeout = database.duration("statement_timeout")
        self.replicaURL = database.optional("replica_url")
        self.replicaLag = database.duration("replica_lag")
        self.queues = Set(Self.names(root.text("queues")))
        self.timeToLive = lease.duration("ttl")
        self.interval = lease.duration("interval")
        self.handoverDeadline = root.duration("handover_deadline")
    }

    private static func names(_ text: String) -> [AssistantID] {
        text.split { $0 == "," || $0 == " " }.map { AssistantID(String($0)) }
    }

    /// What no single key can tell.
    static func problems(_ values: ConfigurationValues, assistants: Set<String>) -> [ConfigurationProblem] {
        let root = ConfigurationSection(values: values, path: [])
        var problems: [ConfigurationProblem] = []
        func refuse(_ path: [String], _ message: String) {
            problems.append(
                ConfigurationProblem(place: values.place(path), key: path.joined(separator: "."), message: message))
        }
        let (redis, database) = (root.section("redis"), root.section("database"))
        if redis.optional("url") != nil, database.optional("url") == nil {
            refuse(["redis", "url"], "the cluster deployment needs database.url (DATABASE_URL), too")
        }
        if database.optional("url") != nil, redis.optional("url") == nil {
            refuse(["database", "url"], "the cluster deployment needs redis.url (REDIS_URL), too")
        }
        if redis.text("prefix").contains(where: { $0 == "{" || $0 == "}" }) || redis.text("prefix").isEmpty {
            refuse(["redis", "prefix"], "must not be empty nor contain braces, which mark a key's slot")
        }
        if root.section("lease").duration("interval") * 4 > root.section("lease").duration("ttl") {
            refuse(["lease", "interval"], "must be at most a quarter of lease.ttl")
        }
        if database.integer("idle_connections") > database.integer("connections") {
            refuse(["database", "idle_connections"], "must not be more than database.connections")
        }
        for name in Self.names(root.text("queues")) where !assistants.contains(name.rawValue) {
            let nearest = NearestName.of(name.rawValue, among: assistants.sorted())
            refuse(
                ["queues"],
                "there is no assistant \"\(name)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? ""))
        }
        return problems
    }
}
