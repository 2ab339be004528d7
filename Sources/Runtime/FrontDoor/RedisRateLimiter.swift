package import CardumeCore
import Crypto
import Foundation
package import NIOCore

/// Counts requests in Redis, for all processes together, on the server's clock.
///
/// On a connection of its own: one that is given up because the server is slow takes no message with it.
package final class RedisRateLimiter: RateLimiter {
    /// A caller must not wait longer to hear that it may pass.
    private static let replyDeadline: Duration = .milliseconds(500)
    private static let script = RedisScript(String(decoding: PackageResources.take_place_lua, as: UTF8.self))

    private let client: RedisClient
    private let connector: RedisConnector
    private let prefix: String

    /// - Parameters:
    ///   - prefix: what all keys begin with. Without braces.
    ///   - meter: told of every command's reply. Defaults to nobody.
    package init(
        _ settings: RedisSettings, prefix: String, on eventLoop: any EventLoop, meter: RedisMeter? = nil,
        report: @escaping @Sendable (RedisLink.Event) -> Void = { _ in }
    ) throws(RedisError) {
        var settings = settings
        settings.replyDeadline = min(settings.replyDeadline, Self.replyDeadline)
        self.connector = try RedisConnector(settings, meter: meter)
        self.client = RedisClient(connector: self.connector, on: eventLoop, report: report)
        self.prefix = prefix
    }

    /// Keeps the connections until the task is cancelled. Called once.
    package func run() async { await self.client.run() }

    /// From now on new connections use this user and password.
    package func update(_ settings: RedisSettings) { self.connector.update(settings) }

    /// Returns once it can count, or cannot for now.
    package func settled() async { _ = try? await self.client.connected() }

    package func take(_ key: RateKey, _ limit: RateLimit) async -> RateDecision? {
        let name = self.name(of: key)
        var command = Self.script.command(keys: 1)
        command.append(name)
        command.append(limit.perMinute)
        command.append(limit.burst)
        guard let reply = try? await self.client.run(Self.script, command, slot: RedisSlot(key: name)) else { return nil }
        let values = reply.root.array.map(\.integer)
        guard values.count == 4, let isAllowed = values[0], let remaining = values[1], let wait = values[2],
            let stamp = values[3]
        else { return nil }
        return RateDecision(
            isAllowed: isAllowed == 1, limit: limit, remaining: remaining, wait: .microseconds(wait), stamp: Int64(stamp))
    }

    package func giveBack(_ key: RateKey, _ decision: RateDecision) async {
        let name = self.name(of: key)
        let command = RedisCommand("LREM", name, "-1", String(decision.stamp))
        _ = try? await self.client.send(command, slot: RedisSlot(key: name))
    }

    /// Callers' names are hashed: some are secret, some are people's numbers, and all may hold braces.
    private func name(of key: RateKey) -> String {
        let hash = SHA256.hash(data: Data(key.identity.utf8)).prefix(16).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return "\(self.prefix):rate:{\(key.dimension.rawValue):\(hash.joined())}"
    }
}
