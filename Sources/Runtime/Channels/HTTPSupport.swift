import AsyncHTTPClient
import CardumeCore
import Foundation
import NIOCore
import NIOPosix

/// The client all outgoing calls share: one pool of connections.
public final class SharedHTTPClient: Sendable {
    let client: HTTPClient

    public init() {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(5)
        configuration.redirectConfiguration = .disallow
        // Thousands of turns wait for one model server at once; requests beyond this wait for a connection.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1_024
        configuration.connectionPool.idleTimeout = .seconds(30)
        self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Called once, after the last call has ended.
    public func shutDown() async throws {
        try await self.client.shutdown()
    }
}

enum HTTPAddress {
    /// `base` and `path` with exactly one slash between them.
    static func join(_ base: String, _ path: String) -> String {
        var base = Substring(base)
        while base.hasSuffix("/") { base = base.dropLast() }
        return base + "/" + path
    }

    /// `name` as one path segment, with everything escaped that is not unreserved.
    static func segment(_ name: String) -> String {
        name.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "~"):
                String(UnicodeScalar(byte))
            default:
                "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }

    /// A transport error in a few words. Requests, which hold keys, are never part of it.
    static func describe(_ error: any Error) -> String {
        if let error = error as? HTTPClientError { return error.shortDescription }
        if let error = error as? NIOConnectionError {
            return "cannot connect to \(error.host):\(error.port)"
        }
        return String(describing: error)
    }
}

extension TimeAmount {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}

/// What a send's transport error says about whether the request reached the gateway.
enum SendTransport {
    static func outcome(of error: any Error) -> SendOutcome {
        let reason = HTTPAddress.describe(error)
        if error is NIOConnectionError { return .unavailable(reason: reason) }
        let notSent: [HTTPClientError] = [
            .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout, .alreadyShutdown,
        ]
        if let error = error as? HTTPClientError, notSent.contains(error) { return .unavailable(reason: reason) }
        if let error = error as? ChannelError, case .connectTimeout = error { return .unavailable(reason: reason) }
        if let error = error as? IOError, error.errnoCode == ECONNREFUSED { return .unavailable(reason: reason) }
        // A cancelled call, too: nobody knows how far it came.
        return .unknown(reason: reason)
    }
}
