package import AsyncHTTPClient
public import CardumeCore
package import Foundation
import NIOCore
import NIOFoundationCompat
import NIOPosix

/// The client all outgoing calls share: one pool of connections.
public final class SharedHTTPClient: Sendable {
    let client: HTTPClient
    /// What calls make spans with; `nil` for none.
    let traces: Traces?

    public init(traces: Traces? = nil) {
        self.traces = traces
        var configuration = HTTPClient.Configuration()
        // Spans are made by those who know what a call is for.
        configuration.tracing.tracer = nil
        configuration.timeout.connect = .seconds(5)
        configuration.redirectConfiguration = .disallow
        // Thousands of turns wait for one model server at once. Slots bound them, not the pool: who finds no connection
        // within the connect timeout fails.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 100_000
        // A refused connection is an answer: nothing was sent. Trying again is the caller's decision.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.idleTimeout = .seconds(30)
        self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// One call with its whole answer.
    ///
    /// - Parameters:
    ///   - timeout: for all of it; the client's own ends with the answer's head.
    ///   - limit: bytes of the body.
    package func fetch(
        _ request: HTTPClientRequest, within timeout: Duration, upTo limit: Int
    ) async throws -> (head: HTTPClientResponse, body: Data) {
        try await withThrowingTaskGroup(of: (HTTPClientResponse, Data).self) { group in
            group.addTask {
                let response = try await self.client.execute(request, timeout: TimeAmount(timeout))
                return (response, Data(buffer: try await response.body.collect(upTo: limit)))
            }
            group.addTask {
                try await Task.sleep(for: timeout)
                throw HTTPClientError.deadlineExceeded
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    /// Called once, after the last call has ended.
    public func shutDown() async throws {
        try await self.client.shutdown()
    }
}

package enum HTTPAddress {
    /// `base` and `path` with exactly one slash between them.
    package static func join(_ base: String, _ path: String) -> String {
        var base = Substring(base)
        while base.hasSuffix("/") { base = base.dropLast() }
        return base + "/" + path
    }

    /// `name` as one path segment, with everything escaped that is not unreserved.
    package static func segment(_ name: String) -> String {
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
    package static func describe(_ error: any Error) -> String {
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
