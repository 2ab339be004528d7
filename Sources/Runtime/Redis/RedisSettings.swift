/// Where Redis is and how to reach it.
package struct RedisSettings: Sendable {
    /// The server, or any one of a cluster. A name is looked up again for every connection.
    package var node: RedisNode
    /// Defaults to none, which Redis takes as `default`.
    package var user: String?
    package var password: String?
    /// Number of the database. Always 0 in a cluster. Defaults to 0.
    package var database = 0
    /// Whether all connections are encrypted, and certificates verified with their names.
    package var usesTLS = false
    /// PEM file of the authorities that are trusted, instead of the system's. Defaults to none.
    package var authorityFile: String?
    /// The name expected in the server's certificate, where it is not the host's. Defaults to none.
    package var serverName: String?
    package var isCluster = false
    /// For the connection alone, without greeting. Defaults to 3 s.
    package var connectTimeout: Duration = .seconds(3)
    /// From a command to its reply, unless the call says something else. Defaults to 5 s.
    package var replyDeadline: Duration = .seconds(5)

    package init(node: RedisNode) {
        self.node = node
    }
}
