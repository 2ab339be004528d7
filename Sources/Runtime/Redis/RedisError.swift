package import CardumeCore

/// What to do about a ``RedisError``.
package enum RedisRemedy: Hashable, Sendable {
    /// The server will answer differently after a while; the connection is good.
    case retry
    /// A new connection is needed; it is being made.
    case reconnect
    /// Another server has become responsible: find out which, and connect to it.
    case reresolve
    /// The key is elsewhere in the cluster. Callers of a ``RedisClient`` see it only when redirections did not end.
    case redirect
    /// Send the script's source. Callers of a ``RedisClient`` do not see it.
    case loadScript
    /// No room; removing things still works.
    case full
    /// Somebody has to change a configuration, here or on the server.
    case fixConfiguration
    /// The command was wrong.
    case fixProgram
}

/// Trouble with Redis, in words that say what to do. Never contains a password.
package struct RedisError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The sort of trouble and its remedy.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case unreachable, notConnected, closed, timedOut, protocolViolation, tls, unsuitable
            case loading, busy, tryAgain, clusterDown, noReplicas, misconfigured, transactionAborted, unblocked, tooManyClients
            case readOnly, masterDown, roleChanged, moved, ask, noScript, outOfMemory
            case wrongPassword, noPermission, refusedByConfiguration
            case crossSlot, wrongType, noGroup, reply
        }

        private let value: Value
        package let remedy: RedisRemedy

        private init(_ value: Value, _ remedy: RedisRemedy) {
            self.value = value
            self.remedy = remedy
        }

        package var description: String { self.value.rawValue }

        /// No connection could be made: refused, no route, no such host, no answer in time.
        package static let unreachable = Code(.unreachable, .reconnect)
        /// Not sent, because there is no connection at the moment. ``RedisError/cause`` says why.
        package static let notConnected = Code(.notConnected, .reconnect)
        /// The connection ended before the reply; nobody knows whether the command was carried out.
        package static let closed = Code(.closed, .reconnect)
        /// No reply in time; nobody knows whether the command was carried out.
        package static let timedOut = Code(.timedOut, .reconnect)
        /// What answers is no Redis.
        package static let protocolViolation = Code(.protocolViolation, .fixConfiguration)
        /// The TLS handshake failed: certificate, name, version, or no TLS on the other side.
        package static let tls = Code(.tls, .fixConfiguration)
        /// A Redis that cannot be used as it is: too old, evicting, of another kind than configured.
        package static let unsuitable = Code(.unsuitable, .fixConfiguration)

        /// The server reads its data from disk.
        package static let loading = Code(.loading, .retry)
        /// A script runs too long.
        package static let busy = Code(.busy, .retry)
        /// The keys of one command are in the middle of a move.
        package static let tryAgain = Code(.tryAgain, .retry)
        /// Nobody serves the slot, or the cluster as a whole.
        package static let clusterDown = Code(.clusterDown, .retry)
        /// Fewer replicas than the server demands for a write.
        package static let noReplicas = Code(.noReplicas, .retry)
        /// The server cannot write its files, so it accepts no commands.
        package static let misconfigured = Code(.misconfigured, .retry)
        package static let transactionAborted = Code(.transactionAborted, .retry)
        /// A blocking read ended early: another client asked for it, or the key is gone.
        package static let unblocked = Code(.unblocked, .retry)
        package static let tooManyClients = Code(.tooManyClients, .reconnect)

        /// A replica was asked to write.
        package static let readOnly = Code(.readOnly, .reresolve)
        /// A replica that has lost its master.
        package static let masterDown = Code(.masterDown, .reresolve)
        /// The server became a replica while a blocking read waited.
        package static let roleChanged = Code(.roleChanged, .reresolve)
        package static let moved = Code(.moved, .redirect)
        package static let ask = Code(.ask, .redirect)
        package static let noScript = Code(.noScript, .loadScript)
        /// The server's memory limit is reached and it evicts nothing.
        package static let outOfMemory = Code(.outOfMemory, .full)

        /// User or password are wrong, or missing.
        package static let wrongPassword = Code(.wrongPassword, .fixConfiguration)
        /// The user may not run this command or touch this key.
        package static let noPermission = Code(.noPermission, .fixConfiguration)
        /// Refused for a reason that lies in a configuration.
        package static let refusedByConfiguration = Code(.refusedByConfiguration, .fixConfiguration)

        package static let crossSlot = Code(.crossSlot, .fixProgram)
        package static let wrongType = Code(.wrongType, .fixProgram)
        package static let noGroup = Code(.noGroup, .fixProgram)
        /// Any other error reply; ``RedisError/word`` tells them apart.
        package static let reply = Code(.reply, .fixProgram)
    }

    package var code: Code
    package var message: String
    /// Why there is no connection, for ``Code/notConnected``.
    package var cause: Code?

    package init(_ code: Code, _ message: String, cause: Code? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { self.message }

    /// What to do about it; with no connection, about the reason for that.
    package var remedy: RedisRemedy { (self.cause ?? self.code).remedy }

    /// The first word of an error reply. Scripts choose their own.
    package var word: Substring { self.message.prefix { $0 != " " } }

    /// Whether the command may have been carried out nevertheless.
    package var isOutcomeUnknown: Bool {
        self.code == .closed || self.code == .timedOut || self.code == .protocolViolation
    }
}

extension StoreError {
    /// Wraps what the Redis client throws.
    package init(redis error: RedisError) {
        switch error.remedy {
        case .retry, .reconnect, .reresolve, .redirect, .loadScript:
            self.init(.unavailable, "Redis cannot be used at the moment: \(error)")
        case .full:
            self.init(.full, "Redis has no memory left: \(error)")
        case .fixConfiguration, .fixProgram:
            self.init(.incompatible, "Redis does not fit: \(error)")
        }
    }
}
