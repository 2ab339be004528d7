import CardumeCore
import CardumeRuntime
import NIOCore
import NIOPosix

/// A producer's end of the log, in this process.
enum BenchLog {
    static func with<Result: Sendable>(
        _ workload: ClusterWorkload, _ servers: BenchServers, _ body: (RedisLog) async throws -> Result
    ) async throws -> Result {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        var settings = RedisLog.Settings(queues: [QueueID(ClusterWorkload.assistant)])
        settings.partitionCount = workload.partitions
        let log = RedisLog(
            settings: settings, connector: try RedisConnector(RedisSettings(url: servers.redis.url)),
            eventLoops: Array(loops.makeIterator()))
        let running = Task { await log.run() }
        do {
            _ = try await log.start()
            let result = try await body(log)
            running.cancel()
            await running.value
            try await loops.shutdownGracefully()
            return result
        } catch {
            running.cancel()
            throw error
        }
    }
}

extension RedisLog {
    /// Appends messages of which none was seen before.
    func appendNew(_ messages: [LogAppend]) async throws {
        let outcomes = try await self.append(messages)
        guard !outcomes.contains(.duplicate) else { throw BenchFailure("a new message was taken for a duplicate") }
    }
}
