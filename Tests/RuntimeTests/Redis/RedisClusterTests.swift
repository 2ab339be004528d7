import CardumeTesting
import Foundation
import Synchronization
import Testing

@testable import CardumeRuntime

/// A cluster of three masters.
@Suite(.timeLimit(.minutes(2))) struct RedisClusterTests {
    private static let options = RedisServer.Options(persistence: .off, extra: ["cluster-require-full-coverage no"])

    @Test func everySlotIsServed() async throws {
        let cluster = try await RedisCluster.start(options: Self.options)
        try await withRedisClient(cluster.settings) { client in
            try await withThrowingTaskGroup(of: RedisNode?.self) { group in
                for number in 0..<300 {
                    group.addTask {
                        let slot = RedisSlot(key: "k:\(number)")
                        let reply = try await client.send(RedisCommand("SET", "k:\(number)", "v"), slot: slot)
                        #expect(reply.root.string == "OK")
                        return client.node(of: slot)
                    }
                }
                var nodes: Set<RedisNode?> = []
                while let node = try await group.next() { nodes.insert(node) }
                #expect(nodes == Set(cluster.nodes.map(\.node)))
            }
            let reports = try await client.checkServer()
            #expect(reports.count == 3 && reports.allSatisfy(\.isCluster))
            #expect(Set(reports.map(\.node)) == Set(cluster.nodes.map(\.node)))
            let crossing = await RedisConnectionTests.error {
                try await client.send(RedisCommand("MGET", "a", "b"), slot: RedisSlot(key: "a"))
            }
            #expect(crossing?.code == .crossSlot)
        }
        try await cluster.nodes[0].cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        let error = await RedisConnectionTests.error {
            try await withRedisClient(cluster.settings) { try await $0.checkServer() }
        }
        #expect(error?.code == .unsuitable)
        let single = await RedisConnectionTests.error {
            try await withRedisClient(.local(cluster.nodes[0].port)) { try await $0.checkServer() }
        }
        #expect(single?.code == .unsuitable)
        for node in cluster.nodes { try await node.kill9() }
    }

    /// Follows a slot while it moves: ASK for keys that have gone, TRYAGAIN for commands whose keys are in both places,
    /// MOVED once it is done.
    @Test func followsASlotThatMoves() async throws {
        let cluster = try await RedisCluster.start(options: Self.options)
        try await withRedisClient(cluster.settings) { client in
            let slot = RedisSlot(key: "{17}")
            let source = try #require(cluster.server(client.node(of: slot)))
            let target = try #require(cluster.nodes.first { $0.node != source.node })
            for key in ["{17}a", "{17}b"] { _ = try await client.send(RedisCommand("SET", key, "old"), slot: slot) }
            let version = client.topologyVersion
            let changes = client.topologyChanges()
            try await cluster.beginMigration(of: Int(slot.number), to: target)
            try await source.cli("MIGRATE", "127.0.0.1", "\(target.port)", "{17}a", "0", "5000")
            #expect(try await client.send(RedisCommand("GET", "{17}a"), slot: slot).root.string == "old")
            #expect(try await client.send(RedisCommand("GET", "{17}b"), slot: slot).root.string == "old")
            #expect(try await client.send(RedisCommand("SET", "{17}new", "x"), slot: slot).root.string == "OK")
            #expect(try await target.cli("CLUSTER", "COUNTKEYSINSLOT", "\(slot.number)") == "2")
            let script = RedisScript("return redis.call('APPEND', KEYS[1], 'er')")
            var command = script.command(keys: 1)
            command.append("{17}a")
            #expect(try await client.run(script, command, slot: slot).root.integer == 5)
            #expect(client.topologyVersion == version && client.node(of: slot) == source.node)

            let impatient = await RedisConnectionTests.error {
                try await client.send(RedisCommand("MGET", "{17}a", "{17}b"), slot: slot, deadline: .milliseconds(100))
            }
            #expect(impatient?.code == .tryAgain && impatient?.remedy == .retry)
            async let both = client.send(RedisCommand("MGET", "{17}a", "{17}b"), slot: slot, deadline: .seconds(30))
            try await source.cli("MIGRATE", "127.0.0.1", "\(target.port)", "{17}b", "0", "5000")
            #expect(try await both.root.array.map(\.string) == ["older", "old"])

            try await cluster.finishMigration(of: Int(slot.number), to: target)
            #expect(try await client.send(RedisCommand("GET", "{17}b"), slot: slot).root.string == "old")
            #expect(client.node(of: slot) == target.node)
            #expect(client.topologyVersion > version)
            var iterator = changes.makeAsyncIterator()
            #expect(try #require(await iterator.next()) > version)
        }
        for node in cluster.nodes { try await node.kill9() }
    }

    @Test func aNodeThatIsKilledTakesOnlyItsSlotsAlong() async throws {
        let cluster = try await RedisCluster.start(options: Self.options)
        let events = LinkEvents()
        try await withRedisClient(cluster.settings, events: events) { client in
            // The one that the settings name, so that nothing rests on it.
            let dead = cluster.nodes[0]
            let keys = (0..<100).map { "k:\($0)" }
            let lost = try #require(keys.first { client.node(of: RedisSlot(key: $0)) == dead.node })
            let kept = try #require(keys.first { client.node(of: RedisSlot(key: $0)) != dead.node })
            try await dead.kill9()
            #expect(await events.lost()?.code == .closed)
            let error = await RedisConnectionTests.error {
                try await client.send(RedisCommand("GET", lost), slot: RedisSlot(key: lost))
            }
            #expect(error?.code == .notConnected && error?.remedy == .reconnect)
            for _ in 0..<20 {
                #expect(try await client.send(RedisCommand("SET", kept, "v"), slot: RedisSlot(key: kept)).root.string == "OK")
            }
            try await dead.restart()
            await events.connected()
            while try await !dead.cli("CLUSTER", "INFO").contains("cluster_state:ok") {}
            #expect(try await client.send(RedisCommand("GET", lost), slot: RedisSlot(key: lost)).root.isNull)
        }
        for node in cluster.nodes { try await node.kill9() }
    }

    @Test func topologiesAreRead() throws {
        func node(_ port: Int) -> RedisNode { RedisNode(host: "10.0.0.\(port)", port: port) }
        func read(_ wire: String) throws -> RedisTopology {
            var result: Result<RedisTopology, RedisError>?
            try Array(wire.utf8).withUnsafeBytes { bytes in
                try RedisReplyReader().read(bytes) { reply in
                    result = Result { () throws(RedisError) in try RedisTopology(slots: try reply.get().root, from: node(9)) }
                }
            }
            return try #require(result).get()
        }
        func range(_ first: Int, _ last: Int, _ host: String, _ port: Int) -> String {
            "*3\r\n:\(first)\r\n:\(last)\r\n*3\r\n\(host)\r\n:\(port)\r\n$2\r\nid\r\n"
        }
        let wire = "*3\r\n" + range(0, 99, "$8\r\n10.0.0.1", 1) + range(100, 199, "$0\r\n", 2) + range(16383, 16383, "$-1", 9)
        var topology = try read(wire)
        #expect(topology.node(of: RedisSlot(number: 99)) == node(1))
        #expect(topology.node(of: RedisSlot(number: 100)) == RedisNode(host: "10.0.0.9", port: 2))
        #expect(topology.node(of: RedisSlot(number: 200)) == nil)
        #expect(topology.node(of: RedisSlot(number: 16383)) == node(9))
        #expect(throws: RedisError.self) { try read("*0\r\n") }
        for broken in ["*1\r\n*1\r\n:1\r\n", "*1\r\n" + range(5, 4, "$1\r\nh", 1), "*1\r\n" + range(0, 16384, "$1\r\nh", 1)] {
            #expect(throws: RedisError.self) { try read(broken) }
        }

        #expect(topology.version == 0)
        #expect(topology.moved(RedisSlot(number: 99), to: node(1)) == false && topology.version == 0)
        #expect(topology.moved(RedisSlot(number: 99), to: node(3)) && topology.version == 1)
        #expect(topology.node(of: RedisSlot(number: 99)) == node(3) && topology.node(of: RedisSlot(number: 98)) == node(1))
        #expect(topology.adopt(topology) == false)
        #expect(topology.adopt(try read(wire)) && topology.version == 2)
        // The same slots, told in another order.
        let reordered =
            "*3\r\n" + range(16383, 16383, "$-1", 9) + range(100, 199, "$0\r\n", 2) + range(0, 99, "$8\r\n10.0.0.1", 1)
        #expect(topology.adopt(try read(reordered)) == false && topology.version == 2)
        #expect(topology.node(of: RedisSlot(number: 99)) == node(1))
    }
}

extension RedisCluster {
    fileprivate var settings: RedisSettings { .local(self.nodes[0].port) { $0.isCluster = true } }

    fileprivate func server(_ node: RedisNode?) -> RedisServer? { self.nodes.first { $0.node == node } }
}
