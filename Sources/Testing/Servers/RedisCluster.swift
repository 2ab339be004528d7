import Foundation

/// A real Redis Cluster of three masters, each with its part of the 16384 slots, on 127.0.0.1.
public final class RedisCluster: Sendable {
    /// Masters first; then, if there are any, their replicas. After a failover roles differ from this order.
    public let nodes: [RedisServer]

    private init(nodes: [RedisServer]) {
        self.nodes = nodes
    }

    /// Returns once every node says `cluster_state:ok` and knows all others.
    ///
    /// A node counts as failed after a second, so a master that is killed is replaced by its replica within about three.
    ///
    /// - Parameters:
    ///   - hasReplicas: whether each master has one. Defaults to `false`.
    ///   - options: of every node.
    public static func start(
        hasReplicas: Bool = false, options: RedisServer.Options = RedisServer.Options()
    ) async throws -> RedisCluster {
        var options = options
        options.extra += ["cluster-enabled yes", "cluster-node-timeout 1000", "repl-diskless-sync-delay 0"]
        if options.isTLS { options.extra += ["tls-cluster yes", "tls-replication yes"] }
        if let password = options.password { options.extra.append("masterauth \"\(password)\"") }
        var nodes: [RedisServer] = []
        for _ in 0..<(hasReplicas ? 6 : 3) { nodes.append(try await RedisServer.start(options)) }
        let cluster = RedisCluster(nodes: nodes)
        try await cluster.create(hasReplicas: hasReplicas)
        return cluster
    }

    /// Of the first node.
    public var url: String { self.nodes[0].url }

    /// The running node that serves `slot`, by its own account; after a failover, which a former master learns of last, the
    /// one that was elected latest.
    public func master(of slot: Int) async throws -> RedisServer {
        var latest: (node: RedisServer, epoch: Int)?
        for node in self.nodes where node.isRunning {
            guard let own = try await self.view(of: node).first(where: \.isSelf) else { continue }
            guard own.isMaster, own.slots.contains(where: { $0.contains(slot) }) else { continue }
            if own.epoch > latest?.epoch ?? -1 { latest = (node, own.epoch) }
        }
        guard let latest else { throw ServerError("no running node serves slot \(slot)") }
        return latest.node
    }

    /// The running nodes that serve slots, by their own account.
    public func masters() async throws -> [RedisServer] {
        var masters: [RedisServer] = []
        for node in self.nodes where node.isRunning {
            let own = try await self.view(of: node).first(where: \.isSelf)
            if let own, own.isMaster, !own.slots.isEmpty { masters.append(node) }
        }
        return masters
    }

    /// The running replicas of `master`.
    public func replicas(of master: RedisServer) async throws -> [RedisServer] {
        let id = try await master.cli("CLUSTER", "MYID")
        var replicas: [RedisServer] = []
        for node in self.nodes where node.isRunning {
            guard let own = try await self.view(of: node).first(where: \.isSelf) else { continue }
            if own.master == id { replicas.append(node) }
        }
        return replicas
    }

    /// Makes a replica the master of its slots, with the old master's consent, and returns when it is.
    public func failOver(to replica: RedisServer) async throws {
        try await replica.cli("CLUSTER", "FAILOVER")
        try await Waiting.until("port \(replica.port) to become a master") {
            try await self.view(of: replica).first(where: \.isSelf)?.isMaster ?? false
        }
    }

    /// Returns when all running nodes agree that every slot is served.
    public func becomesHealthy() async throws {
        try await Waiting.until("the cluster to be healthy") {
            for node in self.nodes where node.isRunning {
                let info = try? await node.cli("CLUSTER", "INFO")
                guard let info, info.contains("cluster_state:ok") else { return false }
            }
            return true
        }
    }

    /// Moves a slot with its keys: ``beginMigration(of:to:)``, ``finishMigration(of:to:)``.
    public func migrate(_ slot: Int, to target: RedisServer) async throws {
        try await self.beginMigration(of: slot, to: target)
        try await self.finishMigration(of: slot, to: target)
    }

    /// From here on the slot's master answers `ASK` for keys that it does not have.
    public func beginMigration(of slot: Int, to target: RedisServer) async throws {
        let source = try await self.master(of: slot)
        try await target.cli("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", source.cli("CLUSTER", "MYID"))
        try await source.cli("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", target.cli("CLUSTER", "MYID"))
    }

    /// Moves the slot's keys and tells all masters; from here on the former master answers `MOVED`.
    public func finishMigration(of slot: Int, to target: RedisServer) async throws {
        let source = try await self.master(of: slot)
        let login = source.options.password.map { ["AUTH", $0] } ?? []
        while true {
            let keys = try await source.cli("CLUSTER", "GETKEYSINSLOT", "\(slot)", "100").split(separator: "\n")
            if keys.isEmpty { break }
            try await source.cli(
                ["MIGRATE", "127.0.0.1", "\(target.port)", "", "0", "10000"] + login + ["KEYS"] + keys.map(String.init))
        }
        let id = try await target.cli("CLUSTER", "MYID")
        // The target first: until somebody else says so, it is the only one that could lose the slot in a crash.
        for node in [target, source] + self.nodes where node.isRunning {
            guard try await self.view(of: node).first(where: \.isSelf)?.isMaster ?? false else { continue }
            try await node.cli("CLUSTER", "SETSLOT", "\(slot)", "NODE", id)
        }
    }

    private func create(hasReplicas: Bool) async throws {
        let client = try Binary.find("redis-cli", package: "redis-server")
        let addresses = self.nodes.map { "127.0.0.1:\($0.port)" }
        let options = ["--cluster-replicas", hasReplicas ? "1" : "0", "--cluster-yes"] + self.nodes[0].clientOptions
        _ = try await Command.run(
            [client, "--cluster", "create"] + addresses + options, environment: self.nodes[0].clientEnvironment)
        try await self.becomesHealthy()
        try await Waiting.until("all nodes to know their roles") {
            for node in self.nodes {
                let view = try await self.view(of: node)
                guard view.count == self.nodes.count, view.count(where: \.isMaster) == 3 else { return false }
            }
            return true
        }
    }

    /// One line of `CLUSTER NODES`.
    private struct Member {
        let isSelf: Bool
        let isMaster: Bool
        /// The id of its master; `-` when it is one.
        let master: String
        /// Of the election that gave it its slots.
        let epoch: Int
        let slots: [ClosedRange<Int>]

        init?(_ line: Substring) {
            let fields = line.split(separator: " ")
            guard fields.count >= 8 else { return nil }
            let flags = fields[2].split(separator: ",")
            self.isSelf = flags.contains("myself")
            self.isMaster = flags.contains("master")
            self.master = String(fields[3])
            self.epoch = Int(fields[6]) ?? 0
            self.slots = fields[8...].compactMap { field in
                let ends = field.split(separator: "-").compactMap { Int($0) }
                guard let first = ends.first, let last = ends.last else { return nil }
                return first...last
            }
        }
    }

    private func view(of node: RedisServer) async throws -> [Member] {
        try await node.cli("CLUSTER", "NODES").split(separator: "\n").compactMap(Member.init)
    }
}
