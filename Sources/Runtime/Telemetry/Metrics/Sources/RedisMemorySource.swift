/// The memory of Redis' servers. One that does not answer is left out.
package struct RedisMemorySource: MetricSource {
    private let log: RedisLog

    package init(_ log: RedisLog) { self.log = log }

    package func samples() async -> [MetricSample] {
        var samples: [MetricSample] = []
        for memory in await self.log.memory() {
            let node = ["node": "\(memory.node)"]
            samples.append(MetricSample("cardume_redis_memory_bytes", node, Double(memory.used)))
            if memory.limit > 0 { samples.append(MetricSample("cardume_redis_memory_limit_bytes", node, Double(memory.limit))) }
        }
        return samples
    }
}

/// What one server says of its memory, in bytes.
struct RedisMemory: Sendable {
    var node: RedisNode
    var used: Int
    /// 0 for none.
    var limit: Int
}

extension RedisLog {
    /// Asks every master.
    func memory() async -> [RedisMemory] {
        await withTaskGroup(of: RedisMemory?.self) { group in
            for link in self.lane(0).client.links {
                group.addTask {
                    // Managed services may forbid it. With the usual deadline: when one passes, the connection is given up,
                    // and a page is not worth that.
                    guard let reply = try? await link.send(RedisCommand("INFO", "memory")) else { return nil }
                    let info = RedisInfo(reply.root.string ?? "")
                    return info["used_memory"].flatMap { Int($0) }.map {
                        RedisMemory(node: link.node, used: $0, limit: info["maxmemory"].flatMap { Int($0) } ?? 0)
                    }
                }
            }
            return await group.reduce(into: []) { if let memory = $1 { $0.append(memory) } }
        }
    }
}
