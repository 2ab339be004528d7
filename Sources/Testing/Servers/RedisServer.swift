import Foundation

/// A real Redis of one's own, in a temporary folder, on a free port of 127.0.0.1.
///
/// Killed, and its folder removed, when this object goes away or this process ends, in whatever way.
public final class RedisServer: Sendable {
    /// What is kept of writes, and when it is on disk.
    public enum Persistence: String, Sendable {
        /// In the append-only file, on disk before the answer.
        case always
        /// In the append-only file, on disk within about two seconds.
        case everySecond = "everysec"
        /// In the append-only file, on disk when the system likes. Survives the death of the server, not of the machine.
        case unsynced = "no"
        /// In memory only.
        case off
    }

    public struct Options: Sendable {
        /// Defaults to ``Persistence/everySecond``, which is what Cardume asks of a deployment.
        public var persistence: Persistence
        /// Redis' `requirepass`; `nil`, the default, for none.
        public var password: String?
        /// Lines as after `user` in Redis' configuration: `["worker on >secret ~cardume:* +@all"]`. Defaults to none.
        public var users: [String]
        /// Whether only TLS is spoken, with a certificate by a private authority (``RedisServer/authorityFile``). Defaults to `false`.
        public var isTLS: Bool
        /// The names in its certificate, as OpenSSL takes them. Defaults to `DNS:localhost,IP:127.0.0.1`.
        public var certificateNames: String
        /// In bytes; `nil`, the default, for no limit.
        public var maximumMemory: Int?
        /// Defaults to `noeviction`.
        public var memoryPolicy: String
        /// Further lines of Redis' configuration, which come last. Defaults to none.
        public var extra: [String]

        public init(
            persistence: Persistence = .everySecond, password: String? = nil, users: [String] = [], isTLS: Bool = false,
            certificateNames: String = "DNS:localhost,IP:127.0.0.1", maximumMemory: Int? = nil,
            memoryPolicy: String = "noeviction", extra: [String] = []
        ) {
            self.persistence = persistence
            self.password = password
            self.users = users
            self.isTLS = isTLS
            self.certificateNames = certificateNames
            self.maximumMemory = maximumMemory
            self.memoryPolicy = memoryPolicy
            self.extra = extra
        }
    }

    public let options: Options
    private let host: ServerHost
    private let binary: String
    private let client: String

    private init(_ options: Options) async throws {
        self.options = options
        self.binary = try Binary.find("redis-server", package: "redis-server")
        self.client = try Binary.find("redis-cli", package: "redis-server")
        self.host = try ServerHost(name: "redis")
        if options.isTLS { try await PrivateAuthority.make(in: self.host, names: options.certificateNames) }
        try self.host.write(self.configuration, to: "redis.conf")
    }

    /// Returns once the server answers.
    ///
    /// - Throws: ``ServerError`` when a program is missing, or with the log's end when the server does not start.
    public static func start(_ options: Options = Options()) async throws -> RedisServer {
        let server = try await RedisServer(options)
        try await server.launch()
        return server
    }

    /// The same over the server's whole life.
    public var port: Int { self.host.port }
    /// Holds `redis.conf`, `server.log` and the append-only file.
    public var folder: String { self.host.folder }
    public var logFile: String { self.host.logFile }
    public var isRunning: Bool { self.host.isRunning }
    /// `nil` while it does not run.
    public var processID: Int32? { self.host.processID }
    /// The authority's certificate (PEM) that clients of a TLS server trust.
    public var authorityFile: String { "\(self.folder)/ca.crt" }

    /// `redis://[:password@]127.0.0.1:port`, or `rediss://` with TLS.
    public var url: String {
        let password = self.options.password?.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
        return "\(self.options.isTLS ? "rediss" : "redis")://\(password.map { ":\($0)@" } ?? "")127.0.0.1:\(self.port)"
    }

    /// What `redis-cli` prints for a command, which is run as the default user: nested answers one value per line.
    ///
    /// - Throws: ``ServerError`` with Redis' words for an error answer, and when the server is not there.
    @discardableResult
    public func cli(_ arguments: String...) async throws -> String {
        try await self.cli(arguments)
    }

    /// See ``cli(_:)-(String...)``.
    @discardableResult
    public func cli(_ arguments: [String]) async throws -> String {
        try await Command.run(
            [self.client, "-e", "-h", "127.0.0.1", "-p", "\(self.port)"] + self.clientOptions + arguments,
            environment: self.clientEnvironment)
    }

    /// Returns when the server and all that it forked are gone.
    public func kill9() async throws { try await self.host.kill9() }

    /// Freezes the server (SIGSTOP): connections stay and are accepted, nothing is answered.
    public func pause() { self.host.pause() }

    /// Ends a ``pause()``.
    public func resume() { self.host.resume() }

    /// Starts the server again, with what it has kept; stops it properly first when it runs.
    public func restart() async throws {
        await self.host.stop(SIGTERM)
        try await self.launch()
    }

    private func launch() async throws {
        try await self.host.launch([self.binary, "\(self.folder)/redis.conf"]) {
            (try? await self.cli("PING")) == "PONG"
        }
    }

    var clientOptions: [String] { self.options.isTLS ? ["--tls", "--cacert", self.authorityFile] : [] }
    var clientEnvironment: [String: String] { self.options.password.map { ["REDISCLI_AUTH": $0] } ?? [:] }

    private var configuration: String {
        var lines = [
            "bind 127.0.0.1", "daemonize no", "dir \(self.folder)", "save \"\"",
            "maxmemory-policy \(self.options.memoryPolicy)",
        ]
        switch self.options.persistence {
        case .off: lines.append("appendonly no")
        default: lines += ["appendonly yes", "appendfsync \(self.options.persistence.rawValue)"]
        }
        if self.options.isTLS {
            lines += ["port 0", "tls-port \(self.port)", "tls-auth-clients no", "tls-ca-cert-file \(self.authorityFile)"]
            lines += ["tls-cert-file \(self.folder)/server.crt", "tls-key-file \(self.folder)/server.key"]
        } else {
            lines.append("port \(self.port)")
        }
        if let password = self.options.password { lines.append("requirepass \"\(password)\"") }
        if let memory = self.options.maximumMemory { lines.append("maxmemory \(memory)") }
        lines += self.options.users.map { "user \($0)" }
        return (lines + self.options.extra).joined(separator: "\n") + "\n"
    }
}
