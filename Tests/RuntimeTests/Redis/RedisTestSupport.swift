import CardumeTesting
import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import CardumeRuntime

extension RedisServer {
    /// Keeps nothing, and may be told to `DEBUG`.
    ///
    /// - Parameter lines: of its configuration.
    static func bare(_ lines: String...) async throws -> RedisServer {
        try await self.start(Options(persistence: .off, extra: ["enable-debug-command yes"] + lines))
    }

    var node: RedisNode { RedisNode(host: "127.0.0.1", port: self.port) }
}

/// What links report, as it comes.
final class LinkEvents: Sendable {
    private let stream = AsyncStream<RedisLink.Event>.makeStream()

    func report(_ event: RedisLink.Event) { self.stream.continuation.yield(event) }

    /// The next event that `body` finds something in.
    func first<Result>(_ body: (RedisLink.Event) -> Result?) async -> Result? {
        for await event in self.stream.stream {
            if let result = body(event) { return result }
        }
        return nil
    }

    func connected() async { _ = await self.first { if case .connected = $0 { true } else { nil } } }

    func lost() async -> RedisError? { await self.first { if case .lost(_, let error) = $0 { error } else { nil } } }
}

extension RedisSettings {
    static func local(_ port: Int, _ change: (inout RedisSettings) -> Void = { _ in }) -> RedisSettings {
        var settings = RedisSettings(node: RedisNode(host: "127.0.0.1", port: port))
        change(&settings)
        return settings
    }
}

/// Runs `body` with a client that runs, and ends it.
func withRedisClient<Result>(
    _ settings: RedisSettings, events: LinkEvents = LinkEvents(), isConnected: Bool = true,
    _ body: (RedisClient) async throws -> Result
) async throws -> Result {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let client = RedisClient(connector: try RedisConnector(settings), on: loop) { events.report($0) }
    let run = Task { await client.run() }
    let result: Swift.Result<Result, any Error>
    do {
        if isConnected { try await client.connected() }
        result = .success(try await body(client))
    } catch {
        result = .failure(error)
    }
    run.cancel()
    await run.value
    return try result.get()
}
