import CardumeRuntime
import CardumeTesting
import Foundation

/// The C program that stands beside each figure: no runtime, the same scripts, the same servers, the same messages.
struct Ceiling: Sendable {
    struct Answer: Decodable, Sendable {
        let messages: Int
        let seconds: Double
        let per_second: Double
        /// Of its process.
        let cpu_seconds: Double
    }

    private let program: String
    private let folder: String
    private let servers: BenchServers

    init(_ servers: BenchServers) throws {
        self.program = try Program.path("cardume-ceiling")
        self.servers = servers
        self.folder = servers.redis.folder
        try RedisLogScripts.append.source.write(toFile: self.appendScript, atomically: true, encoding: .utf8)
        try RedisLogScripts.settle.source.write(toFile: self.settleScript, atomically: true, encoding: .utf8)
    }

    private var appendScript: String { "\(self.folder)/append.lua" }
    private var settleScript: String { "\(self.folder)/settle.lua" }

    /// Appends messages through the log's script; the first has the number 1.
    ///
    /// - Parameters:
    ///   - batch: messages of one call, all of one partition.
    ///   - inFlight: calls that are not answered yet.
    func append(_ workload: ClusterWorkload, batch: Int, inFlight: Int) async throws -> Answer {
        try await self.run([
            "append", "--script", self.appendScript, "--port", "\(self.servers.redis.port)",
            "--partitions", "\(workload.partitions)", "--conversations", "\(workload.conversations)",
            "--messages", "\(workload.messages)", "--batch", "\(batch)", "--pipeline", "\(inFlight)",
        ])
    }

    /// Reads and settles everything in the log.
    func drain(_ workload: ClusterWorkload) async throws -> Answer {
        let answer = try await self.run([
            "drain", "--settle-script", self.settleScript, "--port", "\(self.servers.redis.port)",
            "--partitions", "\(workload.partitions)",
        ])
        guard answer.messages == workload.messages else {
            throw BenchFailure("the ceiling drained \(answer.messages) of \(workload.messages) messages")
        }
        return answer
    }

    /// Inserts the rows of as many turns without replies, in transactions of 100 turns, four of them in the pipeline.
    func turns(_ workload: ClusterWorkload) async throws -> Answer {
        try await self.run([
            "pg-turns", "--url", try self.servers.databaseURL, "--turns", "\(workload.messages)",
            "--conversations", "\(workload.conversations)",
        ])
    }

    private func run(_ arguments: [String]) async throws -> Answer {
        let child = try ChildProcess([self.program] + arguments)
        let line = await child.nextLine()
        await child.end()
        guard let line else { throw BenchFailure("cardume-ceiling \(arguments[0]) ended without a result") }
        return try JSONDecoder().decode(Answer.self, from: Data(line.utf8))
    }
}
