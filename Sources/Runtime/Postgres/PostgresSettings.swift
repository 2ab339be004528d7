import CPostgres
import CardumeCore

/// Where the database is and how it is used.
package struct PostgresSettings: Sendable, CustomStringConvertible {
    /// Connections kept although idle. Defaults to 1.
    package var minimumConnections = 1
    /// Defaults to 4: enough to keep a server with a few cores busy with group commits.
    package var maximumConnections = 4
    /// Callers that may wait for a connection. Defaults to 1,024.
    package var waiterLimit = 1_024
    /// How long a caller waits for a connection. Defaults to 5 s.
    package var waitTimeout = Duration.seconds(5)
    /// Defaults to 5 s. Names are resolved by the system's resolver, which has its own limits.
    package var connectTimeout = Duration.seconds(5)
    /// How long statements may take where the caller says nothing else; then they are cancelled, their connection is given
    /// up, and their outcome is unknown. The server is told the same limit where it, or the pooler before it, takes
    /// `statement_timeout` at startup: it ends what a dead client left running. Defaults to 5 s.
    package var statementTimeout = Duration.seconds(5)
    /// Idle connections beyond the minimum are closed after this long. Defaults to 60 s.
    package var idleLifetime = Duration.seconds(60)
    /// A connection idle for longer is asked for a sign of life before it is used. Defaults to 15 s.
    package var checkAfter = Duration.seconds(15)

    /// What libpq made of the address, in its own keywords; the password is among them.
    private let parameters: [String: String]

    /// - Parameters:
    ///   - url: `postgres://user:password@host:port/database?sslmode=…`; everything libpq understands may follow the `?`,
    ///     environment variables and `~/.pgpass` apply.
    ///   - application: how the server's statistics name this program, unless the address does.
    /// - Throws: ``PostgresError/Code/settings``, in one line that holds nothing secret.
    package init(url: String, application: String = "cardume") throws(PostgresError) {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
            throw PostgresError(.settings, "the database's address must begin with postgres:// or postgresql://")
        }
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(url, &message) else {
            defer { PQfreemem(message) }
            throw PostgresError(.settings, Self.harmless(message.map { String(cString: $0) } ?? "out of memory"))
        }
        defer { PQconninfoFree(options) }
        var parameters = [
            "application_name": application, "client_encoding": "UTF8", "gssencmode": "disable",
            // A peer that vanished is noticed within half a minute even where no deadline runs.
            "keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3",
        ]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { parameters[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        self.parameters = parameters
    }

    /// libpq quotes the part it does not understand, which may be the password or the whole address.
    private static func harmless(_ message: String) -> String {
        let isAboutKeyword = message.hasPrefix("invalid URI query parameter")
        let text = isAboutKeyword ? message : String(message.prefix { $0 != "\"" })
        let trimmed = text.split(separator: "\n").joined(separator: " ").reversed().drop { $0 == " " || $0 == ":" }.reversed()
        return "the database's address cannot be understood: \(String(trimmed)) (special characters are written as %XX)"
    }

    /// Keywords and values for a connection.
    ///
    /// - Parameter withServerTimeout: whether the server is told ``statementTimeout``. PgBouncer before 1.20 refuses to be
    ///   told anything in `options`.
    func connectionParameters(withServerTimeout: Bool) -> [(String, String)] {
        var parameters = self.parameters
        if withServerTimeout {
            let limit = "-c statement_timeout=\(self.statementTimeout.milliseconds)"
            parameters["options"] = [parameters["options"], limit].compactMap { $0 }.joined(separator: " ")
        }
        return parameters.map { ($0.key, $0.value) }
    }

    /// Whether a connection made with the one is as good as one made with the other.
    func isReached(like other: PostgresSettings) -> Bool { self.parameters == other.parameters }

    /// `host:port/database`, for people.
    package var description: String {
        let host = self.parameters["host"] ?? self.parameters["hostaddr"] ?? "local socket"
        return "\(host):\(self.parameters["port"] ?? "5432")/\(self.parameters["dbname"] ?? "")"
    }
}
