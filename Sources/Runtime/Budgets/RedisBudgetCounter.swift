package import CardumeCore
package import NIOCore

/// The cluster's counter of budgets: one script call for each lease, on a connection of its own, so that its deadline costs
/// nobody else's.
package final class RedisBudgetCounter: BudgetCounter {
    /// A counter that answers later is of no use: the lease would be half over.
    private static let deadline = Duration.milliseconds(500)
    package static let script = RedisScript(String(decoding: PackageResources.lease_lua, as: UTF8.self))

    private let client: RedisClient
    private let prefix: String
    private let script: RedisScript

    /// - Parameters:
    ///   - prefix: what all keys begin with. Without braces.
    ///   - script: another one in tests.
    package init(
        connector: RedisConnector, prefix: String, on eventLoop: any EventLoop, script: RedisScript = RedisBudgetCounter.script,
        report: @escaping @Sendable (RedisLink.Event) -> Void = { _ in }
    ) {
        self.client = RedisClient(connector: connector, on: eventLoop, report: report)
        self.prefix = prefix
        self.script = script
    }

    /// Keeps the connection until the task is cancelled. Called once.
    package func run() async { await self.client.run() }

    package func lease(_ request: BudgetLeaseRequest, of budget: String) async throws -> BudgetLease {
        // Braces would end the hash tag, which both keys have to share.
        let name = String(budget.map { $0 == "{" || $0 == "}" ? "_" : $0 })
        let key = "\(self.prefix):{budget:\(name)}"
        var command = self.script.command(keys: 2)
        command.append("\(key):window")
        command.append("\(key):workers")
        command.append(request.worker)
        command.append(request.limits.requests ?? 0)
        command.append(request.limits.tokens ?? 0)
        command.append(request.calls)
        command.append(request.tokens)
        command.append(request.firstTokens)
        command.append(request.demand)
        command.append(request.closedFor.milliseconds)
        for (stamp, amount) in request.returns.sorted(by: { $0.key < $1.key }) {
            command.append(stamp)
            command.append(amount.requests)
            command.append(amount.tokens)
        }
        let reply = try await self.client.run(self.script, command, slot: RedisSlot(key: key), deadline: Self.deadline)
        let values = reply.root.array.compactMap(\.integer)
        guard values.count == 7 else {
            throw StoreError(.incompatible, "the script of budgets answered \(values.count) numbers")
        }
        return BudgetLease(
            calls: values[0], tokens: values[1], stamp: Int64(values[2]),
            share: Double(request.demand) / Double(max(values[3], 1)), workers: values[4],
            opensIn: .milliseconds(values[5]), closedFor: .milliseconds(values[6]))
    }
}
