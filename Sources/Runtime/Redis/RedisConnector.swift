import CardumeCore
import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#endif

/// Makes connections: socket, TLS, greeting. Shared by all event loops of a process.
package final class RedisConnector: Sendable {
    /// A connection that was greeted.
    struct Opened: Sendable {
        let connection: RedisConnection
        /// The server's number for it; `nil` where the user may not ask.
        let clientID: Int?
    }

    package let settings: RedisSettings
    private let tls: NIOSSLContext?
    private let meter: RedisMeter?

    /// - Parameter meter: told of every command's reply. Defaults to nobody.
    /// - Throws: ``RedisError/Code/refusedByConfiguration`` when the file of authorities cannot be read.
    package init(_ settings: RedisSettings, meter: RedisMeter? = nil) throws(RedisError) {
        self.settings = settings
        self.meter = meter
        guard settings.usesTLS else {
            self.tls = nil
            return
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .fullVerification
        // A server that does not answer does not say goodbye either.
        configuration.shutdownTimeout = .milliseconds(200)
        if let file = settings.authorityFile { configuration.trustRoots = .file(file) }
        do {
            self.tls = try NIOSSLContext(configuration: configuration)
        } catch {
            let file = settings.authorityFile.map { "the authorities' file \($0)" } ?? "the system's certificates"
            throw RedisError(.refusedByConfiguration, "\(file) cannot be used for TLS: \(error)")
        }
    }

    /// Connects to `node` and greets it: password, database, name, role.
    ///
    /// - Parameter blocks: whether its commands may wait on purpose, so that how long they take says nothing.
    /// - Throws: what tells a wrong password, failed TLS, a server that is no Redis and an unreachable one apart.
    func open(
        _ node: RedisNode, on eventLoop: any EventLoop, blocks: Bool = false
    ) async throws(RedisError) -> Opened {
        let connection = try await self.connect(node, on: eventLoop, blocks ? nil : self.meter)
        let opened: Result<Opened, RedisError> = await withTaskCancellationHandler {
            do throws(RedisError) {
                return .success(Opened(connection: connection, clientID: try await self.greet(connection)))
            } catch {
                connection.close()
                return .failure(error)
            }
        } onCancel: {
            connection.close()
        }
        return try opened.get()
    }

    private func connect(
        _ node: RedisNode, on eventLoop: any EventLoop, _ meter: RedisMeter?
    ) async throws(RedisError) -> RedisConnection {
        let tls = self.tls
        let name = self.verifiedName(of: node)
        let replyDeadline = self.settings.replyDeadline
        do {
            return try await self.bootstrap(eventLoop).connect(host: node.host, port: node.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = RedisChannelHandler(node: node, usesTLS: tls != nil, meter: meter)
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                    return RedisConnection(channel: channel, handler: handler, node: node, replyDeadline: replyDeadline)
                }
            }
        } catch let error as NIOSSLExtraError {
            throw RedisError(.refusedByConfiguration, "no TLS with \(node): \(error)")
        } catch {
            throw RedisError(.unreachable, "cannot connect to \(node): \(Self.describe(error))")
        }
    }

    /// Must be in the server's certificate. `nil` for an address, which NIOSSL takes from the connection.
    private func verifiedName(of node: RedisNode) -> String? {
        if let name = self.settings.serverName { return name }
        return (try? SocketAddress(ipAddress: node.host, port: node.port)) == nil ? node.host : nil
    }

    private func bootstrap(_ eventLoop: any EventLoop) -> ClientBootstrap {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(self.settings.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16_384, maximum: 262_144))
        #if canImport(Glibc)
        // Seconds; a peer that is gone is noticed in half a minute even where nothing is asked of it.
        let probing = [(TCP_KEEPIDLE, 15), (TCP_KEEPINTVL, 5), (TCP_KEEPCNT, 3)]
        // Milliseconds that what was sent may stay without acknowledgement.
        let unacknowledged = max(Int(self.settings.replyDeadline.milliseconds), 1_000)
        return (probing + [(TCP_USER_TIMEOUT, unacknowledged)]).reduce(bootstrap) { bootstrap, option in
            bootstrap.channelOption(
                .tcpOption(NIOBSDSocket.Option(rawValue: option.0)), value: SocketOptionValue(option.1))
        }
        #else
        return bootstrap
        #endif
    }

    private static func describe(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if error.dnsAError != nil, error.connectionErrors.isEmpty { return "no such host" }
            return error.connectionErrors.first.map { self.describe($0.error) } ?? "no address"
        case let error as IOError: return error.reason
        case ChannelError.connectTimeout: return "no answer in time"
        default: return String(describing: error)
        }
    }

    // MARK: Greeting

    /// Returns the connection's number.
    private func greet(_ connection: RedisConnection) async throws(RedisError) -> Int? {
        var required: [RedisCommand] = []
        if let password = self.settings.password {
            var command = RedisCommand("AUTH")
            if let user = self.settings.user { command.append(user) }
            command.append(password)
            required.append(command)
        }
        if self.settings.database != 0 { required.append(RedisCommand("SELECT", String(self.settings.database))) }
        // A user may be forbidden these.
        let optional = [RedisCommand("CLIENT", "SETNAME", "cardume"), RedisCommand("CLIENT", "ID"), RedisCommand("ROLE")]
        var values: [RedisValue?] = []
        for (index, reply) in await connection.send(required + optional).enumerated() {
            do throws(RedisError) {
                values.append(try reply.get().root)
            } catch {
                let isOptional = index >= required.count && (error.code == .noPermission || error.code == .reply)
                guard isOptional else { throw await self.explained(error, on: connection) }
                values.append(nil)
            }
        }
        values.removeFirst(required.count)
        // In a cluster, a replica redirects.
        if !self.settings.isCluster, let role = values[2]?.array[0], !role.equals("master") {
            throw RedisError(.readOnly, "\(connection.node) is no master but a \(role.string ?? "stranger")")
        }
        return values[1]?.integer
    }

    /// An error of the greeting, which has reasons of its own.
    private func explained(_ error: RedisError, on connection: RedisConnection) async -> RedisError {
        // It may have ended before anything was sent.
        var error = error.code == .notConnected ? await connection.closed() : error
        let node = connection.node
        switch error.code {
        case .wrongPassword:
            let wish = self.settings.password == nil ? "wants a password" : "refuses user or password"
            error.message = "\(node) \(wish) (\(error.message))"
        case .closed where !self.settings.usesTLS:
            error.message = "\(node) closed the connection when greeted; if it expects TLS, the URL begins with rediss://"
        case .timedOut where self.settings.usesTLS:
            error.message = "\(node) did not answer to TLS in time; if it does not use TLS, the URL begins with redis://"
        case .protocolViolation:
            error.message = "what listens on \(node) is no Redis: \(error.message)"
        default: break
        }
        return error
    }
}
